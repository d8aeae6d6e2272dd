/** The sessions of an account: each statement is translated and run on an embedded DuckDB. */
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { MACROS } from "./functions.ts";
import { cell, type RowType, rowType } from "./results.ts";
import { type Statement, statementOf } from "./statements.ts";
import { compilationError, SqlRefused, type Token, tokensOf, unexpected } from "./tokens.ts";
import { decoded, GRANTS, quoted } from "./translate.ts";

export interface Result {
  readonly rowtype: readonly RowType[];
  readonly rows: readonly (readonly (string | null)[])[];
  readonly statementTypeId: number;
}

export interface Session {
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  readonly used: Readonly<Record<"database" | "schema" | "warehouse" | "role", string | null>> & {
    readonly mayWrite: boolean;
  };
  run(sql: string, options: { readonly describe: boolean; readonly signal: AbortSignal }): Promise<Result>;
  close(): Promise<void>;
}

export interface Engine extends AsyncDisposable {
  open(used: Session["used"], user: string): Promise<Session>;
  has(database: string, schema: string): boolean;
  /** Grants a role something on the first database, on a schema of it, or on a table, `SCHEMA.TABLE`. */
  grant(privilege: string, type: "DATABASE" | "SCHEMA" | "TABLE", name: string, role: string): Promise<void>;
  /** A statement of the test's own, in Snowflake's SQL, in the first database and schema. */
  sql(statement: string): Promise<Result["rows"]>;
}

const TYPE_IDS = { query: 0x1000, insert: 0x3100, update: 0x3200, delete: 0x3300, merge: 0x3400 } as const;

export async function startEngine(databases: Readonly<Record<string, readonly string[]>>): Promise<Engine> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "2" });
  const setup = await instance.connect();
  for (const [database, schemas] of Object.entries(databases)) {
    await setup.run(`ATTACH ':memory:' AS ${quoted(database)}`);
    for (const schema of schemas) await setup.run(`CREATE SCHEMA ${quoted(database)}.${quoted(schema)}`);
  }
  await setup.run(
    `CREATE TABLE ${GRANTS} (grantee VARCHAR, granted_to VARCHAR, object_catalog VARCHAR, object_schema VARCHAR, object_name VARCHAR, object_type VARCHAR, privilege_type VARCHAR)`,
  );
  const lock = writeLock();

  const open: Engine["open"] = async (used, user) => {
    const connection = await instance.connect();
    for (const macro of MACROS)
      await connection.run(macro.replace("OR REPLACE MACRO", "OR REPLACE TEMP MACRO"));
    if (used.database !== null && used.schema !== null) {
      await connection.run(`USE ${quoted(used.database)}.${quoted(used.schema)}`);
    }
    return session(connection, used, user, lock);
  };
  const [first = "", [schema = ""] = []] = Object.entries(databases)[0] ?? [];
  const own = await open({ database: first, schema, warehouse: "OWN", role: null, mayWrite: true }, "OWN");
  return {
    open,
    has: (database, name) => databases[database]?.includes(name) ?? false,
    async grant(privilege, type, name, role) {
      const [schema = null, table] = type === "TABLE" ? name.split(".") : [null, name];
      await setup.run(
        `INSERT INTO ${GRANTS} VALUES (${[role, "ROLE", first, schema, table ?? name, type, privilege]
          .map((value) => (value === null ? "NULL" : `'${value}'`))
          .join(", ")})`,
      );
    },
    sql: async (sql) => (await own.run(sql, { describe: false, signal: new AbortController().signal })).rows,
    async [Symbol.asyncDispose]() {
      await own.close();
      setup.closeSync();
      instance.closeSync();
    },
  };
}

