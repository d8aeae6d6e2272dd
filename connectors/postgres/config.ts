import type { Knex } from "knex";

export interface PostgresConfig {
  readonly type: "postgres";
  /** A connection URL; or the parts below. */
  readonly url?: string;
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
  readonly user?: string;
  readonly password?: string;
  /** `true` and `verify-full` check the server's certificate, `require` only encrypts. */
  readonly ssl?: boolean | "disable" | "require" | "verify-full";
  /** Milliseconds a statement may take. */
  readonly statement_timeout?: number;
}

/** The driver's own form of the config. */
export function connectionOf(config: PostgresConfig): Knex.PgConnectionConfig {
  const { url, host, port, database, user, password, ssl } = config;
  return {
    ...(url === undefined ? {} : { connectionString: url }),
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(database === undefined ? {} : { database }),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(ssl === undefined || ssl === "disable"
      ? {}
      : { ssl: ssl === "require" ? { rejectUnauthorized: false } : ssl !== false }),
    application_name: "backhaul",
    connectionTimeoutMillis: 15_000,
    keepAlive: true,
  };
}

/** Host and port for messages; never the user's name or password. */
export function addressOf(config: PostgresConfig): string {
  if (config.url !== undefined && URL.canParse(config.url)) {
    const { hostname, port, pathname } = new URL(config.url);
    return `${hostname}:${port || "5432"}${pathname}`;
  }
  return `${config.host ?? "localhost"}:${config.port ?? 5432}/${config.database ?? ""}`;
}
