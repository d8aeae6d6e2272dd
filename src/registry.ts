/** The connectors by the word that stands behind `type:`; the only file of `src` that knows them. Loaded on use. */
import dataverse from "../spec/connectors/dataverse.schema.json" with { type: "json" };
import duckdb from "../spec/connectors/duckdb.schema.json" with { type: "json" };
import postgres from "../spec/connectors/postgres.schema.json" with { type: "json" };
import snowflake from "../spec/connectors/snowflake.schema.json" with { type: "json" };
import type { DestinationDefinition, WarehouseDefinition } from "./define.ts";

// biome-ignore lint/suspicious/noExplicitAny: each connector has a config type of its own, checked by its schema
type AnyConfig = any;

export const warehouses: Readonly<Record<string, () => Promise<WarehouseDefinition<AnyConfig>>>> = {
  duckdb: async () => (await import("../connectors/duckdb/index.ts")).default,
  postgres: async () => (await import("../connectors/postgres/index.ts")).default,
  snowflake: async () => (await import("../connectors/snowflake/index.ts")).default,
};

export const destinations: Readonly<Record<string, () => Promise<DestinationDefinition<AnyConfig>>>> = {
  dataverse: async () => (await import("../connectors/dataverse/index.ts")).default,
};

/** The JSON Schema of each connector's config. */
export const schemas = { warehouses: { duckdb, postgres, snowflake }, destinations: { dataverse } };
