/**
 * Bare SQL in an engine of the bench, in a process of its own.
 *
 * usage: node bare.mjs PLACE make|prepare|yardstick|except|read|change ROWS
 * PLACE is JSON: {engine, folder, url, rows}
 */
import { COLUMNS, ENGINES, MODEL } from "./engines.mjs";

const place = JSON.parse(process.argv[2]);
const [what, rows] = process.argv.slice(3);
const engine = ENGINES[place.engine];
const at = (name) => `${engine.schema}.${name}`;
const names = COLUMNS.join(", ");

const WORK = {
  /** The snapshot of the yardstick: the model as it is. */
  async prepare({ run }) {
    await run(`DROP TABLE IF EXISTS ${at("snapshot")}`);
    await run(`CREATE TABLE ${at("snapshot")} AS ${MODEL}`);
    if (place.engine === "postgres") await run(`VACUUM (ANALYZE) ${at("snapshot")}`);
  },

  /** `CREATE TABLE AS` of the model, the key check, a full join with null-safe comparison per column. */
  async yardstick({ run, value }) {
    await run(`CREATE TABLE ${at("staged")} AS ${MODEL}`);
    const bad = await value(
      `SELECT count(*) FROM (SELECT id FROM ${at("staged")} GROUP BY id HAVING count(*) > 1 OR id IS NULL) k`,
    );
    const differs = COLUMNS.slice(1).map((name) => `t.${name} IS DISTINCT FROM s.${name}`);
    const changed = await value(
      `SELECT count(*) FROM ${at("staged")} t FULL JOIN ${at("snapshot")} s ON t.id = s.id WHERE t.id IS NULL OR s.id IS NULL OR ${differs.join(" OR ")}`,
    );
    await run(`DROP TABLE ${at("staged")}`);
    if (bad !== "0" || changed !== "0") throw new Error(`${bad} bad keys, ${changed} changes`);
  },

  /** What a plain script would do: the rows that one side alone has, both ways. */
  async except({ value }) {
    const from = `SELECT ${names} FROM ${at("snapshot")}`;
    const added = await value(`SELECT count(*) FROM (${MODEL} EXCEPT ${from}) x`);
    const removed = await value(`SELECT count(*) FROM (${from} EXCEPT ${MODEL}) x`);
    if (added !== "0" || removed !== "0") throw new Error(`${added} added, ${removed} removed`);
  },

  /** Reads the rows as text and makes JSON of each. */
  async read({ batches }) {
    let bytes = 0;
    const texts = COLUMNS.map(engine.text).join(", ");
    for await (const batch of batches(`SELECT ${texts} FROM people`))
      for (const row of batch) bytes += JSON.stringify(row).length;
    if (bytes === 0) throw new Error("no rows");
  },

  /** Changes so many rows, evenly spread. */
  async change({ run }) {
    await run(`UPDATE people SET score = score + 1 WHERE id % ${Math.floor(place.rows / Number(rows))} = 0`);
  },
};

if (what === "make") await engine.make(place);
else {
  const session = await engine.session(place, what === "change");
  await WORK[what](session);
  await session.close();
}
