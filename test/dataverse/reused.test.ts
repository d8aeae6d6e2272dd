/** Primary keys that are used again for somebody else: nobody's record is overwritten. Seen in what is stored. */
import { expect, test } from "vitest";
import { DEFAULT_RULES } from "../../src/core/spec.ts";
import { runSync } from "../../src/sync/run.ts";
import { inDuckdb, preparedOn, syncSpec, temporaryFolder } from "../support/project.ts";
import { openBench, running } from "./support/bench.ts";

test("a record that is another row's by now stays so, and the row gets one of its own", async () => {
  using folder = temporaryFolder();
  await using bench = await openBench();
  await inDuckdb(`${folder.path}/warehouse.duckdb`, "SELECT 1");
  const run = async (rows: string) => {
    const prepared = await preparedOn({
      folder: folder.path,
      query: `SELECT * FROM (VALUES ${rows}) t(id, code, name)`,
      primaryKey: ["id"],
      sync: syncSpec({
        match: [{ field: "new_customerid", column: "code" }],
        fields: [{ field: "firstname", source: { column: "name" }, whenNull: "clear" }],
        rules: DEFAULT_RULES,
      }),
      destination: bench.destination,
    });
    return runSync(prepared, { signal: running() });
  };
  const stored = async () =>
    [...(await bench.stored("contact", "new_customerid")).values()]
      .map((one) => `${one.new_customerid} ${one.firstname}`)
      .sort();
  await run("(1, 'X', 'Xaver')");
  await run("(3, 'X', 'Xaver')");
  // The number 1 has left, and comes back as another person.
  const both = "(1, 'Z', 'Zoe'), (3, 'X', 'Xaver')";
  expect(await run(both)).toMatchObject({ applied: 1, rejections: { total: 0 } });
  expect(await stored()).toEqual(["X Xaver", "Z Zoe"]);
  expect(await run("(1, 'Z', 'Zora'), (3, 'X', 'Xenia')")).toMatchObject({ applied: 2 });
  expect(await stored()).toEqual(["X Xenia", "Z Zora"]);
  // The id that the number got instead is known again where its request had no answer.
  await bench.call("DELETE", `contacts(${(await bench.stored("contact", "new_customerid")).get("Z")?.id})`);
  await run("(3, 'X', 'Xenia')");
  await bench.faults({ on: { kind: "create" }, after: 1, do: "resetAfterCommit" });
  expect(await run(both)).toMatchObject({ applied: 2, rejections: { total: 0 } });
  expect(await stored()).toEqual(["X Xaver", "Z Zoe"]);
});
