/** Tables for pure tests. Wire tests read theirs from the sandbox. */
import type { Attribute, Shape, Table } from "../../../connectors/dataverse/table.ts";

export function attribute(name: string, shape: Shape, more: Partial<Attribute> = {}): Attribute {
  return {
    name,
    displayName: name,
    metadataId: "",
    type: shape.kind,
    shape,
    required: "none",
    creatable: true,
    updatable: true,
    readable: true,
    secured: false,
    of: null,
    hasDefault: false,
    ...more,
  };
}

const text = (longest: number): Shape => ({ kind: "text", longest });

function table(
  more: Partial<Table> & Pick<Table, "name" | "set" | "primaryId">,
  columns: Attribute[],
): Table {
  return {
    displayName: more.name,
    primaryName: null,
    keys: [],
    navigations: [],
    bulk: { create: true, update: true },
    kind: "standard",
    takes: { create: true, update: true, delete: true },
    privileges: {},
    ...more,
    attributes: new Map(columns.map((column) => [column.name, column])),
  };
}

export const account = table(
  {
    name: "account",
    set: "accounts",
    primaryId: "accountid",
    keys: [
      { name: "account_number", fields: ["accountnumber"], status: "Active" },
      { name: "account_name", fields: ["name"], status: "Pending" },
    ],
  },
  [
    attribute("accountid", { kind: "id" }, { updatable: false, required: "system" }),
    attribute("accountnumber", text(20)),
    attribute("name", text(160)),
  ],
);

export const contact = table(
  {
    name: "contact",
    set: "contacts",
    primaryId: "contactid",
    keys: [
      { name: "customer", fields: ["new_customerid"], status: "Active" },
      { name: "region_and_number", fields: ["new_region", "new_number"], status: "Active" },
      { name: "email", fields: ["emailaddress1"], status: "Failed" },
    ],
    navigations: [
      { field: "parentcustomerid", target: "account", property: "parentcustomerid_account" },
      { field: "parentcustomerid", target: "contact", property: "parentcustomerid_contact" },
    ],
  },
  [
    attribute("contactid", { kind: "id" }, { updatable: false, required: "system" }),
    attribute("new_customerid", text(50)),
    attribute("new_region", text(10)),
    attribute("new_number", { kind: "whole", least: "0", most: "1000" }),
    attribute("firstname", text(50)),
    attribute("lastname", text(50), { required: "application" }),
    attribute("emailaddress1", text(100)),
    attribute("creditlimit", { kind: "decimal", least: "0", most: "1000000", decimals: 2 }),
    attribute("donotemail", { kind: "boolean", choices: [] }),
    attribute("importsequencenumber", { kind: "whole", least: "0", most: "1000" }, { updatable: false }),
    attribute("new_code", text(10), { required: "system" }),
    attribute("new_stage", text(10), { creatable: false }),
    attribute(
      "createdon",
      { kind: "moment", showsDateOnly: false, isLocal: true },
      { creatable: false, updatable: false },
    ),
    attribute("createdbyname", text(100), { creatable: false, updatable: false, of: "createdby" }),
    attribute("lastusedincampaign", { kind: "moment", showsDateOnly: true, isLocal: true }),
    attribute("new_tags", { kind: "unsupported", why: "a choices column is not supported yet" }),
    attribute("parentcustomerid", { kind: "lookup", targets: ["account", "contact"] }),
    attribute("preferredcontactmethodcode", {
      kind: "choice",
      choices: [{ value: 2, label: "Email", labels: ["Email"] }],
    }),
  ],
);
