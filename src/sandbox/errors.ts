import type { Unverified } from "./unverified.ts";

/** A reply that says no: what the client did wrong, in Dataverse's words and numbers. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Some batch-level errors come without the `error` envelope (captured). */
  readonly legacy: boolean;
  /** Annotations that this error alone has. */
  readonly details: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    more: {
      headers?: Record<string, string>;
      legacy?: boolean;
      details?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = more.headers ?? {};
    this.legacy = more.legacy ?? false;
    this.details = more.details ?? {};
  }
}

const HELP_LINK = "https://go.microsoft.com/fwlink/?linkid=2195293";

/** Page: support/web-api-client-errors. `subject` is the entity set, empty when the service does not know it yet. */
export function payloadError(subject: string, inner: string): Refusal {
  return new Refusal(
    400,
    "0x80048d19",
    `Error identified in Payload provided by the user for Entity :'${subject}', For more information on this ` +
      `error please follow this help link ${HELP_LINK}  ---->  InnerException : ${inner}`,
  );
}

export const unknownProperty = (set: string, table: string, name: string) =>
  payloadError(
    set,
    `Microsoft.Crm.CrmException: Invalid property '${name}' was found in entity 'Microsoft.Dynamics.CRM.${table}'. ` +
      "---> Microsoft.OData.ODataException: Does not support untyped value in non-open type.",
  );

/** Captured without the name of a set. */
export const undeclaredProperty = (name: string) =>
  payloadError(
    "",
    `Microsoft.OData.ODataException: An undeclared property '${name}' which only has property annotations in the ` +
      "payload but no property value was found in the payload. In OData, only declared navigation properties and " +
      "declared named streams can be represented as properties without values.",
  );

export const wrongType = (set: string, literal: string, type: string) =>
  payloadError(
    set,
    `Microsoft.OData.ODataException: Cannot convert the literal '${literal.slice(0, 200)}' to the expected type '${type}'.`,
  );

/** Captured of users: their own service has its own words. */
const NAMED_OTHERWISE: Readonly<Record<string, string>> = { systemuser: "SystemUser" };

export const missingRow = (rules: Unverified, table: string, id: string) => {
  const subject = rules.missingRowText === "entity" ? `Entity '${table}'` : table;
  return new Refusal(
    404,
    "0x80040217",
    `${NAMED_OTHERWISE[table] ?? subject} With Id = ${id} Does Not Exist`,
  );
};

/** Page: support/bulk-operation-errors. */
export const missingRows = (schemaName: string, ids: readonly string[]) =>
  new Refusal(404, "0x80040217", `${schemaName} With Ids = ${ids.join(", ")} Do Not Exist`);

export const missingByKey = (table: string) =>
  new Refusal(404, "0x80060891", `A record with the specified key values does not exist in ${table} entity`);

export const keyNotDefined = (table: string) =>
  new Refusal(
    400,
    "0x80060890",
    `The specified key attributes are not a defined key for the ${table} entity`,
  );

export const wrongKeyParts = (table: string) =>
  new Refusal(
    400,
    "0x80060888",
    `The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.${table}'. Ensure that the names ` +
      `and number of key properties match the declared or alternate key properties for the resource 'Microsoft.Dynamics.CRM.${table}'.`,
  );

export const duplicateId = (rules: Unverified) =>
  new Refusal(rules.duplicateStatus, "0x80040237", "Cannot insert duplicate key.");

export const rowExists = () =>
  new Refusal(412, "0x80040237", "A record with matching key values already exists.");

export const keyViolated = (
  rules: Unverified,
  key: string,
  columns: string,
  details: Readonly<Record<string, string>>,
) =>
  new Refusal(
    rules.duplicateStatus,
    "0x80060892",
    `Entity Key ${key} violated. A record with the same value for ${columns} already exists. A duplicate record ` +
      "cannot be created. Select one or more unique values and try again.",
    { details },
  );

export const versionMismatch = () =>
  new Refusal(
    412,
    "0x80060882",
    "The version of the existing record doesn't match the RowVersion property provided.",
  );

