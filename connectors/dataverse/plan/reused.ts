/**
 * Ids of our own whose records are other rows' by now: of a primary key that is used again for somebody else, the id
 * stands for the record that another row was matched to since. Nobody's record is overwritten for that.
 */
import type { Operation } from "../../../src/sdk.ts";
import type { Found, Mapping } from "../compile/mapping.ts";
import type { Service } from "../sender/service.ts";
import { isElastic } from "../table.ts";
import { isProblem, NULL } from "../types/value-problem.ts";
import { addressById, idOf, inQueries } from "../url.ts";
import { idOfTexts } from "../uuid5.ts";
import { type Held, heldMatch } from "./held.ts";
import { foldedJson, matchOf, readBy } from "./match.ts";

/**
 * Of creates that met a record with their id, those whose record has another row's match value: what to create
 * instead, under an id that the match value is part of; null where that one is taken as well.
 */
export type Renamed = (
  creates: readonly Operation[],
  idSeed: readonly string[],
  signal: AbortSignal,
) => Promise<ReadonlyMap<Operation, Operation | null>>;

/** Undefined where a record with the id of our own is the row's in any case. */
export function openRenamed(service: Service, mapping: Mapping): Renamed | undefined {
  const { match, rules, table } = mapping;
  const isPlain = match.parts.every(({ lookup }) => lookup === undefined);
  // An insert never forgets a key, and does not know what it has sent without an answer.
  const isForgetful = rules.mode !== "insert" && match.by !== "none" && match.by !== "id";
  if (!isPlain || !isForgetful || rules.ids !== "own" || isElastic(table)) return undefined;
  const select = [table.primaryId, ...match.parts.map(readBy)];
  return async (creates, idSeed, signal) => {
    const ids = creates.flatMap(({ record }) => idOf(record) ?? []);
    const paths = inQueries({ set: table.set, select, property: table.primaryId, values: ids });
    const held = new Map<string, Held>();
    for (const row of await service.queries(paths, signal)) {
      const id = String(row[table.primaryId]).toLowerCase();
      held.set(id, { id, row });
    }
    const renamed = new Map<Operation, Operation | null>();
    for (const create of creates) {
      const found = held.get(idOf(create.record) ?? "");
      const [after, ...before] = sentAs(mapping, create);
      if (found === undefined || after === undefined) continue;
      if ([after, ...before].some((sent) => isHeld(mapping, sent, found))) continue;
      const id = idOfTexts([
        ...idSeed,
        ...create.change.key.map((part) => part ?? ""),
        ...after.map(foldedJson),
      ]);
      const record = addressById(table.set, id);
      renamed.set(create, record === create.record ? null : { ...create, record });
    }
    return renamed;
  };
}

/** The match values that a row has, and those that it may have been sent with before. */
function sentAs(mapping: Mapping, { change }: Operation): readonly Found[] {
  const rows = change.kind === "changed" ? [change.after, change.before] : [];
  if (change.kind === "added") rows.push(change.after);
  const found = rows.map((row) => matchOf(mapping, row));
  return found.filter((one): one is Found => !isProblem(one));
}

/** What a record has lost, nobody else has. */
function isHeld(mapping: Mapping, sent: Found, held: Held): boolean {
  const has = heldMatch(mapping, sent, held);
  return has.every((json, index) => json === sent[index]) || has.every((json) => json === NULL);
}
