import type { Formula } from "./column.ts";

/** Columns that are computed on each read: table, column, what of. */
export const FORMULAS: Readonly<Record<string, Readonly<Record<string, Formula>>>> = {
  // Kept by the service (page: list table reference).
  list: { membercount: { is: "count", table: "listmember", column: "listid" } },
  new_orderline: { new_total: { is: "product", of: ["new_quantity", "new_price"] } },
};
