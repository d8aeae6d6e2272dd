/** What a saved plan rests on, and what of it has moved since. */
import { createHash } from "node:crypto";
import type { Planned } from "../core/change.ts";
import type { Problem } from "../core/errors.ts";
import type { Value } from "../core/value.ts";
import type { Layout } from "../state/state.ts";
import type { Section, SyncHead } from "./plan-file.ts";
import type { Prepared } from "./prepare.ts";
import type { Staged } from "./stage.ts";

const fingerprint = (parts: unknown): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);

/** What a plan rests on in the state: the number that a run of it has, and `basisOf` its record. */
export type Basis = Pick<SyncHead, "run" | "state">;

export function syncHead(prepared: Prepared, basis: Basis, staged: Staged): SyncHead {
  const { model, sync, compiled, identity, shape } = prepared;
  const { mode, onRemoved, audience, associate, rules, match, fields } = sync;
  return {
    sync: sync.name,
    organization: identity.organization,
    object: compiled.object,
    model: fingerprint([model.name, model.warehouse, model.query, model.timezone, model.primaryKey]),
    mapping: fingerprint([
      mode,
      onRemoved,
      audience,
      associate,
      rules,
      match,
      fields,
      compiled.fields,
      shape,
    ]),
    schemaVersion: compiled.schemaVersion,
    ...basis,
    columns: shape.columns.map(({ name }) => name),
    staged,
  };
}

const OTHER_RUN = "the state: another run has been since";

const MOVED: readonly (readonly [keyof SyncHead, string])[] = [
  ["organization", "the organisation that the destination leads to"],
  ["object", "the object"],
  ["model", "the model"],
  ["mapping", "the mapping"],
  ["schemaVersion", "the destination's metadata"],
  ["run", OTHER_RUN],
  ["state", "the state: it was forgotten, or a run of it has ended"],
];

/** What differs from what a plan was made for; none when the plan still holds. */
export function movedSince(planned: SyncHead, now: SyncHead): Problem[] {
  const parts = MOVED.filter(([part]) => planned[part] !== now[part]);
  // Another run is enough to say of the state.
  const moved = parts
    .filter(([part]) => part !== "state" || planned.run === now.run)
    .map(([, words]) => words);
  return moved.length === 0 ? [] : [movedProblem(planned.sync, moved.join("; "))];
}

/** The same of the state alone, which an apply asks once more when no other run can use it. */
export function stateMoved({ sync, run, state }: SyncHead, now: Basis): Problem[] {
  const about = { sync, run, state } as SyncHead;
  return movedSince(about, { ...about, ...now });
}

export const movedProblem = (sync: string, what: string): Problem => ({
  kind: "config",
  code: "plan.moved",
  message: `The plan of ${sync} cannot be applied; what has moved since: ${what}.`,
  remedy: "Save a new plan by `backhaul plan --out FILE`, and look at it again.",
});

/** Removals come first, then records that get another match value, then the rest. */
export function sectionOf({ shape, unique = [] }: Layout, planned: Planned): Exclude<Section, "refused"> {
  const change = planned.status === "planned" ? planned.operation.change : planned.change;
  if (change.kind === "removed") return "removals";
  if (change.kind === "added") return "rest";
  const folded = (row: readonly Value[]): string =>
    JSON.stringify(
      [...shape.match, ...unique.flat()].map((i) => row[i]?.replace(/ +$/, "").toLowerCase() ?? null),
    );
  return folded(change.before) === folded(change.after) ? "rest" : "moves";
}
