import type { Mode, SyncSpec } from "../core/spec.ts";

/** What a sync's mode makes of changes (DESIGN section 3). */
export interface ModeRules {
  /** Rows that differ from the snapshot are written. */
  readonly changed: boolean;
  /** Rows that have left the model are written. */
  readonly removed: boolean;
}

/** Modes in which a row's presence alone counts, and no key is ever forgotten. */
const BY_PRESENCE: readonly Mode[] = ["insert", "add", "remove"];

export function modeRules({ mode, onRemoved }: Pick<SyncSpec, "mode" | "onRemoved">): ModeRules {
  const changed = !BY_PRESENCE.includes(mode);
  return { changed, removed: changed && mode !== "update" && onRemoved !== "keep" };
}
