import {
  ACTIVE_INACTIVE,
  boolean,
  CREATE_ONLY,
  choice,
  decimal,
  guid,
  housekeeping,
  integer,
  lookup,
  memo,
  primaryKey,
  READ_ONLY,
  table,
  text,
} from "./describe.ts";

const REQUIRED = { required: "SystemRequired" } as const;

export const systemuser = table("SystemUser", 8, {
  primaryName: "fullname",
  ownership: "BusinessOwned",
  bulk: false,
  columns: [
    primaryKey("SystemUserId"),
    text("FullName", 200, READ_ONLY),
    text("FirstName", 64, { required: "ApplicationRequired" }),
    text("LastName", 64, { required: "ApplicationRequired" }),
    text("DomainName", 1024, REQUIRED),
    text("InternalEMailAddress", 100, { ...REQUIRED, format: "Email" }),
    text("JobTitle", 100),
    text("Title", 128),
    text("MobilePhone", 64),
    guid("ApplicationId"),
    guid("AzureActiveDirectoryObjectId", READ_ONLY),
    boolean("IsDisabled", false, READ_ONLY),
    choice(
      "AccessMode",
      [
        [0, "Read-Write", "Lesen/Schreiben"],
        [1, "Administrative", "Administrativ"],
        [2, "Read", "Lesen"],
        [4, "Non-interactive", "Nicht interaktiv"],
      ],
      { ...REQUIRED, fallback: 0 },
    ),
    lookup("BusinessUnitId", "businessunit", "business_unit_system_users", REQUIRED),
    lookup("TransactionCurrencyId", "transactioncurrency", "TransactionCurrency_SystemUser"),
    housekeeping("systemuser"),
  ],
});

export const team = table("Team", 9, {
  primaryName: "name",
  ownership: "BusinessOwned",
  bulk: false,
  columns: [
    primaryKey("TeamId"),
    text("Name", 160, REQUIRED),
    memo("Description", 2000),
    choice(
      "TeamType",
      [
        [0, "Owner", "Besitzer"],
        [1, "Access", "Zugriff"],
        [2, "Security Group", "Sicherheitsgruppe"],
        [3, "Office Group", "Office-Gruppe"],
      ],
      { ...CREATE_ONLY, ...REQUIRED, fallback: 0 },
    ),
    boolean("IsDefault", false, { ...READ_ONLY, ...REQUIRED }),
    lookup("AdministratorId", "systemuser", "lk_teambase_administratorid", REQUIRED),
    lookup("BusinessUnitId", "businessunit", "business_unit_teams", REQUIRED),
    housekeeping("teambase"),
  ],
});

export const businessunit = table("BusinessUnit", 10, {
  primaryName: "name",
  ownership: "BusinessOwned",
  bulk: false,
  changeTracking: false,
  columns: [
    primaryKey("BusinessUnitId"),
    text("Name", 160, REQUIRED),
    text("DivisionName", 100),
    text("CostCenter", 100),
    memo("Description", 2000),
    boolean("IsDisabled", false),
    lookup("ParentBusinessUnitId", "businessunit", "business_unit_parent_business_unit", {
      required: "ApplicationRequired",
    }),
    housekeeping("businessunitbase"),
  ],
});

export const transactioncurrency = table("TransactionCurrency", 9105, {
  primaryName: "currencyname",
  set: "transactioncurrencies",
  ownership: "OrganizationOwned",
  bulk: false,
  changeTracking: false,
  columns: [
    primaryKey("TransactionCurrencyId"),
    text("CurrencyName", 100, REQUIRED),
    text("ISOCurrencyCode", 5, REQUIRED),
    text("CurrencySymbol", 10, REQUIRED),
    integer("CurrencyPrecision", 0, 10, REQUIRED),
    decimal("ExchangeRate", "0.000000000001", "100000000000", 12, REQUIRED),
    housekeeping("transactioncurrency"),
    ACTIVE_INACTIVE,
  ],
});

/** Which messages a table offers is itself data (page: bulk-operations). */
export const sdkmessage = table("SdkMessage", 4606, {
  primaryName: "name",
  ownership: "OrganizationOwned",
  bulk: false,
  changeTracking: false,
  columns: [primaryKey("SdkMessageId"), text("Name", 256)],
});

export const sdkmessagefilter = table("SdkMessageFilter", 4607, {
  primaryName: "name",
  ownership: "OrganizationOwned",
  bulk: false,
  changeTracking: false,
  columns: [
    primaryKey("SdkMessageFilterId"),
    text("Name", 256),
    // Stored as a type code, compared by name: in a filter it behaves like text.
    text("PrimaryObjectTypeCode", 128, READ_ONLY),
    lookup("SdkMessageId", "sdkmessage", "sdkmessageid_sdkmessagefilter"),
  ],
});
