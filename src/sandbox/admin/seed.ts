import { moment } from "../dates.ts";
import { canonical } from "../decimal.ts";
import { isGuid } from "../guid.ts";
import { isObject, isText, type JsonObject, numberText, parseJson } from "../json.ts";
import { draftOf, finish, newDraft, put, type Reference, type Value } from "../row.ts";
import type { Table } from "../schema.ts";
import { fill, shapeOf } from "../shape.ts";
import type { Column } from "../tables/column.ts";
import type { World } from "../world.ts";
import { createRow } from "../write.ts";
import { type Columns, columnsOf, valueFor, type Written } from "../written.ts";
import { listOf } from "./check.ts";
import { type Administered, type AdminReply, json, wrong } from "./reply.ts";

/** Rows put in place without the service's checks: in one request, or as a stream of JSON Lines. */

/** What is stored of each type of column: exact numbers may come as text, the rest is text. */
const KINDS: Readonly<Partial<Record<Column["type"], "exact" | "number" | "boolean" | "reference">>> = {
  decimal: "exact",
  money: "exact",
  bigint: "exact",
  integer: "number",
  double: "number",
  choice: "number",
  state: "number",
  status: "number",
  boolean: "boolean",
  lookup: "reference",
  customer: "reference",
  owner: "reference",
};

/** A seeded value in stored form: exact numbers as text, lookups as `{ table, id }`; undefined where it does not fit. */
function storedForm(column: Column, value: unknown): Value | undefined {
  if (value === null || value === undefined) return null;
  switch (KINDS[column.type]) {
    case "reference": {
      if (!isObject(value) || !isText(value.table) || !isText(value.id)) return undefined;
      return { table: value.table, id: value.id.toLowerCase() } satisfies Reference;
    }
    case "exact":
      return canonical(numberText(value) ?? (isText(value) ? value : ""));
    case "number": {
      const digits = numberText(value);
      return digits === undefined ? undefined : Number(digits);
    }
    case "boolean":
      return typeof value === "boolean" ? value : undefined;
    default:
      return isText(value) ? value : undefined;
  }
}

/** @param before the columns of the row before */
function storedRow(table: Table, row: JsonObject, before: Columns | undefined): Written {
  const values: Value[] = [];
  for (const name in row) {
    const column = table.columns.get(name);
    if (!column) throw new Error(`${table.logicalName} has no column '${name}'.`);
    const value = storedForm(column, row[name]);
    if (value === undefined) throw new Error(`${table.logicalName}.${name} cannot hold this value.`);
    values.push(value);
  }
  return { columns: columnsOf(row, before), values };
}

/** `POST seed` with `{ table, rows }`: computed columns are filled as on create. */
export function seed(admin: Administered, body: unknown): AdminReply {
  if (!isObject(body) || !listOf(isObject)(body.rows)) return wrong("Send { table, rows }.");
  const table = admin.world.schema.tables.get(String(body.table));
  if (!table) return wrong(`There is no table '${String(body.table)}'.`);
  const world: World = { ...admin.world, plugins: [] };
  let columns: Columns | undefined;
  const ids = admin.quietly(() =>
    world.store.transaction(() =>
      (body.rows as JsonObject[]).map((row) => {
        const written = storedRow(table, row, columns);
        columns = written.columns;
        return createRow(world, admin.session, table, written).id;
      }),
    ),
  );
  return json({ ids });
}

const ROWS_AT_A_TIME = 2000;

/**
 * `POST seed?table=…` with JSON Lines, one row a line: a million rows in seconds. Each block of lines is one
 * transaction, so that a line that is refused leaves the blocks before it.
 */
export async function seedLines(
  admin: Administered,
  table: Table,
  chunks: AsyncIterable<Buffer>,
): Promise<AdminReply> {
  const { world, session } = admin;
  const now = moment(world.now());
  const filled: Record<string, Value> = {
    statecode: 0,
    statuscode: 1,
    ownerid: session.user,
    owninguser: session.user,
    owningbusinessunit: world.organization.businessUnit,
    createdon: now,
    modifiedon: now,
    createdby: session.user,
    modifiedby: session.user,
  };
  let columns: Columns | undefined;
  let lines: string[] = [];
  let rows = 0;
  const flush = (): void => {
    const start = newDraft(world.store.layout(table));
    for (const name in filled) if (table.columns.has(name)) put(start, name, filled[name] as Value);
    const base = finish(start);
    admin.quietly(() =>
      world.store.transaction(() => {
        for (const line of lines) {
          const parsed = parseJson(line);
          if (!isObject(parsed)) throw new Error(`Line ${rows + 1} is no JSON object.`);
          const written = storedRow(table, parsed, columns);
          columns = written.columns;
          const draft = draftOf(base);
          fill(draft, shapeOf(table, start.layout, columns), written);
          const given = valueFor(written, table.primaryId);
          const id = typeof given === "string" && isGuid(given) ? given.toLowerCase() : undefined;
          world.store.insert(table, id, draft, []);
          rows += 1;
        }
      }),
    );
    lines = [];
  };
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    let data = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10)) {
      const line = data.toString("utf8", 0, end).trim();
      if (line !== "") lines.push(line);
      if (lines.length >= ROWS_AT_A_TIME) flush();
      data = data.subarray(end + 1);
    }
    rest = Buffer.from(data);
  }
  const last = rest.toString("utf8").trim();
  if (last !== "") lines.push(last);
  flush();
  return json({ rows });
}