function session(
  connection: DuckDBConnection,
  used: Session["used"],
  user: string,
  lock: WriteLock,
): Session {
  const parameters: Record<string, string | number | boolean> = { TIMEZONE: "America/Los_Angeles" };
  const context = {
    CURRENT_VERSION: "9.9.9",
    CURRENT_WAREHOUSE: used.warehouse,
    CURRENT_DATABASE: used.database,
    CURRENT_SCHEMA: used.schema,
    CURRENT_ROLE: used.role,
    CURRENT_USER: user,
  };
  let transacting = false;
  let before: Promise<unknown> = Promise.resolve();
  const me = {};

  /** Runs on DuckDB; ends when the signal aborts or the session's statement timeout is over. */
  async function ask(sql: string, tokens: readonly Token[], signal: AbortSignal) {
    const seconds = Number(parameters.STATEMENT_TIMEOUT_IN_SECONDS ?? 0);
    const over = seconds > 0 ? AbortSignal.timeout(seconds * 1_000) : undefined;
    let again: ReturnType<typeof setInterval> | undefined;
    // Once is not enough: a statement that is about to start forgets an interrupt that came before it.
    const interrupt = (): void => {
      connection.interrupt();
      again ??= setInterval(() => connection.interrupt(), 50);
    };
    for (const s of [signal, over]) s?.addEventListener("abort", interrupt);
    try {
      if (signal.aborted) throw new Error("INTERRUPT");
      return await connection.runAndReadAll(sql);
    } catch (error) {
      if (over?.aborted) {
        const limit = `Statement reached its statement or warehouse timeout of ${seconds} second(s) and was canceled.`;
        throw new SqlRefused("000630", "57014", limit);
      }
      throw refusal(error, tokens, signal);
    } finally {
      for (const s of [signal, over]) s?.removeEventListener("abort", interrupt);
      clearInterval(again);
    }
  }

  async function run(sqlText: string, describe: boolean, signal: AbortSignal): Promise<Result> {
    const tokens = tokensOf(sqlText);
    const statement = statementOf(sqlText, context);
    if (describe)
      return { rowtype: await described(statement, tokens, signal), rows: [], statementTypeId: 0x1000 };
    const writes = statement.kind === "ddl" || (statement.kind !== "query" && statement.kind in TYPE_IDS);
    if (writes && !used.mayWrite) {
      const what = `Insufficient privileges to operate on schema '${used.schema}'.`;
      throw new SqlRefused("003001", "42501", `SQL access control error:\n${what}`);
    }
    const wantsWarehouse =
      (statement.kind === "query" && tokens.some(({ kind, value }) => kind === "word" && value === "FROM")) ||
      (statement.kind in TYPE_IDS && statement.kind !== "query") ||
      (statement.kind === "ddl" && statement.reads);
    if (wantsWarehouse && used.warehouse === null) {
      throw new SqlRefused(
        "000606",
        "57P03",
        "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' command.\n",
      );
    }
    switch (statement.kind) {
      case "query":
        return query(statement.sql, tokens, signal);
      case "alter session":
        return alter(statement.parameters);
      case "begin":
        if (!transacting) await connection.run("BEGIN");
        transacting = true;
        return done("Statement executed successfully.");
      case "commit":
      case "rollback":
        await end(statement.kind);
        return done("Statement executed successfully.");
      case "ddl":
        // "Each DDL statement … executes as a separate transaction": an open one is committed by it.
        await end("commit");
        await lock.take(me, lockTimeout(), signal);
        try {
          await ask(statement.sql, tokens, signal);
        } finally {
          lock.leave(me);
        }
        return done(statement.message);
      default: {
        await lock.take(me, lockTimeout(), signal);
        try {
          const { rows } = await written(statement.sql, tokens, signal);
          const column = {
            ...rowType("number of rows", "BIGINT"),
            name: `number of rows ${statement.kind}d`,
          };
          return { rowtype: [column], rows: [[rows]], statementTypeId: TYPE_IDS[statement.kind] };
        } finally {
          if (!transacting) lock.leave(me);
        }
      }
    }
  }

  const lockTimeout = (): number => Number(parameters.LOCK_TIMEOUT ?? 43_200);

  async function end(how: "commit" | "rollback"): Promise<void> {
    if (!transacting) return;
    transacting = false;
    await connection.run(how.toUpperCase()).finally(() => lock.leave(me));
  }

  async function written(
    sql: string,
    tokens: readonly Token[],
    signal: AbortSignal,
  ): Promise<{ rows: string }> {
    const result = await ask(sql, tokens, signal);
    return { rows: String(result.getRowsJson()[0]?.[0] ?? 0) };
  }

  async function query(sql: string, tokens: readonly Token[], signal: AbortSignal): Promise<Result> {
    const result = await ask(sql, tokens, signal);
    const names = result.columnNames();
    const rowtype = result.columnTypes().map((type, i) => rowType(names[i]!, String(type)));
    const rows = result.getRows().map((row) => row.map((value, i) => cell(value, rowtype[i]!)));
    return { rowtype, rows, statementTypeId: TYPE_IDS.query };
  }

  async function described(
    statement: Statement,
    tokens: readonly Token[],
    signal: AbortSignal,
  ): Promise<readonly RowType[]> {
    if (statement.kind !== "query")
      throw new SqlRefused("000002", "0A000", "Unsupported feature 'describe'.");
    const rows = (await ask(`DESCRIBE ${statement.sql}`, tokens, signal)).getRowsJson();
    return rows.map(([name, type]) => rowType(String(name), String(type)));
  }

  async function alter(changed: Readonly<Record<string, string | number | boolean>>): Promise<Result> {
    for (const [name, value] of Object.entries(changed)) {
      if (!SESSION_PARAMETERS.has(name)) {
        throw new SqlRefused("002211", "02000", `SQL compilation error:\ninvalid parameter '${name}'`);
      }
      parameters[name] = value;
    }
    await connection.run(`SET TimeZone = '${parameters.TIMEZONE}'`);
    return done("Statement executed successfully.");
  }

  return {
    parameters,
    used,
    run(sql, { describe, signal }) {
      const mine = before.then(() => run(sql, describe, signal));
      before = mine.catch(() => {});
      return mine;
    },
    async close() {
      await before;
      await end("rollback").catch(() => {});
      connection.closeSync();
    },
  };
}

