import { derivedId, randomId } from "./guid.ts";
import type { Reference, Value } from "./row.ts";
import type { Schema, Table } from "./schema.ts";
import type { Store } from "./store.ts";
import type { Organization } from "./world.ts";

/** The rows that an organisation has before anybody writes: its unit, currencies, people and messages. */

/** An application (or person) that may ask for tokens. */
export interface SandboxUser {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Public certificate or key (PEM) that signs client assertions. */
  readonly certificate?: string;
  /** Shown as the name of the application user. */
  readonly name?: string;
  /** False: Entra knows it, the organisation does not (403). */
  readonly member?: boolean;
  /** Names of security roles; a system administrator when left out, refused with 0x80042f09 when empty. */
  readonly roles?: readonly string[];
  /** Refused with 0x80040225. */
  readonly disabled?: boolean;
}

export const TENANT_ID = "5a3db0c4-7f1e-4c52-9b1c-3f6d2a8e9b10";
/** The application user that every sandbox has. */
export const DEFAULT_USER: SandboxUser = {
  clientId: "c11e47a0-52d6-4c0b-8f5f-6d1a9e7b2c34",
  clientSecret: "sandbox-secret",
  name: "# Sandbox Writer",
};

const BUSINESS_UNIT = derivedId("businessunit:root");
const BASE_CURRENCY = derivedId("currency:USD");

export const SEEDED = {
  businessUnit: BUSINESS_UNIT,
  baseCurrency: BASE_CURRENCY,
  euro: derivedId("currency:EUR"),
  team: derivedId("team:sales"),
  ada: derivedId("user:ada@contoso.example"),
  ben: derivedId("user:ben@contoso.example"),
} as const;

/** Asked at each request. */
const userIds = new Map<string, string>();

export function userIdOf(clientId: string): string {
  const known = userIds.get(clientId);
  if (known !== undefined) return known;
  const id = derivedId(`user:application:${clientId}`);
  userIds.set(clientId, id);
  return id;
}

export const newOrganization = (id: string = randomId(), changeTrackingDays = 7): Organization => ({
  id,
  changeTrackingDays,
  businessUnit: { table: "businessunit", id: BUSINESS_UNIT },
  currency: { table: "transactioncurrency", id: BASE_CURRENCY },
});

const BULK_MESSAGES = ["CreateMultiple", "UpdateMultiple"];
const ROW_MESSAGES = ["Create", "Update", "Delete", "Retrieve", "RetrieveMultiple"];

/** The id by which Entra knows a user: what `CallerObjectId` holds (page: impersonate-another-user-web-api). */
export const objectIdOf = (mail: string): string => derivedId(`entra:${mail}`);

const personValues = (first: string, last: string, mail: string, unit: Reference): Record<string, Value> => ({
  fullname: [first, last].filter(Boolean).join(" "),
  firstname: first,
  lastname: last,
  domainname: mail,
  internalemailaddress: mail,
  azureactivedirectoryobjectid: objectIdOf(mail),
  isdisabled: false,
  accessmode: 0,
  businessunitid: unit,
});

function applicationValues(user: SandboxUser): Record<string, Value> {
  const unit = { table: "businessunit", id: BUSINESS_UNIT };
  return {
    ...personValues(user.name ?? "# Application", "", `${user.clientId}@contoso.example`, unit),
    applicationid: user.clientId,
    accessmode: 4,
    isdisabled: user.disabled ?? false,
  };
}

/** Makes an application a user of the organisation while it runs. */
export function joinOrganization(schema: Schema, store: Store, user: SandboxUser): void {
  const table = schema.tables.get("systemuser") as Table;
  const id = userIdOf(user.clientId);
  const before = store.get(table, id);
  const made = "2024-01-01T00:00:00Z";
  const values = { systemuserid: id, createdon: made, modifiedon: made, ...applicationValues(user) };
  const order = before?.order ?? store.rows(table).size + 1;
  store.restore(table, { id, version: (before?.version ?? 0) + 1, order, values }, id);
}

/** Puts the first rows in place; the same ids at every start. */
export function seedOrganization(schema: Schema, store: Store, users: readonly SandboxUser[]): void {
  let order = 0;
  const put = (tableName: string, id: string, values: Record<string, Value>): Reference => {
    const table = schema.tables.get(tableName) as Table;
    const made = "2024-01-01T00:00:00Z";
    const common = { [table.primaryId]: id, createdon: made, modifiedon: made };
    const state = table.state ? { statecode: 0, statuscode: 1 } : {};
    order += 1;
    store.restore(table, { id, version: order, order, values: { ...common, ...state, ...values } }, id);
    return { table: tableName, id };
  };

  const unit = put("businessunit", BUSINESS_UNIT, { name: "Contoso", isdisabled: false });
  const currency = (code: string, name: string, symbol: string, rate: string) =>
    put("transactioncurrency", derivedId(`currency:${code}`), {
      currencyname: name,
      isocurrencycode: code,
      currencysymbol: symbol,
      currencyprecision: 2,
      exchangerate: rate,
    });
  currency("USD", "US Dollar", "$", "1");
  currency("EUR", "Euro", "€", "0.9");

  const person = (id: string, first: string, last: string, mail: string) =>
    put("systemuser", id, personValues(first, last, mail, unit));
  const ada = person(SEEDED.ada, "Ada", "Lindqvist", "ada@contoso.example");
  person(SEEDED.ben, "Ben", "Okafor", "ben@contoso.example");
  for (const user of users) {
    if (user.member !== false) put("systemuser", userIdOf(user.clientId), applicationValues(user));
  }
  put("team", SEEDED.team, {
    name: "Sales",
    teamtype: 0,
    isdefault: false,
    administratorid: ada,
    businessunitid: unit,
  });

  for (const message of [...BULK_MESSAGES, "DeleteMultiple", ...ROW_MESSAGES]) {
    const reference = put("sdkmessage", derivedId(`message:${message}`), { name: message });
    for (const table of schema.tables.values()) {
      if (BULK_MESSAGES.includes(message) && !table.bulk) continue;
      if (message === "DeleteMultiple" && !table.elastic) continue;
      const isRead = message.startsWith("Retrieve");
      if (!isRead && (table.intersect || table.dataProvider !== undefined)) continue;
      put("sdkmessagefilter", derivedId(`filter:${message}:${table.logicalName}`), {
        name: message,
        primaryobjecttypecode: table.logicalName,
        sdkmessageid: reference,
      });
    }
  }
}
