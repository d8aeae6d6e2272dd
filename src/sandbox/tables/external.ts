import { integer, primaryKey, READ_ONLY, table, text } from "./describe.ts";

/**
 * A virtual table: its rows live in another system and are read through a data provider (page: virtual-entities).
 * Tests and demonstrations put rows in through the back door.
 */
export const shipment = table("new_shipment", 10399, {
  primaryName: "new_name",
  ownership: "OrganizationOwned",
  bulk: false,
  changeTracking: false,
  flags: { dataProvider: "7015a531-cc0d-4537-b5f2-c882a1eb65ad" },
  columns: [
    primaryKey("new_shipmentId"),
    text("new_Name", 100, READ_ONLY),
    text("new_Carrier", 100, READ_ONLY),
    integer("new_Parcels", 0, 1000, READ_ONLY),
  ],
});
