import type { Headers } from "./headers.ts";
import type { Session } from "./world.ts";

/** One operation of the Web API, from the wire or from a part of a batch. */
export interface Call {
  readonly method: string;
  /** Path and query below the service root, still encoded. */
  readonly target: string;
  readonly headers: Headers;
  readonly body: string;
  readonly session: Session;
  /** The whole request URI, for messages. */
  readonly uri: string;
  readonly inBatch: boolean;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Text, or the bytes of a file. */
  readonly body: string | Buffer;
  /** Where the row is that came back whole: `$1` in a change set may point at it. */
  readonly address?: string;
}

export const JSON_TYPE = "application/json; odata.metadata=minimal";

/** A reply with a JSON body. */
export const withBody = (status: number, body: string, headers: Record<string, string> = {}): Reply => ({
  status,
  headers: { "Content-Type": JSON_TYPE, ...headers },
  body,
});

export const noContent = (headers: Record<string, string> = {}): Reply => ({
  status: 204,
  headers,
  body: "",
});

/** What a request does, decided before it runs: faults and counters go by it. */
export const KINDS = [
  "read",
  "metadata",
  "whoAmI",
  "create",
  "update",
  "upsert",
  "delete",
  "associate",
  "disassociate",
  "createMultiple",
  "updateMultiple",
  "upsertMultiple",
  "deleteMultiple",
  "action",
  "batch",
] as const;
export type Kind = (typeof KINDS)[number];

export interface Route {
  readonly kind: Kind;
  readonly table?: string;
  readonly run: () => Reply;
}
