import { describe, expect, test } from "vitest";
import type { SyncRun } from "../../src/sync/report.ts";
import { runSync } from "../../src/sync/run.ts";
import { type FreeDestination, freeDestination } from "../support/free-destination.ts";
import { inDuckdb, preparedOn, syncSpec, temporaryFolder } from "../support/project.ts";

const signal = new AbortController().signal;
const sync = syncSpec({
  match: [{ field: "number", column: "number" }],
  fields: ["name", "amount"].map((field) => ({ field, source: { column: field }, whenNull: "clear" })),
});

interface Row {
  readonly id: number;
  readonly name: string | null;
  readonly amount: number | null;
}

const bench = (folder: string, destination: FreeDestination) =>
  preparedOn({
    folder,
    query: "SELECT id, 'N-' || id AS number, name, amount FROM people",
    primaryKey: ["id"],
    sync,
    destination,
  });

async function fill(folder: string, rows: readonly Row[]): Promise<void> {
  const values = rows.map(
    ({ id, name, amount }) =>
      `(${id}, ${name === null ? "NULL" : `'${name.replaceAll("'", "''")}'`}, ${amount ?? "NULL"})`,
  );
  await inDuckdb(
    `${folder}/warehouse.duckdb`,
    "CREATE OR REPLACE TABLE people (id INTEGER, name VARCHAR, amount DECIMAL(18,4))",
    ...(values.length > 0 ? [`INSERT INTO people VALUES ${values.join(", ")}`] : []),
  );
}

async function run(folder: string, destination: FreeDestination): Promise<SyncRun> {
  return runSync(await bench(folder, destination), { signal });
}

describe("convergence", () => {
  test("an update carries the changed fields of the changed rows and nothing else", async () => {
    using folder = temporaryFolder();
    const destination = freeDestination();
    const start = Array.from({ length: 50 }, (_, i) => ({ id: i, name: `n${i}`, amount: i }));
    await fill(folder.path, start);
    await run(folder.path, destination);
    destination.received.length = 0;
    await fill(
      folder.path,
      start.map((r) => (r.id === 7 ? { ...r, amount: 99 } : r)),
    );
    await run(folder.path, destination);
    expect(destination.received).toEqual([{ kind: "update", key: "N-7", fields: ["amount"] }]);
  });

  test("a value that was written without an acknowledgement is written back when the model returns to the old one", async () => {
    using folder = temporaryFolder();
    const destination = freeDestination();
    await fill(folder.path, [{ id: 1, name: "old", amount: 1 }]);
    await run(folder.path, destination);
    await fill(folder.path, [{ id: 1, name: "new", amount: 1 }]);
    destination.fault = () => "lost-after";
    await run(folder.path, destination);
    expect(destination.find("N-1")?.fields.get("name")).toBe('"new"');
    destination.fault = () => "ok";
    await fill(folder.path, [{ id: 1, name: "old", amount: 1 }]);
    await run(folder.path, destination);
    expect(destination.find("N-1")?.fields.get("name")).toBe('"old"');
  });
});

