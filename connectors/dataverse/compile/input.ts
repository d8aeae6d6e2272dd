/** What compiling starts from and where it puts what it finds. Pure. */
import { type Column, didYouMean, type Problem, type SyncSpec } from "../../../src/sdk.ts";
import type { Table } from "../table.ts";

export interface CompileInput {
  readonly sync: SyncSpec;
  readonly columns: readonly Column[];
  readonly table: Table;
  /** The tables that lookups point at, by the name in the mapping; a problem where there is none. */
  readonly parents: ReadonlyMap<string, Table | Problem>;
}

/** Collects problems with their places. */
export interface Findings {
  problem(
    code: string,
    path: readonly (string | number)[],
    message: string,
    remedy?: string,
    field?: string,
  ): void;
  warn(text: string): void;
}

/** Finds a column of the model that has a kind. */
export function columnOf(
  name: string,
  path: readonly (string | number)[],
  { columns }: CompileInput,
  findings: Findings,
): { column: number; kind: NonNullable<Column["kind"]>; sqlType: string } | null {
  const column = columns.findIndex((candidate) => candidate.name === name);
  const found = columns[column];
  if (!found) {
    const remedy = didYouMean(
      name,
      columns.map((candidate) => candidate.name),
    );
    findings.problem("mapping.unknown_column", path, `The model has no column '${name}'.`, remedy);
    return null;
  }
  if (found.kind === undefined) {
    findings.problem(
      "mapping.unknown_type",
      path,
      `The column '${name}' has the type ${found.sqlType}, which cannot be sent.`,
      "Cast it to a simple type in the model's query.",
    );
    return null;
  }
  return { column, kind: found.kind, sqlType: found.sqlType };
}
