import type { Audit } from "../audit.ts";
import type { Session, World } from "../world.ts";

/** What the back door is given. */
export interface Administered {
  readonly world: World;
  readonly audit: Audit;
  readonly session: Session;
  /** Runs work whose rows stay out of counters and audit. */
  readonly quietly: <T>(work: () => T) => T;
}

export interface AdminReply {
  readonly status: number;
  /** JSON text, in pieces because a dump may be longer than a string can be. */
  readonly body: Iterable<string>;
}

export const json = (value: unknown, status = 200): AdminReply => ({ status, body: [JSON.stringify(value)] });
export const wrong = (message: string, status = 400): AdminReply => json({ error: message }, status);
export const DONE: AdminReply = { status: 204, body: [] };
