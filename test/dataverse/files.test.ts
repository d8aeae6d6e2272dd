/** Files follow their records by requests of their own, and images go with the row: through the engine, at the wire. */
import { expect, test } from "vitest";
import type { FieldSpec, SyncSpec } from "../../src/core/spec.ts";
import type { Prepared } from "../../src/sync/prepare.ts";
import { runSync } from "../../src/sync/run.ts";
import { inDuckdb, preparedOn, syncSpec, temporaryFolder } from "../support/project.ts";
import { type Bench, columnsOf, openBench, running, syncOf } from "./support/bench.ts";
import { refusalOf } from "./support/refusal.ts";

const signal = new AbortController().signal;
const field = (name: string, column: string, more: Partial<FieldSpec> = {}): FieldSpec => ({
  field: name,
  source: { column },
  whenNull: "clear",
  ...more,
});
const manual = (more: Partial<SyncSpec> = {}): SyncSpec =>
  syncSpec({
    object: "new_asset",
    match: [{ field: "new_name", column: "id" }],
    fields: [field("new_manual", "body", { fileName: "file" })],
    ...more,
  });
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const query = (...rows: readonly (readonly (string | null)[])[]): string =>
  `SELECT * FROM (VALUES ${rows
    .map((row) => `(${row.map((value) => (value === null ? "NULL" : `'${value}'`)).join(", ")})`)
    .join(", ")}) t(id, body, file)`;

interface Here extends AsyncDisposable {
  readonly bench: Bench;
  prepare(sql: string, sync?: SyncSpec): Promise<Prepared>;
  /** Files by the name of their record: name and content. */
  files(): Promise<Record<string, unknown>>;
}

