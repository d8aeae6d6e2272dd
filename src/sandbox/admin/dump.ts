import { valueIn, valuesIn } from "../row.ts";
import type { Table } from "../schema.ts";
import type { World } from "../world.ts";
import { type Administered, type AdminReply, json, wrong } from "./reply.ts";

/** What is stored, as it is stored. */

const PIECE = 64 * 1024;

function* dumped(world: World, table: Table, columns: readonly string[] | undefined): Iterable<string> {
  let piece = `{"table":"${table.logicalName}","rows":[`;
  let first = true;
  for (const row of world.store.rows(table).values()) {
    const values = columns
      ? Object.fromEntries(columns.map((column) => [column, valueIn(row, column) ?? null]))
      : valuesIn(row);
    piece += `${first ? "" : ","}${JSON.stringify({ id: row.id, version: row.version, values })}`;
    first = false;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = "";
  }
  yield `${piece}]}`;
}

/** `GET dump?table=…&columns=a,b`, streamed: a table may be larger than a string can be. */
export function dump(admin: Administered, query: URLSearchParams): AdminReply {
  const table = admin.world.schema.tables.get(query.get("table") ?? "");
  if (!table) return wrong(`There is no table '${query.get("table") ?? ""}'.`);
  const columns = query.get("columns")?.split(",");
  const unknown = columns?.find((column) => !table.columns.has(column));
  if (unknown !== undefined) return wrong(`${table.logicalName} has no column '${unknown}'.`);
  return { status: 200, body: dumped(admin.world, table, columns) };
}

export function overview(admin: Administered): AdminReply {
  const tables = [...admin.world.schema.tables.values()];
  return json({
    organizationId: admin.world.organization.id,
    tables: tables.map((table) => ({
      table: table.logicalName,
      set: table.set,
      rows: admin.world.store.rows(table).size,
    })),
  });
}
