import { expect, test } from "vitest";
import { missingRights } from "../../src/sync/open.ts";
import type { Prepared } from "../../src/sync/prepare.ts";
import { account, open } from "./account.ts";

test("what the state's schema lacks is named, and nothing is said where the catalog says nothing", async () => {
  await using server = await account();
  await using warehouse = await open(server);
  const lacking = async (): Promise<unknown[]> => {
    const place = { kind: "warehouse", engine: warehouse.engine!, schema: "backhaul" };
    const problems = await missingRights({ place, model: { warehouse: "snow" } } as unknown as Prepared);
    for (const { code } of problems) expect(code).toBe("state.missing_right");
    return problems.map(({ message }) => /lacks (.*)\.$/.exec(message)?.[1]);
  };
  expect(await lacking()).toEqual([]);
  await server.grant("USAGE", "DATABASE", "DB", "SYNC");
  await server.grant("CREATE SCHEMA", "DATABASE", "DB", "OTHER");
  const both = "CREATE SCHEMA on the database DB, or USAGE on the schema BACKHAUL if it is there";
  expect(await lacking()).toEqual([both]);
  await server.sql("CREATE SCHEMA BACKHAUL");
  expect(await lacking()).toEqual([]);
  await server.grant("USAGE", "SCHEMA", "BACKHAUL", "SYNC");
  await server.grant("CREATE TABLE", "SCHEMA", "PUBLIC", "SYNC");
  expect(await lacking()).toEqual(["CREATE TABLE on the schema BACKHAUL"]);
  await server.grant("CREATE TABLE", "SCHEMA", "BACKHAUL", "SYNC");
  expect(await lacking()).toEqual([]);
  await server.grant("OWNERSHIP", "TABLE", "BACKHAUL.RUNS", "SYNC");
  for (const right of ["SELECT", "UPDATE"]) await server.grant(right, "TABLE", "BACKHAUL.SYNCS", "SYNC");
  expect(await lacking()).toEqual(["DELETE on the table SYNCS", "INSERT on the table SYNCS"]);
  await server.grant("OWNERSHIP", "TABLE", "BACKHAUL.SYNCS", "SYNC");
  expect(await lacking()).toEqual([]);
});
