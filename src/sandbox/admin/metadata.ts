import { tableOf } from "../definitions/table.ts";
import { isObject, isText, numberText } from "../json.ts";
import { dropColumn, dropTable, putTables, setKeyStatus } from "../metadata/alter.ts";
import type { Json, KeyDescription } from "../tables/column.ts";
import type { World } from "../world.ts";
import { type AdminReply, DONE, wrong } from "./reply.ts";

/** Changes of the definitions while clients look on: what a maker does in the real service. */

const STATES = new Set(["Active", "Pending", "InProgress", "Failed"]);

/** Definitions hold plain numbers; the two limits of 64 bits are written out again when they are answered. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
  return typeof value === "string" && !isText(value) ? Number(numberText(value)) : value;
}

/** `{ table, key, status }` moves the index of a key; a definition adds a table or takes the place of one. */
export function writeMetadata(world: World, body: unknown): AdminReply {
  if (!isObject(body)) return wrong("Send { table, key, status } or the definition of a table.");
  if (typeof body.table === "string" && typeof body.key === "string") {
    if (!STATES.has(String(body.status)))
      return wrong("The status is Active, Pending, InProgress or Failed.");
    setKeyStatus(world, body.table, body.key, body.status as KeyDescription["status"]);
    return DONE;
  }
  const read = tableOf(plain(body) as Json, (name) => world.schema.tables.get(name)?.bulk);
  if (typeof read === "string") return wrong(`This is no definition of a table: ${read}.`);
  const owner = world.schema.sets.get(read.table.set)?.logicalName;
  if (owner !== undefined && owner !== read.table.logicalName) {
    return wrong(`The set '${read.table.set}' belongs to the table '${owner}' already.`);
  }
  const secured = read.table.keys
    .flatMap((key) => key.columns)
    .find((column) => world.security.secured.has(`${read.table.logicalName}.${column}`));
  if (secured !== undefined) return wrong(`${secured} is a secured column: it cannot be part of a key.`);
  putTables(world, [read.table]);
  return DONE;
}

/** `?table=x` or `?table=x&column=y`. */
export function dropMetadata(world: World, query: URLSearchParams): AdminReply {
  const table = query.get("table");
  const column = query.get("column");
  if (table === null) return wrong("Name the table, or the table and a column.");
  if (column === null) dropTable(world, table);
  else dropColumn(world, table, column);
  return DONE;
}
