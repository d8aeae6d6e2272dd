/** Which of many records a refusal is about. Pure. */
import type { Operation } from "../../../src/sdk.ts";
import { idOf } from "../url.ts";

const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** More than so many named ones are no help. */
const MOST = 10;
/** Shorter values of keys stand in texts for other reasons. */
const SHORTEST_KEY = 4;

/**
 * The operations whose record, or a record that they point at, the text of a refusal names by its id or by the value
 * of its key; none where it names too many. Who is named may still not be who is at fault.
 */
export function suspectsOf(operations: readonly Operation[], message: string): readonly Operation[] {
  const said = message.toLowerCase();
  const ids = new Set(said.match(ID) ?? []);
  const suspects = operations.filter((operation) => {
    const record = operation.record.toLowerCase();
    const id = idOf(record);
    if (id !== null) return ids.has(id);
    return keyValuesIn(record).some((value) => value.length >= SHORTEST_KEY && said.includes(`'${value}'`));
  });
  if (suspects.length > 0 || ids.size === 0) return suspects.length > MOST ? [] : suspects;
  const pointing = operations.filter(({ fields }) =>
    fields.some(
      ({ property, json }) =>
        property.endsWith("@odata.bind") && (json.toLowerCase().match(ID) ?? []).some((id) => ids.has(id)),
    ),
  );
  return pointing.length > MOST ? [] : pointing;
}

/** The texts in an address by an alternate key. */
const keyValuesIn = (record: string): string[] =>
  [...record.matchAll(/='((?:[^']|'')*)'/g)].map(([, value = ""]) => value.replaceAll("''", "'"));

export function halvesOf(operations: readonly Operation[]): Operation[][] {
  const middle = Math.ceil(operations.length / 2);
  return [operations.slice(0, middle), operations.slice(middle)];
}