export const tooLong = (table: string, column: string, limit: number) =>
  new Refusal(
    400,
    "0x80044331",
    `A validation error occurred.  The length of the '${column}' attribute of the '${table}' entity exceeded the ` +
      `maximum allowed length of '${limit}'.`,
  );

export const outOfRange = (code: "0x8004432f" | "0x80044330", table: string, column: string) =>
  new Refusal(
    400,
    code,
    `A validation error occurred. The value of '${column}' on record of type '${table}' is outside the valid range.`,
  );

export const unknownOption = (column: string, value: number | string) =>
  new Refusal(
    400,
    "0x8004431a",
    `A validation error occurred. The value ${value} of '${column}' is outside the valid range.`,
  );

export const invalidDate = () =>
  new Refusal(
    400,
    "0x80040239",
    "DateTime is less than minimum value supported by CrmDateTime, or outside the supported range.",
  );

export const invalidCharacters = (column: string) =>
  new Refusal(400, "0x80040278", `The field '${column}' contains one or more invalid characters.`);

export const requiredNull = (rules: Unverified, table: string, column: string) =>
  new Refusal(
    400,
    rules.requiredNullCode,
    `Required field '${column}' is missing: it cannot be null on ${table}.`,
  );

/**
 * Refuses a write to rows that are not written like rows: those of another system whose provider only reads (page:
 * virtual-entities), and the pairs of a many-to-many, which `$ref` makes (page: web-api-navigation-properties).
 */
export function requireWritable(
  rules: Unverified,
  table: { readonly logicalName: string; readonly dataProvider?: unknown; readonly intersect?: boolean },
  method: string,
): void {
  if (table.dataProvider === undefined && table.intersect !== true) return;
  const said = table.intersect ? rules.intersectTableWrite : rules.virtualTableWrite;
  throw methodNotSupported(said, table.logicalName, method);
}

export function methodNotSupported(
  { status, code }: { readonly status: number; readonly code: string },
  table: string,
  method: string,
): Refusal {
  const message = method === "DELETE" ? "Delete" : method === "PATCH" ? "Update" : "Create";
  return new Refusal(status, code, `The '${message}' method does not support entities of type '${table}'.`);
}

export const unknownSet = (rules: Unverified, segment: string) =>
  new Refusal(404, rules.unknownSetCode, `Resource not found for the segment '${segment}'.`);

export const unknownQueryProperty = (rules: Unverified, type: string, name: string) =>
  new Refusal(
    400,
    rules.unknownQueryPropertyCode,
    `Could not find a property named '${name}' on type 'Microsoft.Dynamics.CRM.${type}'.`,
  );

/** What the service has and the sandbox has not: said, so that nobody takes the refusal for the service's. */
const NOT_PLAYED: Readonly<Record<string, string>> = {
  fetchXml: " by the sandbox: ask with $select, $filter and $orderby.",
};

export const unsupportedOption = (name: string) =>
  new Refusal(400, "0x80060888", `The query parameter ${name} is not supported${NOT_PLAYED[name] ?? ""}`);

export const querySyntax = (what = "Bad Request - Error in query syntax.") =>
  new Refusal(400, "0x80060888", what);

export const noRoute = (url: string) =>
  new Refusal(404, "", `No HTTP resource was found that matches the request URI '${url}'.`);

export const wrongMethod = (method: string) =>
  new Refusal(405, "", `The requested resource does not support http method '${method}'.`);

/**
 * The body of an error reply.
 * @param annotations what the client asked for with `odata.include-annotations` (page: compose-http-requests)
 */
export function errorBody(refusal: Refusal, annotations: Readonly<Record<string, string>> = {}): string {
  if (refusal.legacy) {
    return JSON.stringify({
      Message: refusal.message,
      ExceptionMessage: refusal.message,
      ExceptionType: "Microsoft.OData.ODataException",
      StackTrace: "",
      ErrorCode: refusal.code,
    });
  }
  const error = { code: refusal.code, message: refusal.message, ...annotations };
  return JSON.stringify({ error });
}
