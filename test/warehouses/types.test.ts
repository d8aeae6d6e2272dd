/** Every row of the value tables in the connectors' pages: what each SQL type becomes, both ways, or that it is refused. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Warehouse } from "../../src/ports.ts";
import { type Started, warehouses } from "./table.ts";
import { valuesOf } from "./values.ts";

interface Documented {
  readonly type: string;
  readonly example: string;
  readonly becomes: string | undefined;
  /** The type's name in the refusal. */
  readonly refused: string | undefined;
  readonly kind: string;
}

/** The statements and the table under "Values" of a connector's page. */
function pageOf(file: string): { setup: string[]; types: Documented[] } {
  const page = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
  const setup = /```sql\n-- setup\n([^`]*)```/.exec(page)?.[1] ?? "";
  const lines = page.slice(page.indexOf("\n| type ")).split("\n").slice(3);
  const rows = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith("|")),
  );
  return {
    setup: setup.split(/;\n/).filter((statement) => statement.trim() !== ""),
    types: rows.map((line) => {
      const [, type = "", example = "", becomes = "", kind = ""] = line
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim());
      const code = (cell: string): string | undefined => /^(?:refused: )?`(.*)`$/.exec(cell)?.[1];
      const refused = becomes.startsWith("refused") ? code(becomes) : undefined;
      return { type, example: code(example)!, becomes: refused ? undefined : code(becomes), refused, kind };
    }),
  };
}

describe.each(warehouses)("$name", ({ start, page }) => {
  const { setup, types } = pageOf(page);
  let started: Started;
  beforeAll(async () => {
    started = await start();
    await using warehouse = await started.open();
    for (const statement of setup) await warehouse.engine!.run(statement, undefined, "model");
  });
  afterAll(async () => {
    await started?.[Symbol.asyncDispose]();
  });

  /** Opened for each use: a DuckDB file is held for writing, or attached by somebody else, never both. */
  async function on<T>(use: (warehouse: Warehouse) => Promise<T>): Promise<T> {
    await using warehouse = await started.open();
    return await use(warehouse);
  }

  test("has a page with a table", () => {
    expect(types.length).toBeGreaterThan(20);
    expect(new Set(types.map(({ type }) => type)).size).toBe(types.length);
  });

  const values = types.filter(({ becomes }) => becomes !== undefined);
  test.each(values)("$type: $example is $becomes", async ({ type, example, becomes, kind }) => {
    const text = `SELECT 1 AS id, ${example} AS v`;
    const kept = await on((warehouse) => valuesOf(warehouse, "warehouse", text));
    expect(kept.columns[1]?.kind).toBe(kind);
    expect(kept.rows).toEqual([["1", becomes]]);
    const local = on((warehouse) => valuesOf(warehouse, "local", text));
    if (type.includes("`state: warehouse` alone")) {
      await expect(local).rejects.toMatchObject({
        problems: [{ kind: "config", message: expect.stringContaining('Column "v"') }],
      });
    } else expect((await local).rows).toEqual([["1", becomes]]);
  });

  test.each(types.filter(({ refused }) => refused !== undefined))(
    "$type is refused",
    async ({ example, refused }) => {
      const query = { text: `SELECT 1 AS id, ${example} AS v`, file: "models/t.sql" };
      const columns = await on((warehouse) => warehouse.columns(query, new AbortController().signal));
      expect(columns[1]).toMatchObject({ name: "v", kind: undefined, sqlType: refused });
    },
  );
});
