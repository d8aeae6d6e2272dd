/** The engines of the bench, alike: a table of people, SQL that stands alone, and a warehouse of Backhaul's. */
import { join } from "node:path";
import { COLUMNS, MODEL, makePeople } from "./people.mjs";

/** What a comparison may use: Backhaul and bare SQL alike. */
const DUCKDB_MEMORY = "192MB";
const POSTGRES_MEMORY = "64MB";
const LIMITS = {
  memory_limit: DUCKDB_MEMORY,
  threads: "2",
  preserve_insertion_order: "false",
};

/**
 * @typedef {{run: (sql: string) => Promise<void>, value: (sql: string) => Promise<string>,
 *   batches: (sql: string) => AsyncIterable<unknown[][]>, close: () => Promise<void>}} Session
 */

/** `text`: a column as the text that JSON takes exactly. `schema`: where bare SQL keeps its own tables. */
const duckdb = {
  schema: "yardstick.main",
  make: ({ folder, rows }) => makePeople(join(folder, "warehouse.duckdb"), rows),
  text: (name) => `${name}::VARCHAR`,
  warehouse: async ({ folder }) => {
    const { default: connector } = await import("../../dist/connectors/duckdb/index.js");
    return connector.open(
      { type: "duckdb", path: "warehouse.duckdb", memory_limit: DUCKDB_MEMORY },
      { folder },
    );
  },
  /** @returns {Promise<Session>} */
  async session({ folder }, writable) {
    const { DuckDBInstance } = await import("@duckdb/node-api");
    const instance = await DuckDBInstance.create(join(folder, "yardstick.duckdb"), {
      ...LIMITS,
      temp_directory: join(folder, "spill"),
    });
    const connection = await instance.connect();
    const file = join(folder, "warehouse.duckdb");
    await connection.run(`ATTACH '${file}' AS warehouse${writable ? "" : " (READ_ONLY)"}`);
    await connection.run("USE warehouse");
    return {
      run: async (sql) => void (await connection.run(sql)),
      value: async (sql) => String((await connection.runAndReadAll(sql)).getRows()[0][0]),
      async *batches(sql) {
        const result = await connection.stream(sql);
        for (;;) {
          const chunk = await result.fetchChunk();
          if (chunk === null || chunk.rowCount === 0) return;
          yield chunk.getRows();
        }
      },
      async close() {
        await connection.run("CHECKPOINT");
        connection.closeSync();
        instance.closeSync();
      },
    };
  },
};

const postgres = {
  schema: "yardstick",
  async make({ url, rows }) {
    const session = await postgres.session({ url });
    const hash = (salt, below) => `(abs(hashint8extended(i, ${salt}) % ${below}))`;
    await session.run(`CREATE TABLE people AS SELECT
      i::int8 AS id,
      'C-' || lpad(i::text, 9, '0') AS number,
      'First' || ${hash(0, 5000)} AS first_name,
      'Last' || ${hash(1, 90000)} AS last_name,
      'user' || i || '@example.com' AS email,
      'City ' || (i % 700) AS city,
      (${hash(2, 1000000)} / 100.0)::numeric(18, 2) AS amount,
      (${hash(3, 10000)} / 100.0)::numeric(9, 2) AS score,
      DATE '1950-01-01' + (i % 20000)::int4 AS born,
      TIMESTAMP '2020-01-01' + make_interval(secs => i) AS seen
      FROM generate_series(0, ${rows - 1}) t(i)`);
    await session.run("VACUUM (ANALYZE) people");
    await session.run("CREATE SCHEMA yardstick");
    await session.close();
  },
  text: (name) => `${name}::text`,
  warehouse: async ({ url, folder }) => {
    const { default: connector } = await import("../../dist/connectors/postgres/index.js");
    return connector.open({ type: "postgres", url, work_mem: POSTGRES_MEMORY }, { folder });
  },
  /** @returns {Promise<Session>} */
  async session({ url }) {
    const { default: pg } = await import("pg");
    const { default: Cursor } = await import("pg-cursor");
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(`SET work_mem = '${POSTGRES_MEMORY}'`);
    return {
      run: async (sql) => void (await client.query(sql)),
      value: async (sql) => String((await client.query({ text: sql, rowMode: "array" })).rows[0][0]),
      async *batches(sql) {
        const cursor = client.query(new Cursor(sql, [], { rowMode: "array" }));
        for (;;) {
          const rows = await cursor.read(2_000);
          if (rows.length === 0) return;
          yield rows;
        }
      },
      close: () => client.end(),
    };
  },
};

export const ENGINES = { duckdb, postgres };
export { COLUMNS, MODEL };
