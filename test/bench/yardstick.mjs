/**
 * The yardstick of a no-change run: the same model as bare SQL in the same engine under the same limits. `CREATE
 * TABLE AS` of the model, the key check, a full join with null-safe comparison per column.
 *
 * usage: node yardstick.mjs WAREHOUSE FOLDER prepare|measure
 */
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { COLUMNS, MODEL } from "./people.mjs";

const [warehouse, folder, what] = process.argv.slice(2);
const instance = await DuckDBInstance.create(join(folder, "yardstick.duckdb"), {
  memory_limit: "192MB",
  threads: "2",
  preserve_insertion_order: "false",
  temp_directory: join(folder, "spill"),
});
const connection = await instance.connect();
const one = async (sql) => Number((await connection.runAndReadAll(sql)).getRows()[0][0]);
await connection.run(`ATTACH '${warehouse}' AS warehouse (READ_ONLY)`);
await connection.run("USE warehouse");
if (what === "prepare") {
  await connection.run(`CREATE TABLE yardstick.main.snapshot AS ${MODEL}`);
} else {
  await connection.run(`CREATE TABLE yardstick.main.staged AS ${MODEL}`);
  await connection.run("USE yardstick");
  const bad = await one(
    "SELECT count(*) FROM (SELECT id FROM staged GROUP BY id HAVING count(*) > 1 OR id IS NULL)",
  );
  const differs = COLUMNS.filter((name) => name !== "id").map(
    (name) => `t.${name} IS DISTINCT FROM s.${name}`,
  );
  const changed = await one(
    `SELECT count(*) FROM staged t FULL JOIN snapshot s ON t.id = s.id WHERE t.id IS NULL OR s.id IS NULL OR ${differs.join(" OR ")}`,
  );
  if (bad + changed !== 0) throw new Error(`the yardstick found ${bad} bad keys and ${changed} changes`);
  await connection.run("DROP TABLE staged");
}
await connection.run("USE yardstick");
await connection.run("CHECKPOINT");
connection.closeSync();
instance.closeSync();