describe("match values that move", () => {
  const codes = syncSpec({
    match: [{ field: "code", column: "code" }],
    fields: [{ field: "name", source: { column: "name" }, whenNull: "clear" }],
  });
  const run = async (
    folder: string,
    destination: FreeDestination,
    rows: string,
    sync = codes,
  ): Promise<SyncRun> => {
    await inDuckdb(
      `${folder}/warehouse.duckdb`,
      `CREATE OR REPLACE TABLE t AS SELECT * FROM (VALUES ${rows}) t(id, code, name)`,
    );
    const prepared = await preparedOn({
      folder,
      query: "SELECT * FROM t",
      primaryKey: ["id"],
      sync,
      destination,
    });
    return runSync(prepared, { signal });
  };

  test("a row that returns after another row had its record is written again", async () => {
    using folder = temporaryFolder();
    const destination = freeDestination();
    await run(folder.path, destination, "(1, 'W', 'Ann'), (9, 'Z', 'Zoe')");
    await run(folder.path, destination, "(2, 'w ', 'Bob'), (9, 'Z', 'Zoe')");
    expect((await run(folder.path, destination, "(1, 'W', 'Ann'), (9, 'Z', 'Zoe')")).applied).toBe(1);
    expect(destination.find("W")?.fields.get("name")).toBe('"Ann"');
  });

  test("moves are written before the rows that take their old values, and a failed move holds its value", async () => {
    using folder = temporaryFolder();
    const destination = freeDestination();
    await run(folder.path, destination, "(1, 'A', 'Ann')");
    destination.received.length = 0;
    destination.fault = ({ change }) => (change.key[0] === "1" ? "rejected" : "ok");
    const failed = await run(folder.path, destination, "(1, 'B', 'Ann'), (2, 'A', 'Bob')");
    expect(failed.rejections.byCode).toEqual({ "test.rejected": 1, "match.taken": 1 });
    expect(destination.received).toEqual([]);
    destination.fault = () => "ok";
    await run(folder.path, destination, "(1, 'B', 'Ann'), (2, 'A', 'Bob')");
    expect(destination.received.map(({ key }) => key)).toEqual(["B", "A"]);
    expect(destination.records.map(({ match, fields }) => [match, fields.get("name")])).toEqual([
      ["B", '"Ann"'],
      ["A", '"Bob"'],
    ]);
  });

  test("an added row in doubt that comes back under another match value is a change of the record that was sent", async () => {
    using folder = temporaryFolder();
    const destination = freeDestination();
    destination.fault = () => "lost-after";
    await run(folder.path, destination, "(1, 'OLD', 'Ann')");
    destination.fault = () => "ok";
    destination.received.length = 0;
    const settled = await run(folder.path, destination, "(1, 'NEW', 'Ann')");
    expect(settled.applied).toBe(1);
    expect(destination.received).toEqual([{ kind: "update", key: "NEW", fields: ["name"] }]);
    expect(destination.records.map(({ match }) => match)).toEqual(["NEW"]);
    expect((await run(folder.path, destination, "(1, 'NEW', 'Ann')")).unchanged).toBe(1);
  });

  test("another match is refused, since records could not be told apart", async () => {
    using folder = temporaryFolder();
    const destination = freeDestination();
    await run(folder.path, destination, "(1, 'A', 'Ann')");
    const other = { ...codes, match: [{ field: "code", column: "name" }] };
    await expect(run(folder.path, destination, "(1, 'A', 'Ann')", other)).rejects.toMatchObject({
      code: "state.match_changed",
    });
  });

  test("a column of another type is written again, a column renamed by case too, and no name of ours collides", async () => {
    using folder = temporaryFolder();
    const destination = freeDestination();
    const spec = (column: string) =>
      syncSpec({
        match: [{ field: "code", column: "code" }],
        fields: [{ field: "name", source: { column }, whenNull: "clear" }],
      });
    await run(folder.path, destination, "(1, 'A', '007')", spec("name"));
    expect((await run(folder.path, destination, "(1, 'A', 7)", spec("name"))).applied).toBe(1);
    expect(destination.find("A")?.fields.get("name")).toBe('"7"');
    await inDuckdb(
      `${folder.path}/warehouse.duckdb`,
      "CREATE OR REPLACE TABLE t AS SELECT 1 AS rowid, 'R' AS code, 7 AS _backhaul_id, 8 AS _backhaul_seq",
    );
    const odd = syncSpec({
      name: "odd",
      match: [{ field: "code", column: "code" }],
      fields: ["rowid", "_backhaul_id", "_backhaul_seq"].map((field) => ({
        field,
        source: { column: field },
        whenNull: "clear" as const,
      })),
    });
    const prepared = await preparedOn({
      folder: folder.path,
      query: "SELECT * FROM t UNION ALL SELECT NULL, 'N', 1, 2",
      primaryKey: ["rowid"],
      sync: odd,
      destination,
    });
    const result = await runSync(prepared, { signal });
    expect(result).toMatchObject({ applied: 1, rejections: { byCode: { "key.null": 1 } } });
    expect(Object.fromEntries(destination.find("R")?.fields ?? [])).toEqual({
      rowid: '"1"',
      _backhaul_id: '"7"',
      _backhaul_seq: '"8"',
    });
  });
});
