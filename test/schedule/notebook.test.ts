/** Where the schedule remembers: the same contract wherever it lies. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import postgresWarehouse from "../../connectors/postgres/index.ts";
import { change, type Notebook } from "../../src/schedule/notebook.ts";
import { fileNotebook } from "../../src/schedule/notebook-file.ts";
import { tableNotebook } from "../../src/schedule/notebook-table.ts";
import { openSharedNotebook, type QueueOptions } from "../../src/schedule/queue.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { temporaryFolder } from "../support/project.ts";

const folder = temporaryFolder();
const closing: (() => Promise<unknown>)[] = [];
let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(async () => {
  for (const close of closing) await close();
  await server[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const places: Record<string, (project: string) => Promise<Notebook>> = {
  files: async (project) => fileNotebook(join(folder.path, project)),
  async "a table of the warehouse"(project) {
    const warehouse = await postgresWarehouse.open({ type: "postgres", url: server.url } as never, {
      folder: folder.path,
    });
    closing.push(async () => await warehouse[Symbol.asyncDispose]());
    return tableNotebook(warehouse.engine!, "state", project);
  },
  async "the queue's database"(project) {
    const pool = new pg.Pool({ connectionString: server.url, max: 4 });
    pool.on("error", () => {});
    pool.on("connect", (client) => client.on("error", () => {}));
    closing.push(() => pool.end());
    const options = { schema: "queue", project, deadAfterMs: 1_000 } as QueueOptions;
    return openSharedNotebook(options, pool);
  },
};

describe.each(Object.entries(places))("%s", (_, open) => {
  test("an entry is written over the version that was seen, and over no other", async () => {
    const notebook = await open("one");
    const key = 'sync it\'s "odd"/*@2.json';
    expect((await notebook.read()).size).toBe(0);
    expect(await notebook.write(key, { a: "'1'" }, 0)).toBe(true);
    expect(await notebook.write(key, { a: 2 }, 0)).toBe(false);
    expect(await notebook.write(key, { a: 2 }, 7)).toBe(false);
    expect(await notebook.read()).toEqual(new Map([[key, { version: 1, value: { a: "'1'" } }]]));
    expect(await notebook.write(key, { a: 3 }, 1)).toBe(true);
    expect(await (await open("one")).read()).toEqual(new Map([[key, { version: 2, value: { a: 3 } }]]));
    expect((await (await open("two")).read()).size).toBe(0);
  });

  test("of many who write at once one does; nothing of what many change is lost", async () => {
    const all = await Promise.all([open("many"), open("many"), open("many")]);
    const taken = await Promise.all(all.map((one, i) => one.write("first", i, 0)));
    expect(taken.filter(Boolean)).toHaveLength(1);
    await Promise.all(
      all.flatMap((one) =>
        Array.from({ length: 5 }, () =>
          change(one, "count", (value) => ((value as number | undefined) ?? 0) + 1),
        ),
      ),
    );
    expect((await all[0]!.read()).get("count")?.value).toBe(15);
  });
});

test("a note that a power failure has emptied is named, and so is one that cannot be read", async () => {
  const path = join(folder.path, "damaged");
  mkdirSync(join(path, "sync%20b@2.json"), { recursive: true });
  await expect(fileNotebook(path).read()).rejects.toMatchObject({ code: "EISDIR" });
  const empty = join(folder.path, "empty");
  mkdirSync(empty);
  writeFileSync(join(empty, "sync%20a@7.json"), "");
  await expect(fileNotebook(empty).read()).rejects.toMatchObject({
    problems: [{ code: "schedule.note_damaged", message: expect.stringContaining("sync%20a@7.json") }],
  });
});
