import * as options from "./choices.ts";
import {
  ACTIVE_INACTIVE,
  choice,
  currency,
  dateOnly,
  dateTime,
  decimal,
  housekeeping,
  integer,
  key,
  lookup,
  memo,
  money,
  owner,
  primaryKey,
  table,
  text,
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
