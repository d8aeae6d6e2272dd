import * as options from "./choices.ts";
import type { ManyToMany } from "./column.ts";
import {
  ACTIVE_INACTIVE,
  CREATE_ONLY,
  choice,
  currency,
  dateOnly,
  dateTime,
  decimal,
  file,
  housekeeping,
  image,
  integer,
  key,
  lookup,
  memo,
  money,
  onDelete,
  owner,
  primaryKey,
  READ_ONLY,
  states,
  table,
  text,
  transitions,
} from "./describe.ts";

const STATUS: readonly (readonly [number, string, string])[] = [
  [100000000, "Open", "Offen"],
  [100000001, "Shipped", "Versandt"],
  [100000002, "Returned", "Zurückgeschickt"],
];

export const order = table("new_order", 10393, {
  primaryName: "new_name",
  keys: [
    key("new_OrderExternalKey", ["new_externalid"]),
    key("new_OrderLineKey", ["new_ordernumber", "new_linenumber"]),
    key("new_OrderReferenceKey", ["new_reference"], "Pending"),
  ],
  columns: [
    primaryKey("new_orderId"),
    text("new_Name", 200, { required: "ApplicationRequired" }),
    text("new_ExternalId", 100),
    text("new_OrderNumber", 50),
    integer("new_LineNumber", 0, 1000000),
    text("new_Reference", 50),
    memo("new_Comment", 4000),
    integer("new_Quantity", 0, 1000000),
    decimal("new_Weight", "0", "100000000", 10),
    money("new_Amount", "-922337203685477", "922337203685477"),
    dateOnly("new_OrderDate"),
    dateTime("new_ShippedOn"),
    choice("new_OrderStatus", STATUS),
    choice("new_Tier", options.TIER, { globalName: options.TIER_NAME }),
    lookup("new_AccountId", "account", "new_order_Account"),
    lookup("new_ContactId", "contact", "new_order_Contact"),
    currency("new_order"),
    owner("new_order"),
    housekeeping("new_order"),
    ACTIVE_INACTIVE,
  ],
});

/** Behaves like the system tables that the bulk messages leave out: one row at a time, or $batch. */
export const note = table("new_note", 10394, {
  primaryName: "new_name",
  bulk: false,
  keys: [key("new_NoteCodeKey", ["new_code"])],
  columns: [
    primaryKey("new_noteId"),
    text("new_Name", 100),
    text("new_Code", 100),
    memo("new_Text", 10000),
    integer("new_Priority", 0, 10),
    lookup("new_ContactId", "contact", "new_note_Contact"),
    owner("new_note"),
    housekeeping("new_note"),
    ACTIVE_INACTIVE,
  ],
});

/** A line of an order: goes with its order, holds on to its account, and is known by its order and number. */
export const orderLine = table("new_orderline", 10395, {
  primaryName: "new_name",
  keys: [key("new_OrderLineNumberKey", ["new_orderid", "new_number"])],
  columns: [
    primaryKey("new_orderlineId"),
    text("new_Name", 100),
    integer("new_Number", 0, 1000000),
    integer("new_Quantity", 0, 1000000),
    decimal("new_Price", "0", "1000000", 4),
    decimal("new_Total", "0", "100000000000", 4, { ...READ_ONLY, computed: 1 }),
    onDelete("Cascade", lookup("new_OrderId", "new_order", "new_order_orderlines")),
    onDelete("Restrict", lookup("new_AccountId", "account", "new_orderline_Account")),
    owner("new_orderline"),
    housekeeping("new_orderline"),
    ACTIVE_INACTIVE,
  ],
});

/** Has what is written by requests of its own: a file and a picture; its states may only follow each other. */
export const asset = table("new_asset", 10396, {
  primaryName: "new_name",
  flags: { enforceTransitions: true },
  columns: [
    primaryKey("new_assetId"),
    text("new_Name", 100),
    text("new_AssetNumber", 100, { autoNumber: "AST-{SEQNUM:5}" }),
    text("new_OrderTicket", 100, { autoNumber: "ORD-{SEQNUM:5}-{RANDSTRING:4}-{DATETIMEUTC:yyyyMMdd}" }),
    image("new_Photo"),
    file("new_Manual", 32768),
    owner("new_asset"),
    housekeeping("new_asset"),
    transitions(
      states([
        [
          0,
          "Active",
          "Aktiv",
          1,
          [
            [1, "Ordered", "Bestellt"],
            [100000001, "In use", "In Gebrauch"],
          ],
        ],
        [1, "Inactive", "Inaktiv", 2, [[2, "Retired", "Ausgemustert"]]],
      ]),
      { 1: [100000001, 2], 100000001: [2], 2: [] },
    ),
  ],
});

export const tag = table("new_tag", 10397, {
  primaryName: "new_name",
  keys: [key("new_TagNameKey", ["new_name"])],
  columns: [
    primaryKey("new_tagId"),
    text("new_Name", 100),
    owner("new_tag"),
    housekeeping("new_tag"),
    ACTIVE_INACTIVE,
  ],
});

/** An elastic table: partitioned, without transactions (page: elastic-tables). */
export const log = table("new_log", 10398, {
  primaryName: "new_name",
  changeTracking: false,
  flags: { elastic: true },
  columns: [
    primaryKey("new_logId"),
    text("new_Name", 100),
    text("PartitionId", 1024, CREATE_ONLY),
    integer("TTLInSeconds", -1, 2147483647),
    integer("new_Level", 0, 9),
    memo("new_Message", 10000),
    owner("new_log"),
    housekeeping("new_log"),
  ],
});

/** The many-to-many relationships of every sandbox; marketing lists keep their pairs in `listmember`. */
export const LINKS: readonly ManyToMany[] = [
  {
    schemaName: "new_account_tag",
    intersect: "new_account_new_tag",
    set: "new_account_new_tagset",
    entity1: "account",
    attribute1: "accountid",
    navigation1: "new_account_tag",
    entity2: "new_tag",
    attribute2: "new_tagid",
    navigation2: "new_account_tag",
  },
  ...["account", "contact", "lead"].map((member) => ({
    schemaName: `list${member}_association`,
    intersect: "listmember",
    set: "listmembers",
    entity1: "list",
    attribute1: "listid",
    navigation1: `list${member}_association`,
    entity2: member,
    attribute2: "entityid",
    navigation2: `list${member}_association`,
  })),
];
