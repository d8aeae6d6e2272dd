// Made from spec/connectors/duckdb.schema.json by spec/generate.mjs: edit that file, not this one.
// Describes the config after its defaults have been filled in.

/**
 * A DuckDB database file.
 */
export interface DuckDBWarehouse {
  /**
   * A DuckDB database file.
   */
  type: "duckdb";
  /**
   * The database file, relative to the project's folder.
   */
  path: string;
  /**
   * Memory that DuckDB may use; left out, DuckDB decides.
   */
  memory_limit?: string;
}
