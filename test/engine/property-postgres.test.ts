import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { fusedDuckdb, newFuse } from "./fuse.ts";
import { localOnPostgres, warehouseInPostgres } from "./places.ts";
import { converges } from "./property.ts";

const { fuse } = vi.hoisted(() => ({ fuse: {} as { current?: ReturnType<typeof newFuse> } }));
vi.mock("../../src/duckdb/database.ts", async (original) => {
  const real = await original<typeof import("../../src/duckdb/database.ts")>();
  return {
    ...real,
    openDuckdb: async (...args: Parameters<typeof real.openDuckdb>) => {
      const database = await real.openDuckdb(...args);
      return fuse.current === undefined ? database : fusedDuckdb(database, fuse.current);
    },
  };
});

fuse.current = newFuse();
const options = { fuse: fuse.current, journalOutcomes: 1_000 };

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

test("local state over PostgreSQL: after any history one clean run makes the destination equal the model", async () => {
  await using place = await localOnPostgres(server);
  expect((await converges(place, options, 3)).kills).toBeGreaterThan(0);
}, 7_200_000);

test("state in PostgreSQL: after any history one clean run makes the destination equal the model", async () => {
  await using place = await warehouseInPostgres(server);
  expect((await converges(place, options, 4)).kills).toBeGreaterThan(0);
}, 7_200_000);
