import type { Problem } from "../core/errors.ts";
import type { Prepared } from "./prepare.ts";

type Writer = Pick<Prepared, "sync"> & {
  readonly identity: Pick<Prepared["identity"], "organization">;
  readonly compiled: Pick<Prepared["compiled"], "object">;
};

/**
 * Fields that two syncs write in one object of one organisation, unless both say `shared: true`. The config shows those
 * alone whose objects and destinations are called the same there.
 */
export function sharedProblems(prepared: readonly Writer[]): Problem[] {
  const writers = new Map<string, Writer["sync"][]>();
  const problems: Problem[] = [];
  for (const { sync, identity, compiled } of prepared) {
    for (const { field } of sync.fields) {
      const key = JSON.stringify([identity.organization, compiled.object, field]);
      const others = writers.get(key) ?? [];
      writers.set(key, [...others, sync]);
      const other = others.find(({ shared }) => !(shared && sync.shared));
      if (other === undefined) continue;
      problems.push({
        kind: "config",
        code: "config.conflict",
        message: `The syncs "${other.name}" and "${sync.name}" both write "${field}" of "${compiled.object}".`,
        remedy: "Leave the field to one of them, or write shared: true in both.",
        place: sync.place("fields", field),
      });
    }
  }
  return problems;
}
