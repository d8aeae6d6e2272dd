/** The schedule's notebook in the warehouse that holds the state: a row for each entry. */
import { fail } from "../core/errors.ts";
import type { StateEngine } from "../ports.ts";
import type { Entries, Entry, Notebook } from "./notebook.ts";

export async function tableNotebook(engine: StateEngine, schema: string, project: string): Promise<Notebook> {
  const { dialect } = engine;
  const { literal } = dialect;
  const { text, integer } = dialect.types;
  // Names of projects hold no slash.
  const prefix = `${project}/`;
  const table = `${dialect.quote(schema)}.${dialect.quote("schedule")}`;
  try {
    await engine.run(`CREATE SCHEMA IF NOT EXISTS ${dialect.quote(schema)}`);
    await engine.run(
      `CREATE TABLE IF NOT EXISTS ${table} (item ${text} PRIMARY KEY, version ${integer}, content ${text})`,
    );
  } catch (error) {
    throw fail.connection(
      "schedule.no_table",
      `The table of the schedule cannot be made in the schema "${schema}".`,
      "Let the warehouse's user create schemas and tables, as the state asks for too.",
      error,
    );
  }
  return {
    async read(): Promise<Entries> {
      const rows = await engine.rows(
        `SELECT item, CAST(version AS ${text}), content FROM ${table} WHERE version > 0`,
      );
      return new Map(
        rows.flatMap(([item, version, content]): [string, Entry][] =>
          item?.startsWith(prefix)
            ? [
                [
                  item.slice(prefix.length),
                  { version: Number(version), value: JSON.parse(content ?? "null") },
                ],
              ]
            : [],
        ),
      );
    },
    async write(key, value, seen) {
      const content = literal(JSON.stringify(value));
      const mine = literal(prefix + key);
      if (seen === 0) {
        const values = { item: mine, version: "0", content: literal("null") };
        await engine.run(dialect.insertIfAbsent(table, "item", values));
      }
      const sql = `UPDATE ${table} SET version = ${seen + 1}, content = ${content} WHERE item = ${mine} AND version = ${seen}`;
      return (await engine.transaction([{ sql, mustWrite: true }])) !== undefined;
    },
    async [Symbol.asyncDispose]() {},
  };
}
