import type { Knex } from "knex";
import type { PostgresWarehouse } from "../../src/config/generated/postgres.ts";

export type PostgresConfig = PostgresWarehouse;

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
    ...(ssl === "disable" ? { ssl: false } : {}),
    // `require` encrypts without asking who answers; `verify-full` checks the server's certificate and name.
    ...(ssl === "require" ? { ssl: { rejectUnauthorized: false } } : {}),
    ...(ssl === "verify-full" ? { ssl: true } : {}),
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
