/** The warehouses that the suites of this folder run for; a warehouse is one entry here. */
import duckdb from "../../connectors/duckdb/index.ts";
import postgres from "../../connectors/postgres/index.ts";
import snowflake from "../../connectors/snowflake/index.ts";
import type { Warehouse } from "../../src/ports.ts";
import { startPooler } from "../support/pooler.ts";
import { startPostgres } from "../support/postgres.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";
import { startSnowflake } from "../support/snowflake/server.ts";

export interface TestWarehouse {
  readonly name: string;
  /** What `check` says of the version. */
  readonly version: RegExp;
  /** The connector's page, with the table of its types. */
  readonly page: string;
  /** A query that takes longer than anybody waits. */
  readonly slow: string;
  /** Spellings that differ from the common ones, by the name of the value in conformance.test.ts. */
  readonly sql?: Readonly<Record<string, string>>;
  /** What it has not, so that no test asks for it. */
  readonly lacks?: readonly Lack[];
  start(): Promise<Started>;
}

/** A count of the rows of a table made of a query; dates before Christ, of five digits or infinite; an end of integers at 64 bits. */
export type Lack = "counts of new tables" | "odd dates" | "64-bit integers";

/** A server, or a file, that has a table `t` with one row. */
export interface Started extends AsyncDisposable {
  open(): Promise<Warehouse>;
}

export const warehouses: readonly TestWarehouse[] = [
  {
    name: "duckdb",
    page: "connectors/duckdb/README.md",
    version: /^DuckDB v\d+/,
    slow: "SELECT count(*) AS n FROM range(1000000000000) a",
    async start() {
      const folder = temporaryFolder();
      await inDuckdb(`${folder.path}/warehouse.duckdb`, "CREATE TABLE t AS SELECT 1 AS id");
      return {
        open: () => duckdb.open({ type: "duckdb", path: "warehouse.duckdb" }, { folder: folder.path }),
        [Symbol.asyncDispose]: async () => folder[Symbol.dispose](),
      };
    },
  },
  {
    name: "postgres",
    page: "connectors/postgres/README.md",
    version: /^PostgreSQL \d+/,
    slow: "SELECT pg_sleep(3600)::text AS n",
    async start() {
      const server = await startPostgres();
      await server.query("CREATE TABLE t AS SELECT 1 AS id");
      return {
        open: () => postgres.open({ type: "postgres", port: 5432, url: server.url }, { folder: "." }),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
  },
  {
    name: "postgres behind a transaction pooler",
    page: "connectors/postgres/README.md",
    version: /^PostgreSQL \d+/,
    slow: "SELECT pg_sleep(3600)::text AS n",
    async start() {
      const server = await startPostgres();
      await server.query("CREATE TABLE t AS SELECT 1 AS id");
      const pooler = await startPooler({
        url: server.url,
        connections: 3,
        leftBehind: [
          "SET DateStyle = 'SQL, DMY'",
          "SET TimeZone = 'Asia/Tokyo'",
          "SET IntervalStyle = 'sql_standard'",
          "SET extra_float_digits = -5",
          "SET bytea_output = 'escape'",
          "SET standard_conforming_strings = off",
          "SET default_transaction_read_only = on",
          "SET default_transaction_isolation = 'serializable'",
          "SET synchronous_commit = off",
          "SET statement_timeout = 0",
        ],
      });
      return {
        open: () => postgres.open({ type: "postgres", port: 5432, url: pooler.url }, { folder: "." }),
        async [Symbol.asyncDispose]() {
          await pooler[Symbol.asyncDispose]();
          await server[Symbol.asyncDispose]();
        },
      };
    },
  },
  {
    name: "snowflake",
    page: "connectors/snowflake/README.md",
    version: /^Snowflake \d+/,
    lacks: ["counts of new tables", "odd dates", "64-bit integers"],
    slow: "SELECT COUNT(*) AS n FROM TABLE(GENERATOR(ROWCOUNT => 100000000000000))",
    sql: {
      zoned: "CAST('2024-03-10 02:30:00+02:00' AS TIMESTAMP_TZ)",
      ident: "LOWER('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11')",
    },
    async start() {
      const server = await startSnowflake({ users: { SYNC: { password: "correct-horse-battery" } } });
      await server.sql("CREATE TABLE t AS SELECT 1 AS id");
      const config = {
        type: "snowflake",
        account: server.account,
        access_url: server.url,
        user: "SYNC",
        password: "correct-horse-battery",
        database: "DB",
        schema: "PUBLIC",
        warehouse: "WH",
        query_tag: "backhaul",
      } as const;
      return {
        open: () => snowflake.open(config, { folder: "." }),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
  },
];

/** A query that numbers rows from 1, in any dialect. */
export function numbers(count: number): string {
  const digit = `(${Array.from({ length: 10 }, (_, d) => `SELECT ${d} AS d`).join(" UNION ALL ")})`;
  const n = "a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d + 1";
  return `SELECT n FROM (SELECT ${n} AS n FROM ${["a", "b", "c", "e", "f"].map((x) => `${digit} ${x}`).join(" CROSS JOIN ")}) AS x WHERE n <= ${count}`;
}
