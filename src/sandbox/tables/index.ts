import type { TableDescription } from "./column.ts";
import { note, order } from "./custom.ts";
import { account, contact } from "./customers.ts";
import {
  businessunit,
  sdkmessage,
  sdkmessagefilter,
  systemuser,
  team,
  transactioncurrency,
} from "./organization.ts";
import { lead, list, listmember, opportunity } from "./sales.ts";

/** The tables of every sandbox. */
export const TABLES: readonly TableDescription[] = [
  account,
  contact,
  lead,
  opportunity,
  list,
  listmember,
  systemuser,
  team,
  businessunit,
  transactioncurrency,
  sdkmessage,
  sdkmessagefilter,
  order,
  note,
];
