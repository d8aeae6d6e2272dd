import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { ClientConfig } from "pg";
import type { PostgresWarehouse } from "../../src/config/generated/postgres.ts";
import { fail } from "../../src/sdk.ts";

export type PostgresConfig = PostgresWarehouse;

/**
 * The driver's own form of the config.
 *
 * @param folder where a relative `ssl_ca` starts
 */
export function connectionOf(config: PostgresConfig, folder: string): ClientConfig {
  const { url, host, port, database, user, password } = config;
  return {
    ...(url === undefined ? {} : { connectionString: config.ssl === undefined ? url : withoutSsl(url) }),
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(database === undefined ? {} : { database }),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...sslOf(config, folder),
    application_name: "backhaul",
    connectionTimeoutMillis: 15_000,
    keepAlive: true,
  };
}

function sslOf({ ssl, ssl_ca }: PostgresConfig, folder: string): Pick<ClientConfig, "ssl"> {
  switch (ssl) {
    case "disable":
      return { ssl: false };
    case "require":
      return { ssl: { rejectUnauthorized: false } };
    case "verify-full":
      return {
        ssl: {
          rejectUnauthorized: true,
          ...(ssl_ca === undefined ? {} : { ca: authority(resolve(folder, ssl_ca)) }),
        },
      };
    default:
      return {};
  }
}

function authority(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw fail.config(
      "postgres.ssl_ca",
      `The certificate ${file} cannot be read: ${(error as Error).message}.`,
      "Mend ssl_ca of the warehouse in backhaul.yml.",
    );
  }
}

/** To the driver the url's word would count more than the config's. */
function withoutSsl(url: string): string {
  if (!URL.canParse(url)) return url;
  const plain = new URL(url);
  for (const name of [...plain.searchParams.keys()]) {
    if (/^ssl|^uselibpqcompat$/i.test(name)) plain.searchParams.delete(name);
  }
  return plain.href;
}

/** Host and port for messages; never the user's name or password. */
export function addressOf(config: PostgresConfig): string {
  if (config.url !== undefined && URL.canParse(config.url)) {
    const { hostname, port, pathname } = new URL(config.url);
    return `${hostname}:${port || "5432"}${pathname}`;
  }
  return `${config.host ?? "localhost"}:${config.port ?? 5432}/${config.database ?? ""}`;
}
