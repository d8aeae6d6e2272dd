import { activityparty, phonecall, task } from "./activities.ts";
import type { ManyToMany, TableDescription } from "./column.ts";
import { asset, LINKS as CUSTOM_LINKS, log, note, order, orderLine, tag } from "./custom.ts";
import { account, contact } from "./customers.ts";
import { shipment } from "./external.ts";
import { fileattachment } from "./files.ts";
import { asyncoperation, bulkdeleteoperation } from "./jobs.ts";
import { SALES_LINKS } from "./links.ts";
import {
  businessunit,
  sdkmessage,
  sdkmessagefilter,
  systemuser,
  team,
  transactioncurrency,
} from "./organization.ts";
import { incident, lead, list, listmember, opportunity } from "./sales.ts";
import { role, USER_ROLES } from "./security.ts";
import { segment, segmentdefinition, segmentmember } from "./segments.ts";

/** The tables of every sandbox. */
export const TABLES: readonly TableDescription[] = [
  account,
  contact,
  lead,
  opportunity,
  incident,
  list,
  listmember,
  systemuser,
  team,
  businessunit,
  transactioncurrency,
  sdkmessage,
  sdkmessagefilter,
  role,
  order,
  note,
  orderLine,
  asset,
  tag,
  log,
  shipment,
  task,
  phonecall,
  activityparty,
  fileattachment,
  asyncoperation,
  bulkdeleteoperation,
  segmentdefinition,
  segment,
  segmentmember,
];

/** The many-to-many relationships between them. */
export const LINKS: readonly ManyToMany[] = [...CUSTOM_LINKS, ...SALES_LINKS, USER_ROLES];
