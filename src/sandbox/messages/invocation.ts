import { type Reply, withBody } from "../api.ts";
import { payloadError, type Refusal } from "../errors.ts";
import { isGuid } from "../guid.ts";
import { isObject, isText, type JsonObject, numberText } from "../json.ts";
import { parseAddress, requireRow } from "../keys.ts";
import type { Row } from "../row.ts";
import type { Table } from "../schema.ts";
import { requireRight } from "../security/check.ts";
import type { Session, World } from "../world.ts";
import type { Message, Parameter } from "./catalogue.ts";

/** One call of an action, its parameters checked against the signature (page: use-web-api-actions). */
export interface Invocation {
  readonly world: World;
  readonly session: Session;
  readonly message: Message;
  readonly parameters: JsonObject;
  /** Of an action bound to a row. */
  readonly row?: Row;
}

export type Handler = (invocation: Invocation) => Reply;

export const invalidParameter = ({ message }: Pick<Invocation, "message">, name: string): Refusal =>
  payloadError(
    message.name,
    `Microsoft.OData.ODataException: The value of the parameter '${name}' is missing or has a wrong type.`,
  );

const CHECKS: Readonly<Record<string, (value: unknown) => boolean>> = {
  "Edm.Guid": (value) => isText(value) && isGuid(value),
  "Edm.String": isText,
  "Edm.Binary": isText,
  "Edm.DateTimeOffset": (value) => isText(value) && !Number.isNaN(Date.parse(value)),
  "Edm.Boolean": (value) => typeof value === "boolean",
  "Edm.Int32": (value) => Number.isInteger(value),
  "Edm.Int64": (value) => numberText(value) !== undefined,
};

function fits(type: string, value: unknown): boolean {
  const inner = /^Collection\((.+)\)$/.exec(type)?.[1];
  if (inner !== undefined) return Array.isArray(value) && value.every((item) => fits(inner, item));
  return (CHECKS[type] ?? isObject)(value);
}

/**
 * Checks the body of an action: every parameter that is required, no name that is not declared, types as they say.
 * @throws Refusal 400
 */
export function checkParameters(message: Message, body: JsonObject): JsonObject {
  const declared = new Map<string, Parameter>(message.parameters.map((one) => [one.name, one]));
  for (const name in body) {
    if (!name.includes("@") && !declared.has(name)) {
      throw payloadError(
        message.name,
        `Microsoft.OData.ODataException: The parameter '${name}' is not a valid parameter of '${message.name}'.`,
      );
    }
  }
  for (const { name, type, optional } of message.parameters) {
    const value = body[name];
    if (value === undefined || value === null) {
      if (optional) continue;
      throw invalidParameter({ message }, name);
    }
    if (!fits(type, value)) throw invalidParameter({ message }, name);
  }
  return body;
}

/**
 * The row that an entity parameter names: by its primary key or by `@odata.id`; `@odata.type` says the table where the
 * signature does not.
 */
export function rowIn(
  invocation: Invocation,
  parameter: string,
  value: unknown,
  expected?: string,
): { readonly table: Table; readonly row: Row } {
  const { world, session } = invocation;
  if (!isObject(value)) throw invalidParameter(invocation, parameter);
  const address = value["@odata.id"];
  if (isText(address)) {
    const { table, identity } = parseAddress(world, session, address);
    requireRight(world, session, table, "read");
    return { table, row: requireRow(world, table, identity) };
  }
  const type = value["@odata.type"];
  const name = isText(type) ? type.replace(/^#?Microsoft\.Dynamics\.CRM\./, "") : expected;
  const table = world.schema.tables.get(name ?? "");
  const id = table && value[table.primaryId];
  if (!table || (expected !== undefined && name !== expected) || !isText(id) || !isGuid(id)) {
    throw invalidParameter(invocation, parameter);
  }
  requireRight(world, session, table, "read");
  return { table, row: requireRow(world, table, { by: "id", id: id.toLowerCase() }) };
}

/** 200 with the complex type of the reply. */
export function replyWith({ session, message }: Invocation, values: JsonObject): Reply {
  const context = `${session.root}$metadata#Microsoft.Dynamics.CRM.${message.name}Response`;
  return withBody(200, JSON.stringify({ "@odata.context": context, ...values }));
}
