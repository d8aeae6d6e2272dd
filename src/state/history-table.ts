/** The history of all syncs of a warehouse's state: tables `runs` and `rejects`, for anyone to read by SQL. */
import type { Value } from "../core/value.ts";
import type { StateEngine } from "../ports.ts";
import type { HistoryFilter, HistoryReader, RunEntry } from "./history.ts";
import type { History } from "./store.ts";
import { makeShared } from "./tables.ts";
import type { Owner } from "./warehouse-store.ts";

type Name = "runs" | "rejects";

const BUFFERED = 1_000;
const DAY_MS = 86_400_000;

type Entry = Readonly<Record<string, string | number | undefined>>;

/** @param at qualifies a table's name */
export function openTableHistory(
  engine: StateEngine,
  at: (name: string) => string,
  { project, organization, object, sync }: Owner,
  retentionDays: number,
): History {
  const { dialect } = engine;
  const { text, integer } = dialect.types;
  const owner = { project, organization, object, sync };
  const columns = {
    runs: ["run", ...Object.keys(owner), "detail"],
    rejects: ["run", ...Object.keys(owner), "row_key", "field", "code", "message", "remedy"],
  };
  const ready = new Set<Name>();
  let waiting: Entry[] = [];

  const make = async (name: Name): Promise<void> => {
    if (ready.has(name)) return;
    const typed = columns[name].map((column) => `${column} ${text}`);
    await makeShared(
      engine,
      `CREATE TABLE IF NOT EXISTS ${at(name)} (${typed.join(", ")}, at_ms ${integer})`,
    );
    ready.add(name);
  };
  const insert = async (name: Name, entries: readonly Entry[]): Promise<void> => {
    if (entries.length === 0) return;
    await make(name);
    const values = entries.map((entry) => {
      const all = columns[name].map((column) => {
        const value = entry[column];
        return value === undefined ? "NULL" : dialect.literal(String(value));
      });
      return `(${all.join(", ")}, ${Date.now()})`;
    });
    await engine.run(
      `INSERT INTO ${at(name)} (${columns[name].join(", ")}, at_ms) VALUES ${values.join(", ")}`,
    );
  };
  const flush = async (): Promise<void> => {
    const entries = waiting;
    waiting = [];
    await insert("rejects", entries);
  };
  return {
    async reject({ run, key, field, code, message, remedy }) {
      const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
      waiting.push({
        run,
        ...owner,
        row_key: JSON.stringify(key),
        field: textOf(field),
        code,
        message: textOf(message),
        remedy: textOf(remedy),
      });
      if (waiting.length >= BUFFERED) await flush();
    },
    change() {}, // not kept: a row for each row written would double the work of the warehouse
    async end(entry) {
      await flush();
      await insert("runs", [{ run: entry.run, ...owner, detail: JSON.stringify(entry) }]);
      const oldest = Date.now() - retentionDays * DAY_MS;
      for (const name of ["runs", "rejects"] as const) {
        await make(name);
        // The schema may hold other projects' history too, which they keep as long as they say.
        await engine.run(
          `DELETE FROM ${at(name)} WHERE at_ms < ${oldest} AND project = ${dialect.literal(project)}`,
        );
      }
    },
  };
}

/** Reads the history of a project's syncs from the schema of its state. */
export function tableHistory(engine: StateEngine, schema: string, project: string): HistoryReader {
  const { literal, quote, catalogName } = engine.dialect;
  async function* select(
    name: Name,
    columns: readonly string[],
    { sync, run, since, limit }: HistoryFilter,
  ): AsyncGenerator<readonly Value[]> {
    const there = await engine.rows(
      `SELECT table_name FROM information_schema.tables WHERE table_schema = ${literal(catalogName(schema))}`,
    );
    if (!there.some(([table]) => catalogName(table!) === name)) return;
    const where = [
      `project = ${literal(project)}`,
      ...(sync === undefined ? [] : [`sync = ${literal(sync)}`]),
      ...(run === undefined ? [] : [`run = ${literal(run)}`]),
      ...(since === undefined ? [] : [`run >= ${literal(since)}`]),
    ].join(" AND ");
    const order = limit === undefined ? "ORDER BY run" : `ORDER BY run DESC LIMIT ${limit}`;
    const from = `${quote(schema)}.${quote(name)}`;
    for await (const batch of engine.stream(
      `SELECT ${columns.join(", ")} FROM ${from} WHERE ${where} ${order}`,
    ))
      yield* batch;
  }
  return {
    async *runs(filter) {
      for await (const [detail] of select("runs", ["detail"], filter)) yield JSON.parse(detail!) as RunEntry;
    },
    async *rejects(filter) {
      const owner = ["run", "sync", "organization", "object"];
      const columns = [...owner, "row_key", "code", "message", "field", "remedy"];
      for await (const row of select("rejects", columns, filter)) {
        const [run, sync, organization, object, key, code, message, field, remedy] = row as string[];
        yield {
          run: run!,
          sync: sync!,
          organization: organization!,
          object: object!,
          key: JSON.parse(key!) as Value[],
          ...(field ? { field } : {}),
          code: code!,
          message: message ?? "",
          ...(remedy ? { remedy } : {}),
        };
      }
    },
  };
}
