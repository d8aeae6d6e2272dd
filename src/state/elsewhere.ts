/**
 * Records that other syncs hold too. Two syncs may write one object; a row that leaves the model of one must not
 * take the record away from the other.
 */
import type { Dialect, StateEngine } from "../ports.ts";
import type { SyncRecord } from "./record.ts";
import { contentsOf, shapeOf } from "./settle.ts";
import { current, list, namesOf, type Shape, type Tables } from "./tables.ts";

/** Another sync's snapshot of the same object of the same organisation, where this one's engine can read it. */
export interface Neighbour {
  readonly sync: string;
  /** Absent while another process holds it: then nothing is known of what it holds. */
  readonly record: SyncRecord | undefined;
  /** Qualified name of one of its tables. */
  table(name: string): string;
}

/** What became of removals because of other syncs. */
export interface Spared {
  /** Rows that are forgotten without a write, since another sync holds their records, by its name. */
  readonly released: Readonly<Record<string, number>>;
  /** Syncs that could not be asked: no removal is made in this run. */
  readonly busy: readonly string[];
}

export const NOTHING_SPARED: Spared = { released: {}, busy: [] };

/** Marks the removals whose records neighbours hold: `released` ones are forgotten, `waiting_removed` ones stay. */
export async function spareHeld(
  engine: StateEngine,
  shape: Shape,
  matching: string,
  changes: string,
  neighbours: AsyncIterable<Neighbour>,
): Promise<Spared> {
  const released: Record<string, number> = {};
  const busy: string[] = [];
  for await (const neighbour of neighbours) {
    const { record, sync } = neighbour;
    if (record === undefined) {
      busy.push(sync);
      continue;
    }
    const tables = tablesOfNeighbour(neighbour, record);
    const contents = { ...(await contentsOf(engine, tables)), pending: false, doubt: false, waiting: false };
    const theirs = current(engine.dialect, shapeOf(record), tables, contents);
    let rows = 0;
    for (const condition of heldBy(engine.dialect, shape, matching, record, theirs))
      rows += await engine.run(
        `UPDATE ${changes} SET kind = 'released' WHERE kind = 'removed' AND ${condition}`,
      );
    if (rows > 0) released[sync] = rows;
  }
  if (busy.length > 0)
    await engine.run(`UPDATE ${changes} SET kind = 'waiting_removed' WHERE kind = 'removed'`);
  const isNothing = busy.length === 0 && Object.keys(released).length === 0;
  return isNothing ? NOTHING_SPARED : { released, busy };
}

function tablesOfNeighbour(neighbour: Neighbour, { base, generation }: SyncRecord): Tables {
  const small = (name: string): string => neighbour.table(`${name}_${generation}`);
  const none = "";
  return {
    base: neighbour.table(base),
    delta: small("delta"),
    pending: small("pending"),
    doubt: small("doubt"),
    waiting: small("waiting"),
    staged: none,
    refused: none,
    changes: none,
    outcomes: none,
  };
}

/** Conditions on a removal, each of which says that a snapshot has its record: by its id, or by the same match. */
function heldBy(
  dialect: Dialect,
  shape: Shape,
  matching: string,
  record: SyncRecord,
  theirs: string,
): string[] {
  const text = dialect.types.text;
  const byId = `record_id IN (SELECT s.record_id FROM ${theirs} s WHERE s.record_id IS NOT NULL)`;
  const ours = fieldsOf(matching);
  const other = fieldsOf(record.matching);
  const places = ours.map((field) => other.indexOf(field));
  if (ours.length === 0 || ours.length !== other.length || places.includes(-1)) return [byId];
  const names = namesOf(dialect, shapeOf(record)).all;
  const folded = (expression: string): string => `lower(rtrim(${expression}, ' '))`;
  const left = shape.match.map((i) =>
    folded(`CAST(${dialect.toText(shape.columns[i]!, `b${i}`)} AS ${text})`),
  );
  const right = places.map((place) => {
    const i = record.match[place]!;
    return folded(`CAST(${dialect.toText(record.columns[i]!, `s.${names[i]}`)} AS ${text})`);
  });
  const joined = (parts: readonly string[]): string => list(parts, ` || ${dialect.literal("\n")} || `);
  return [byId, `${joined(left)} IN (SELECT ${joined(right)} FROM ${theirs} s)`];
}

/** The fields of a match in words: `a = x, b = y`. */
const fieldsOf = (matching: string): string[] =>
  matching === "" ? [] : matching.split(", ").map((part) => part.split(" = ")[0]!);
