import { expect, test, vi } from "vitest";
import { fusedDuckdb, newFuse } from "./fuse.ts";
import { localOnDuckdb, warehouseInDuckdb } from "./places.ts";
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

test("local state over DuckDB: after any history one clean run makes the destination equal the model", async () => {
  await using place = await localOnDuckdb();
  expect((await converges(place, options, 1)).kills).toBeGreaterThan(0);
}, 7_200_000);

test("state in DuckDB: after any history one clean run makes the destination equal the model", async () => {
  await using place = await warehouseInDuckdb();
  expect((await converges(place, options, 2)).kills).toBeGreaterThan(0);
}, 7_200_000);
