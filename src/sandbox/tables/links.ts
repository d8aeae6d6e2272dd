import type { ManyToMany } from "./column.ts";

/** Many-to-many relationships that every organisation with Sales has; names as captured. */
export const SALES_LINKS: readonly ManyToMany[] = [
  {
    schemaName: "contactleads_association",
    intersect: "contactleads",
    set: "contactleadscollection",
    entity1: "contact",
    attribute1: "contactid",
    navigation1: "contactleads_association",
    entity2: "lead",
    attribute2: "leadid",
    navigation2: "contactleads_association",
  },
  {
    schemaName: "teammembership_association",
    intersect: "teammembership",
    set: "teammemberships",
    entity1: "team",
    attribute1: "teamid",
    navigation1: "teammembership_association",
    entity2: "systemuser",
    attribute2: "systemuserid",
    navigation2: "teammembership_association",
  },
];
