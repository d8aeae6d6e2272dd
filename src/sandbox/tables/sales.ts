import * as options from "./choices.ts";
import type { Required } from "./column.ts";
import {
  boolean,
  CREATE_ONLY,
  choice,
  currency,
  dateOnly,
  dateTime,
  email,
  entityName,
  housekeeping,
  integer,
  link,
  lookup,
  memo,
  mergers,
  money,
  onDelete,
  optOut,
  owner,
  polymorphic,
  primaryKey,
  READ_ONLY,
  states,
  table,
  text,
} from "./describe.ts";

const customer = (table: string, required: Required = "None") =>
  polymorphic(
    "CustomerId",
    "customer",
    [
      ["account", `${table}_customer_accounts`],
      ["contact", `${table}_customer_contacts`],
    ],
    { required },
  );

export const lead = table("Lead", 4, {
  primaryName: "fullname",
  columns: [
    primaryKey("LeadId"),
    text("FullName", 160, READ_ONLY),
    text("Subject", 300, { required: "ApplicationRequired", label: "Topic" }),
    text("FirstName", 50, { required: "Recommended" }),
    text("LastName", 50, { required: "ApplicationRequired" }),
    text("CompanyName", 100, { required: "Recommended" }),
    text("JobTitle", 100),
    email("EMailAddress1"),
    text("Telephone1", 50),
    text("MobilePhone", 20),
    link("WebSiteUrl"),
    memo("Description", 2000),
    integer("NumberOfEmployees", 0, 1000000),
    money("Revenue", "0", "100000000000000"),
    money("BudgetAmount", "0", "1000000000000"),
    dateOnly("EstimatedCloseDate"),
    optOut("DoNotEMail"),
    choice("LeadSourceCode", options.LEAD_SOURCE),
    choice("LeadQualityCode", options.RATING, { fallback: 2 }),
    choice("IndustryCode", options.INDUSTRY),
    choice("PreferredContactMethodCode", options.CONTACT_METHOD, { fallback: 1 }),
    customer("lead"),
    lookup("ParentAccountId", "account", "lead_parent_account"),
    lookup("ParentContactId", "contact", "lead_parent_contact"),
    currency("lead"),
    owner("lead", { user: "lead_owning_user", team: "lead_owning_team", unit: "business_unit_leads" }),
    mergers("lead"),
    housekeeping("leadbase"),
    states([
      [
        0,
        "Open",
        "Offen",
        1,
        [
          [1, "New", "Neu"],
          [2, "Contacted", "Kontaktiert"],
        ],
      ],
      [1, "Qualified", "Qualifiziert", 3, [[3, "Qualified", "Qualifiziert"]]],
      [
        2,
        "Disqualified",
        "Disqualifiziert",
        4,
        [
          [4, "Lost", "Verloren"],
          [5, "Cannot Contact", "Nicht erreichbar"],
          [6, "No Longer Interested", "Nicht mehr interessiert"],
          [7, "Canceled", "Abgebrochen"],
        ],
      ],
    ]),
  ],
});

/** Cases, from the table's reference page; a merged one is cancelled with a reason of its own. */
export const incident = table("Incident", 112, {
  primaryName: "title",
  columns: [
    primaryKey("IncidentId"),
    text("Title", 200, { required: "ApplicationRequired", label: "Case Title" }),
    text("TicketNumber", 100, { forUpdate: false, label: "Case Number" }),
    memo("Description", 2000),
    polymorphic(
      "CustomerId",
      "customer",
      [
        ["account", "incident_customer_accounts"],
        ["contact", "incident_customer_contacts"],
      ],
      { required: "SystemRequired" },
    ),
    lookup("ParentCaseId", "incident", "incident_parent_incident"),
    mergers("incident"),
    owner("incident", {
      user: "incident_owning_user",
      team: "team_incidents",
      unit: "business_unit_incidents",
    }),
    housekeeping("incidentbase"),
    states([
      [
        0,
        "Active",
        "Aktiv",
        1,
        [
          [1, "In Progress", "In Bearbeitung"],
          [2, "On Hold", "Zurückgestellt"],
          [3, "Waiting for Details", "Warten auf Details"],
          [4, "Researching", "Recherche"],
        ],
      ],
      [
        1,
        "Resolved",
        "Gelöst",
        5,
        [
          [5, "Problem Solved", "Problem gelöst"],
          [1000, "Information Provided", "Informationen bereitgestellt"],
        ],
      ],
      [
        2,
        "Cancelled",
        "Storniert",
        6,
        [
          [6, "Cancelled", "Storniert"],
          [2000, "Merged", "Zusammengeführt"],
        ],
      ],
    ]),
  ],
});

