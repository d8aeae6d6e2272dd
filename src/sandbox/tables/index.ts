import { activityparty, phonecall, task } from "./activities.ts";
import type { TableDescription } from "./column.ts";
import { asset, log, note, order, orderLine, tag } from "./custom.ts";
import { account, contact } from "./customers.ts";
import { asyncoperation, bulkdeleteoperation } from "./jobs.ts";
import {
  businessunit,
  sdkmessage,
  sdkmessagefilter,
  systemuser,
  team,
  transactioncurrency,
} from "./organization.ts";
import { lead, list, listmember, opportunity } from "./sales.ts";
import { segment, segmentdefinition, segmentmember } from "./segments.ts";

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
  orderLine,
  asset,
  tag,
  log,
  task,
  phonecall,
  activityparty,
  asyncoperation,
  bulkdeleteoperation,
  segmentdefinition,
  segment,
  segmentmember,
];

export { LINKS } from "./custom.ts";
