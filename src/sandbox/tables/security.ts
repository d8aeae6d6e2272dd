import type { ManyToMany } from "./column.ts";
import { housekeeping, lookup, primaryKey, table, text } from "./describe.ts";

/** Security roles as rows: what a client reads that asks what its user may do. */
export const role = table("Role", 1036, {
  primaryName: "name",
  ownership: "BusinessOwned",
  bulk: false,
  changeTracking: false,
  columns: [
    primaryKey("RoleId"),
    text("Name", 100, { required: "SystemRequired" }),
    lookup("BusinessUnitId", "businessunit", "business_unit_roles", { required: "SystemRequired" }),
    housekeeping("role"),
  ],
});

export const USER_ROLES: ManyToMany = {
  schemaName: "systemuserroles_association",
  intersect: "systemuserroles",
  set: "systemuserrolescollection",
  entity1: "systemuser",
  attribute1: "systemuserid",
  navigation1: "systemuserroles_association",
  entity2: "role",
  attribute2: "roleid",
  navigation2: "systemuserroles_association",
};
