/** A fuse in the engine: the n-th statement dies, before or after its effect, and every later one fails. */
import type { DuckDBConnection } from "@duckdb/node-api";
import type { Duckdb } from "../../src/duckdb/database.ts";
import type { StateEngine } from "../../src/ports.ts";

export class Killed extends Error {
  override readonly name = "Killed";
}

export interface Fuse {
  /** The statement with this number, from 0 and from now, is the last. */
  arm(at: number, when: "before" | "after"): void;
  disarm(): void;
  readonly blown: boolean;
  around<T>(work: () => Promise<T>): Promise<T>;
}

export function newFuse(): Fuse {
  let left = Number.POSITIVE_INFINITY;
  let moment: "before" | "after" = "before";
  let blown = false;
  return {
    arm(at, when) {
      left = at;
      moment = when;
      blown = false;
    },
    disarm() {
      left = Number.POSITIVE_INFINITY;
      blown = false;
    },
    get blown() {
      return blown;
    },
    async around(work) {
      if (blown) throw new Killed("the process is dead");
      left -= 1;
      if (left >= 0) return work();
      blown = true;
      if (moment === "after") await work();
      throw new Killed("the process dies here");
    },
  };
}

export interface FusedOptions {
  readonly fuse: Fuse;
  /** How many outcomes the journal may be behind. */
  journalOutcomes: number;
}

export function fusedEngine(engine: StateEngine, options: FusedOptions): StateEngine {
  const { fuse } = options;
  return {
    dialect: engine.dialect,
    get pace() {
      return { ...engine.pace, journalMs: 1e6, journalOutcomes: options.journalOutcomes };
    },
    run: (...statement) => fuse.around(() => engine.run(...statement)),
    transaction: (statements) => fuse.around(() => engine.transaction(statements)),
    rows: (sql) => fuse.around(() => engine.rows(sql)),
    async *stream(sql, signal) {
      await fuse.around(async () => {});
      yield* engine.stream(sql, signal);
    },
  };
}

/** The embedded engine of local state: its connection is asked directly, too. */
export function fusedDuckdb(database: Duckdb, fuse: Fuse): Duckdb {
  const connection = new Proxy(database.connection, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      const bound = value.bind(target);
      return name === "run" || name === "createAppender"
        ? (...args: unknown[]) => fuse.around(() => bound(...args))
        : bound;
    },
  }) as DuckDBConnection;
  return {
    ...database,
    connection,
    run: (sql) => fuse.around(() => database.run(sql)),
    checkpoint: () => fuse.around(() => database.checkpoint()),
    all: (sql) => fuse.around(() => database.all(sql)),
    value: (sql) => fuse.around(() => database.value(sql)),
    count: (sql) => fuse.around(() => database.count(sql)),
    async *stream(sql) {
      await fuse.around(async () => {});
      yield* database.stream(sql);
    },
  };
}
