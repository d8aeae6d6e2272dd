/** The history of all syncs of a warehouse's state: tables `runs` and `rejects`, for anyone to read by SQL. */
import type { StateEngine } from "../ports.ts";
import type { History } from "./store.ts";
import type { Owner } from "./warehouse-store.ts";

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
  const ready = new Set<string>();
  let waiting: Entry[] = [];

  const insert = async (name: "runs" | "rejects", entries: readonly Entry[]): Promise<void> => {
    if (entries.length === 0) return;
    if (!ready.has(name)) {
      const typed = columns[name].map((column) => `${column} ${text}`);
      await engine.run(`CREATE TABLE IF NOT EXISTS ${at(name)} (${typed.join(", ")}, at_ms ${integer})`);
      ready.add(name);
    }
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
    async end(entry) {
      await flush();
      await insert("runs", [{ run: entry.run, ...owner, detail: JSON.stringify(entry) }]);
      const oldest = Date.now() - retentionDays * DAY_MS;
      for (const name of ready) await engine.run(`DELETE FROM ${at(name)} WHERE at_ms < ${oldest}`);
    },
  };
}
