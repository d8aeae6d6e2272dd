/**
 * What one place of a project says about another: names that must exist, be unique, or not collide. Looks at files as
 * they are parsed, so that these problems are found beside those of a file's own shape.
 */
import type { Place } from "../core/errors.ts";
import { type Finding, finding } from "./problems.ts";
import { isMapping, select } from "./walk.ts";
import { listed, suggestion } from "./words.ts";
import type { Path, Source } from "./yaml.ts";

/** Warehouses and destinations that a model names and the project has not. */
export function nameFindings(model: Source, project: Source): Finding[] {
  const warehouses = namesIn(project, "warehouses");
  const unknown = (pattern: string, what: string, names: readonly string[]) =>
    textsAt(model, pattern)
      .filter(({ text }) => !names.includes(text))
      .map(({ path, text }) => {
        const message = `There is no ${what} "${text}" in ${project.file}.`;
        return finding(model, path, "unknown_name", message, suggestion(text, names));
      });
  const found = [
    ...unknown("warehouse", "warehouse", warehouses),
    ...unknown("syncs.*.destination", "destination", namesIn(project, "destinations")),
  ];
  if (warehouses.length > 1 && isMapping(model.data) && !Object.hasOwn(model.data, "warehouse")) {
    const message = `The model does not say in which warehouse it runs: ${listed(warehouses)}.`;
    found.push(finding(model, [], "missing_key", message, `For example: warehouse: ${warehouses[0]}`));
  }
  return found;
}

/** Names that stand twice. State is kept in folders by name, so case does not tell two names apart. */
export function duplicateFindings(models: readonly Source[]): Finding[] {
  const taken = new Map<string, Place>();
  const claim = (model: Source, what: string, { path, text }: Text): Finding[] => {
    const key = `${what} ${text.toLowerCase()}`;
    const first = taken.get(key);
    if (first === undefined) taken.set(key, model.place(path, "value"));
    if (first === undefined) return [];
    const message = `The ${what} "${text}" has the name of the one in ${first.file}, line ${first.line}.`;
    return [finding(model, path, "duplicate_name", message, "Give one of them another name.")];
  };
  return models.flatMap((model) => [
    ...textsAt(model, "model").flatMap((name) => claim(model, "model", name)),
    ...textsAt(model, "syncs.*.sync").flatMap((name) => claim(model, "sync", name)),
  ]);
}

/** Fields that two syncs write in one object of one destination, unless both say `shared: true`. */
export function sharedFindings(models: readonly Source[]): Finding[] {
  const writers = new Map<string, Record<string, unknown>[]>();
  const found: Finding[] = [];
  for (const model of models)
    for (const { path, value: sync } of select(model.data, "syncs.*")) {
      if (!isMapping(sync) || !isMapping(sync.fields)) continue;
      const object = sync.object ?? (isMapping(sync.audience) ? sync.audience.member : undefined);
      if (typeof object !== "string") continue;
      for (const field of Object.keys(sync.fields)) {
        const key = JSON.stringify([sync.destination, object.toLowerCase(), field.toLowerCase()]);
        const others = writers.get(key) ?? [];
        writers.set(key, [...others, sync]);
        const other = others.find((one) => !(one.shared === true && sync.shared === true));
        if (other === undefined) continue;
        const message = `The syncs "${other.sync}" and "${sync.sync}" both write "${field}" of "${object}".`;
        const remedy = "Leave the field to one of them, or write shared: true in both.";
        found.push(finding(model, [...path, "fields", field], "conflict", message, remedy, "key"));
      }
    }
  return found;
}

interface Text {
  readonly path: Path;
  readonly text: string;
}

function textsAt(source: Source, pattern: string): Text[] {
  return select(source.data, pattern).flatMap(({ path, value }) =>
    typeof value === "string" ? [{ path, text: value }] : [],
  );
}

function namesIn(source: Source, key: string): string[] {
  return select(source.data, `${key}.*`).map(({ path }) => String(path[1]));
}
