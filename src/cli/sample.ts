/** A look at a model's rows: some of them, as canonical text. */
import { fail } from "../core/errors.ts";
import type { ModelSpec } from "../core/spec.ts";
import type { Column, Value } from "../core/value.ts";
import type { Query, RowAccess, Warehouse } from "../ports.ts";

/**
 * @param columns those that have a kind
 * @returns rows whose values stand in the order of the columns
 */
export async function sampleRows(
  warehouse: Warehouse,
  model: ModelSpec,
  columns: readonly Column[],
  options: { readonly rows: number; readonly signal: AbortSignal },
): Promise<readonly (readonly Value[])[]> {
  if (columns.length === 0) return [];
  const { access } = warehouse;
  if (access.kind === "attach") return attached(access, model, columns, options.rows);
  const text = `SELECT * FROM (\n${model.query}\n) AS backhaul_sample LIMIT ${options.rows}`;
  const query: Query = { text, file: model.queryFile };
  const found: (readonly Value[])[] = [];
  const { timezone } = model;
  for await (const batch of access.rows(query, columns, { timezone, signal: options.signal }))
    found.push(...batch);
  return found;
}

/** A DuckDB file is read by DuckDB itself, in memory of its own. */
async function attached(
  access: Extract<RowAccess, { kind: "attach" }>,
  { query, queryFile, timezone }: ModelSpec,
  columns: readonly Column[],
  rows: number,
): Promise<readonly (readonly Value[])[]> {
  const [{ openDuckdb }, { duckdbDialect: dialect }] = await Promise.all([
    import("../duckdb/database.ts"),
    import("../duckdb/dialect.ts"),
  ]);
  await using database = await openDuckdb(":memory:", { memoryLimit: "256MB", temporaryFolder: "" });
  const values = columns.map((column) => {
    const name = `backhaul_sample.${dialect.quote(column.name)}`;
    return dialect.toText(column, dialect.fromModel(column, name, timezone));
  });
  try {
    await database.run(`SET file_search_path = ${dialect.literal(access.searchPath)}`);
    await database.run(
      `ATTACH ${dialect.literal(access.path)} AS ${dialect.quote(access.catalog)} (READ_ONLY)`,
    );
    await database.run(`USE ${dialect.quote(access.catalog)}`);
    return await database.all(
      `SELECT ${values.join(", ")} FROM (\n${query}\n) AS backhaul_sample LIMIT ${rows}`,
    );
  } catch (error) {
    const [first] = String(error instanceof Error ? error.message : error).split("\n", 1);
    throw fail.config("model.query_failed", `The query could not be run: ${first}`, "Mend the query.", {
      place: { file: queryFile },
    });
  }
}
