// Made from spec/connectors/postgres.schema.json by spec/generate.mjs: edit that file, not this one.
// Describes the config after its defaults have been filled in.

/**
 * A PostgreSQL database, by its url or by host, database and user.
 */
export interface PostgresWarehouse {
  /**
   * A PostgreSQL database.
   */
  type: "postgres";
  /**
   * The connection string; its password is a reference, or the whole of it is.
   */
  url?: string;
  /**
   * The server, or the folder of its socket.
   */
  host?: string;
  /**
   * The server's port.
   */
  port: number;
  /**
   * The database.
   */
  database?: string;
  /**
   * The user; reading is all it must be allowed.
   */
  user?: string;
  /**
   * The user's password.
   */
  password?: string;
  /**
   * Encryption of the connection: none, without a check of the server's certificate, or with one; left out, the url's sslmode decides.
   */
  ssl?: "disable" | "require" | "verify-full";
  /**
   * For verify-full: a PEM file with the certificate of your own authority, relative to the project's folder; left out, the authorities that Node trusts count.
   */
  ssl_ca?: string;
  /**
   * Milliseconds that a statement may take; left out, the server decides.
   */
  statement_timeout?: number;
  /**
   * Memory that one sort or join of a statement may take before it goes to disk; left out, 64MB.
   */
  work_mem?: string;
}
