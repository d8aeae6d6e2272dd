import type { SyncSpec } from "../core/spec.ts";

/** What a sync's mode makes of changes (DESIGN section 3). */
export interface ModeRules {
  /** Rows that differ from the snapshot are written. */
  readonly changed: boolean;
  /** Rows that have left the model are written. */
  readonly removed: boolean;
}

export function modeRules({ mode, onRemoved }: SyncSpec): ModeRules {
  return {
    changed: mode !== "insert",
    removed: mode !== "insert" && mode !== "update" && onRemoved !== "keep",
  };
}