async function here(options: Parameters<typeof openBench>[0] = {}): Promise<Here> {
  const folder = temporaryFolder();
  const bench = await openBench(options);
  await inDuckdb(`${folder.path}/warehouse.duckdb`, "SELECT 1");
  return {
    bench,
    prepare: (sql, sync = manual()) =>
      preparedOn({
        folder: folder.path,
        query: sql,
        primaryKey: ["id"],
        sync,
        destination: bench.destination,
      }),
    async files() {
      const stored = await bench.stored("fileattachment");
      const assets = [...(await bench.stored("new_asset", "new_name")).values()];
      return Object.fromEntries(
        assets.map(({ new_name, new_manual }) => {
          const found = stored.get(String(new_manual));
          const body = found && Buffer.from(String(found.body), "base64");
          return [
            new_name,
            found ? [found.filename, body!.length > 100 ? body!.length : String(body)] : null,
          ];
        }),
      );
    },
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

test("a new record's file follows in the same run; a second run sends nothing; a change sends the file alone", async () => {
  await using it = await here();
  const rows = [
    ["A", base64("first"), "Ä b?.pdf"],
    ["B", null, null],
    ["C", base64("third"), null],
  ] as const;
  const prepared = await it.prepare(query(...rows));
  expect(prepared.compiled.warnings).toEqual([
    "new_asset.new_manual cannot be set on a new record: a second request of the run writes it.",
  ]);
  const first = await runSync(prepared, { signal });
  expect(first).toMatchObject({ applied: 3, rejections: { total: 0 } });
  expect(await it.files()).toEqual({ A: ["Ä b?.pdf", "first"], B: null, C: ["new_manual", "third"] });
  expect(await runSync(prepared, { signal })).toMatchObject({ applied: 0, requests: { writes: 0 } });
  const changed = await it.prepare(query(["A", base64("other"), "Ä b?.pdf"], rows[1], ["C", null, null]));
  const { operations: before } = await it.bench.counters();
  expect(await runSync(changed, { signal })).toMatchObject({ applied: 2, requests: { writes: 2 } });
  expect(await it.files()).toEqual({ A: ["Ä b?.pdf", "other"], B: null, C: null });
  const { operations, refusals, ignored } = await it.bench.counters();
  expect([operations.updateMultiple, refusals, ignored]).toEqual([before.updateMultiple, {}, {}]);
  const renamed = await it.prepare(query(["A", base64("other"), "new.pdf"], rows[1], ["C", null, null]));
  await runSync(renamed, { signal });
  expect(await it.files()).toMatchObject({ A: ["new.pdf", "other"] });
});

test("a large file goes in parts, in order", async () => {
  await using it = await here();
  const bytes = Buffer.alloc(18 * 1024 * 1024, "0123456789");
  const large = `SELECT 'A' AS id, repeat('${base64("0123456789".repeat(3))}', ${(bytes.length / 30) | 0}) AS body, 'a.bin' AS file`;
  const run = await runSync(await it.prepare(large), { signal });
  expect(run).toMatchObject({ applied: 1, rejections: { total: 0 } });
  const size = Math.floor(bytes.length / 30) * 30;
  expect(await it.files()).toEqual({ A: ["a.bin", size] });
  const stored = [...(await it.bench.stored("fileattachment")).values()][0];
  expect(
    Buffer.from(String(stored?.body), "base64").equals(Buffer.from("0123456789".repeat(size / 10))),
  ).toBe(true);
  // One to announce it, five parts of 4 MB at most.
  expect(run.requests.writes).toBe(1 + 1 + 5);
});

test("what is no base64 or too large is rejected before anything is sent, with field, size and limit", async () => {
  await using it = await here();
  const rows = `SELECT * FROM (VALUES ('A', 'no base64!', 'a'), ('B', '${base64("ok")}', 'b'), ('C', repeat('AAAA', 11200000), 'c')) t(id, body, file)`;
  const run = await runSync(await it.prepare(rows), { signal });
  expect(run).toMatchObject({
    applied: 1,
    rejections: { byCode: { "value.not_base64": 1, "value.too_large": 1 } },
  });
  const texts = run.rejections.listed.map(({ message }) => message);
  expect(texts).toContain("new_manual: the file has 32813 KB; the column takes 32768.");
  expect((await it.bench.counters()).refusals).toEqual({});
});

test("a file that the service refuses rejects its row, names the field, and is sent again when asked", async () => {
  await using it = await here();
  const refusal = { status: 400, code: "0x80043e09", message: "The attachment is not a valid file type." };
  await it.bench.faults({
    on: { kind: "update", table: "new_asset", inBatch: false },
    do: refusal,
    times: 1,
  });
  const prepared = await it.prepare(query(["A", base64("x"), "a.exe"], ["B", base64("y"), "b.pdf"]));
  const run = await runSync(prepared, { signal });
  expect(run.rejections).toMatchObject({ total: 1, listed: [{ field: "new_manual" }] });
  expect(run.rejections.listed[0]?.message).toContain("not a valid file type");
  expect(await runSync(prepared, { signal, retry: true })).toMatchObject({ rejections: { total: 0 } });
  expect(Object.values(await it.files())).toEqual([
    ["a.exe", "x"],
    ["b.pdf", "y"],
  ]);
  expect((await it.bench.counters()).rows.new_asset?.create).toBe(2);
});

test("file_name is for file columns", async () => {
  await using bench = await openBench();
  const input = {
    object: "new_asset",
    columns: { id: "text", body: "text" },
    match: { new_name: "id" },
    fields: { new_assetnumber: { source: { column: "body" }, fileName: "body" } },
  } as const;
  const { problems } = await refusalOf(
    bench.destination.compile(
      { ...syncOf(input), mode: "update", rules: { ...syncOf(input).rules, adopt: true } },
      columnsOf(input),
      running(),
    ),
  );
  expect(problems.map(({ code }) => code)).toEqual(["mapping.no_file_column"]);
});

test("write: if_empty gives a picture and a file to records that have none, and leaves others theirs", async () => {
  await using it = await here();
  const gif = (n: number) => Buffer.from([0x47, 0x49, 0x46, 0x38, n]).toString("base64");
  const own = await it.bench.seed("new_asset", [{ new_name: "A", new_photo: gif(1) }, { new_name: "B" }]);
  const sync = manual({
    fields: [
      field("new_photo", "photo", { write: "if_empty" }),
      field("new_manual", "body", { write: "if_empty" }),
    ],
  });
  const model = (photo: number, body: string) =>
    `SELECT * FROM (VALUES ('A', '${gif(photo)}', '${base64(body)}'), ('B', '${gif(photo)}', NULL)) t(id, photo, body)`;
  expect(await runSync(await it.prepare(model(2, "first"), sync), { signal })).toMatchObject({ applied: 2 });
  expect(await it.files()).toMatchObject({ A: ["new_manual", "first"] });
  const photos = async () => {
    const stored = await it.bench.stored("new_asset");
    return own.map((id) => stored.get(id)?.new_photo);
  };
  expect(await photos()).toEqual([gif(1), gif(2)]);
  const again = await runSync(await it.prepare(model(3, "other"), sync), { signal });
  expect(again).toMatchObject({ applied: 0, requests: { writes: 0 } });
  expect(await it.files()).toMatchObject({ A: ["new_manual", "first"] });
  expect(await photos()).toEqual([gif(1), gif(2)]);
});

test("a null clears no picture and no file that is not there", async () => {
  await using it = await here();
  await it.bench.seed("new_asset", [{ new_name: "A" }]);
  const sync = manual({ fields: [field("new_photo", "photo"), field("new_manual", "body")] });
  const none = "SELECT 'A' AS id, NULL::VARCHAR AS photo, NULL::VARCHAR AS body";
  expect(await runSync(await it.prepare(none, sync), { signal })).toMatchObject({
    applied: 0,
    unchanged: 1,
    requests: { writes: 0 },
  });
});
