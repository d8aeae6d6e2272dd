/** An account for the tests, and the connector on it. */
import { generateKeyPairSync } from "node:crypto";
import snowflake from "../../connectors/snowflake/index.ts";
import type { SnowflakeWarehouse } from "../../src/config/generated/snowflake.ts";
import type { Warehouse } from "../../src/ports.ts";
import { type AccountOptions, startSnowflake, type TestSnowflake } from "../support/snowflake/server.ts";

export const PASSWORD = "correct-horse-battery";

export const account = (options: Partial<AccountOptions> = {}): Promise<TestSnowflake> =>
  startSnowflake({ users: { SYNC: { password: PASSWORD } }, ...options });

export function keyPair(passphrase?: string): { readonly privateKey: string; readonly publicKey: string } {
  return generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: {
      type: "pkcs8",
      format: "pem",
      ...(passphrase === undefined ? {} : { cipher: "aes-256-cbc", passphrase }),
    },
  });
}

export function configOf(
  server: Pick<TestSnowflake, "url" | "account">,
  more: Partial<SnowflakeWarehouse> = {},
): SnowflakeWarehouse {
  return {
    type: "snowflake",
    account: server.account,
    access_url: server.url,
    user: "SYNC",
    database: "DB",
    schema: "PUBLIC",
    warehouse: "WH",
    role: "SYNC",
    query_tag: "backhaul",
    password: PASSWORD,
    ...more,
  };
}

export const open = (
  server: Pick<TestSnowflake, "url" | "account">,
  more: Partial<SnowflakeWarehouse> = {},
): Promise<Warehouse> => snowflake.open(configOf(server, more), { folder: "." });

/** All rows of a query as the connector gives them, and its columns. */
export async function readAll(
  warehouse: Warehouse,
  text: string,
  { timezone = "UTC", signal = new AbortController().signal, file = "models/t.sql" } = {},
) {
  const query = { text, file };
  const columns = await warehouse.columns(query, signal);
  if (warehouse.access.kind !== "stream") throw new Error("no stream");
  const rows: (readonly (string | null)[])[] = [];
  for await (const batch of warehouse.access.rows(query, columns, { timezone, signal })) rows.push(...batch);
  return { columns, rows };
}