export const opportunity = table("Opportunity", 3, {
  primaryName: "name",
  set: "opportunities",
  columns: [
    primaryKey("OpportunityId"),
    text("Name", 300, { required: "ApplicationRequired", label: "Topic" }),
    memo("Description", 2000),
    text("StepName", 200),
    integer("CloseProbability", 0, 100),
    money("EstimatedValue", "-1000000000000", "1000000000000"),
    money("ActualValue", "-1000000000000", "1000000000000"),
    money("BudgetAmount", "0", "1000000000000"),
    dateOnly("EstimatedCloseDate"),
    dateOnly("ActualCloseDate"),
    choice("OpportunityRatingCode", options.RATING, { fallback: 2 }),
    customer("opportunity", "ApplicationRequired"),
    lookup("ParentAccountId", "account", "opportunity_parent_account"),
    lookup("ParentContactId", "contact", "opportunity_parent_contact"),
    lookup("OriginatingLeadId", "lead", "opportunity_originating_lead"),
    currency("opportunity", "ApplicationRequired"),
    owner("opportunity", {
      plural: "opportunitys",
      user: "opportunity_owning_user",
      team: "team_opportunities",
      unit: "business_unit_opportunities",
    }),
    housekeeping("opportunitybase"),
    states([
      [
        0,
        "Open",
        "Offen",
        1,
        [
          [1, "In Progress", "In Bearbeitung"],
          [2, "On Hold", "Zurückgestellt"],
        ],
      ],
      [1, "Won", "Gewonnen", 3, [[3, "Won", "Gewonnen"]]],
      [
        2,
        "Lost",
        "Verloren",
        4,
        [
          [4, "Canceled", "Abgebrochen"],
          [5, "Out-Sold", "Unterlegen"],
        ],
      ],
    ]),
  ],
});

/** Marketing lists, from the tables' reference pages. */
export const list = table("List", 4300, {
  primaryName: "listname",
  columns: [
    primaryKey("ListId"),
    text("ListName", 128, { required: "SystemRequired", label: "Name" }),
    choice(
      "CreatedFromCode",
      [
        [1, "Account", "Firma"],
        [2, "Contact", "Kontakt"],
        [4, "Lead", "Lead"],
      ],
      { ...CREATE_ONLY, required: "SystemRequired" },
    ),
    boolean("Type", false, { ...CREATE_ONLY, required: "SystemRequired" }, [
      { value: 1, label: "Dynamic", german: "Dynamisch" },
      { value: 0, label: "Static", german: "Statisch" },
    ]),
    integer("MemberType", 0, 1000000000, CREATE_ONLY),
    integer("MemberCount", 0, 1000000000, { forCreate: false }),
    text("Query", 1073741823),
    text("Purpose", 512),
    text("Source", 128),
    memo("Description", 2000),
    boolean("LockStatus", false),
    boolean("DoNotSendOnOptOut", true).slice(0, 1),
    money("Cost", "0", "1000000000000"),
    dateTime("LastUsedOn", { forCreate: false, format: "DateOnly" }),
    currency("list"),
    owner("list"),
    housekeeping("list"),
    states([
      [0, "Active", "Aktiv", 0, [[0, "Active", "Aktiv"]]],
      [1, "Inactive", "Inaktiv", 1, [[1, "Inactive", "Inaktiv"]]],
    ]),
  ],
});

export const listmember = table("ListMember", 4301, {
  primaryName: "name",
  ownership: "None",
  bulk: false,
  columns: [
    primaryKey("ListMemberId"),
    text("Name", 100, { required: "ApplicationRequired" }),
    onDelete("Cascade", lookup("ListId", "list", "list_listmember", { required: "SystemRequired" })),
    onDelete(
      "Cascade",
      polymorphic(
        "EntityId",
        "lookup",
        [
          ["account", "account_listmember"],
          ["contact", "contact_listmember"],
          ["lead", "lead_listmember"],
        ],
        { required: "SystemRequired" },
      ),
    ),
    entityName("EntityType", { required: "SystemRequired" }),
    housekeeping("listmember"),
  ],
});