const SESSION_PARAMETERS = new Set(
  "TIMEZONE ABORT_DETACHED_QUERY LOCK_TIMEOUT QUERY_TAG MULTI_STATEMENT_COUNT STATEMENT_TIMEOUT_IN_SECONDS WEEK_START USE_CACHED_RESULT".split(
    " ",
  ),
);

const done = (message: string): Result => ({
  rowtype: [rowType("status", "VARCHAR")],
  rows: [[message]],
  statementTypeId: 0x6000,
});

interface WriteLock {
  take(owner: object, seconds: number, signal: AbortSignal): Promise<void>;
  leave(owner: object): void;
}

/** DML of one session waits for the transaction of another's to end: Snowflake locks tables, here it is all of them. */
function writeLock(): WriteLock {
  let holder: object | undefined;
  const waiting: { readonly owner: object; readonly go: () => void }[] = [];
  return {
    take(owner, seconds, signal) {
      if (holder === undefined || holder === owner) {
        holder = owner;
        return Promise.resolve();
      }
      return new Promise((resolve, reject) => {
        const entry = { owner, go: () => settle(resolve) };
        const settle = (how: () => void): void => {
          clearTimeout(late);
          signal.removeEventListener("abort", cancelled);
          waiting.splice(waiting.indexOf(entry), 1);
          how();
        };
        const refuse = (code: string, message: string) =>
          settle(() => reject(new SqlRefused(code, "57014", message)));
        const late = setTimeout(
          () =>
            refuse(
              "000625",
              "Statement has locked table in transaction and this lock has not yet been released.",
            ),
          seconds * 1_000,
        );
        const cancelled = (): void => refuse("000604", "SQL execution canceled");
        signal.addEventListener("abort", cancelled);
        waiting.push(entry);
      });
    },
    leave(owner) {
      if (holder !== owner) return;
      holder = waiting[0]?.owner;
      waiting[0]?.go();
    },
  };
}

/** DuckDB's error as Snowflake says it. */
function refusal(error: unknown, tokens: readonly Token[], signal: AbortSignal): SqlRefused {
  if (error instanceof SqlRefused) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (signal.aborted || message.startsWith("INTERRUPT")) {
    return new SqlRefused("000604", "57014", "SQL execution canceled");
  }
  const where = (name: string): Token =>
    tokens.find((token) => (token.kind === "word" || token.kind === "quoted") && token.value === name) ??
    tokens.find(({ kind }) => kind !== "space")!;
  const column = /(?:Referenced column|does not have a column named) "([^"]+)"/.exec(message)?.[1];
  if (column !== undefined) {
    const name = decoded(column);
    return compilationError(where(name), "000904", "42000", `invalid identifier '${name}'`);
  }
  const table = /(?:Table|Schema|Catalog) with name "?([^"! ]+)"? does not exist/.exec(message)?.[1];
  if (table !== undefined) {
    const what = `Object '${decoded(table)}' does not exist or not authorized.`;
    return new SqlRefused("002003", "42S02", `SQL compilation error:\n${what}`);
  }
  const near = /syntax error at or near "([^"]*)"/.exec(message)?.[1];
  if (near !== undefined) {
    const line = Number(/^LINE (\d+):/m.exec(message)?.[1] ?? 1);
    const text = decoded(near).toUpperCase();
    const there = tokens.find((token) => token.line === line && token.text.toUpperCase() === text);
    return unexpected(there ?? where(text));
  }
  if (/^Conversion Error/.test(message)) {
    const value = /string '([^']*)'|string "([^"]*)"/.exec(message);
    return new SqlRefused(
      "100038",
      "22018",
      `Numeric value '${value?.[1] ?? value?.[2] ?? ""}' is not recognized`,
    );
  }
  return new SqlRefused(
    "000603",
    "XX000",
    `SQL execution error: not known here: ${message.split("\n", 1)[0]}`,
  );
}
