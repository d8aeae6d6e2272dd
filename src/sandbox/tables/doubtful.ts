import type { Unverified } from "../unverified.ts";
import type { Column, TableDescription } from "./column.ts";

/** What of our own descriptions hangs on a switch: see `unverified.ts`. Loaded definitions stay as they were loaded. */

/** `SourceType` of calculated columns, the only computed ones that are described here. */
const CALCULATED = 1;

function settled(column: Column, rules: Unverified): Column {
  const computed = column.computed === CALCULATED ? rules.calculatedSourceType : column.computed;
  const isPlain = rules.regardingNames === "table" && column.logicalName === "regardingobjectid";
  if (computed === column.computed && !isPlain) return column;
  const relationships = column.relationships?.map((one) =>
    isPlain ? { ...one, navigation: `regardingobjectid_${one.target}` } : one,
  );
  return {
    ...column,
    ...(computed === undefined ? {} : { computed }),
    ...(relationships ? { relationships } : {}),
  };
}

export const settleDoubts = (
  tables: readonly TableDescription[],
  rules: Unverified,
): readonly TableDescription[] =>
  tables.map((table) => ({ ...table, columns: table.columns.map((column) => settled(column, rules)) }));
