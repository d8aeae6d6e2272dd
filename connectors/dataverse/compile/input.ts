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

/** A column of the model: its index, what it holds, and the zone that its timestamps were read in. */
export interface Found {
  readonly column: number;
  readonly kind: NonNullable<Column["kind"]>;
  readonly sqlType: string;
  readonly zone?: string;
}

/** Finds a column of the model that has a kind. */
export function columnOf(
  name: string,
  path: readonly (string | number)[],
  { columns }: CompileInput,
  findings: Findings,
): Found | null {
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
  const { kind, sqlType, zone } = found;
  return { column, kind, sqlType, ...(zone === undefined ? {} : { zone }) };
}
