import type { Message, Parameter } from "../messages/catalogue.ts";
import { COMPLEX_TYPES, type ComplexType, ENUM_TYPES } from "../messages/types.ts";
import type { Schema, Table } from "../schema.ts";
import { element } from "./xml.ts";

/** The signatures of actions and functions (pages: web-api-actions; web-api-functions). */

/** Tables that a message bound to any set is offered by (page: bulk-operations). */
function boundTables(schema: Schema, message: Message): readonly (Table | undefined)[] {
  const { bound } = message;
  if (!bound) return [undefined];
  const tables = [...schema.tables.values()];
  if (bound.table !== "*") return tables.filter((table) => table.logicalName === bound.table);
  const isDelete = message.name === "DeleteMultiple";
  return tables.filter((table) => (isDelete ? table.elastic === true : table.bulk));
}

const parameter = ({ name, type, optional }: Parameter): string =>
  element("Parameter", { Name: name, Type: type, Nullable: optional ? undefined : false });

function operation(message: Message, table: Table | undefined): string {
  const isSet = message.bound?.to === "set";
  const binding = table
    ? [
        element("Parameter", {
          Name: isSet ? "entityset" : "entity",
          Type: isSet ? `Collection(mscrm.${table.logicalName})` : `mscrm.${table.logicalName}`,
          Nullable: false,
        }),
      ]
    : [];
  const reply = message.reply ? [element("ReturnType", { Type: message.reply.type, Nullable: false })] : [];
  return element(
    message.kind === "action" ? "Action" : "Function",
    { Name: message.name, IsBound: table ? true : undefined },
    [...binding, ...message.parameters.map(parameter), ...reply],
  );
}

export const operations = (schema: Schema, messages: readonly Message[]): string[] =>
  messages.flatMap((message) => boundTables(schema, message).map((table) => operation(message, table)));

/** What is bound to nothing stands in the container. */
export const imports = (messages: readonly Message[]): string[] =>
  messages
    .filter((message) => !message.bound)
    .map(({ name, kind }) =>
      kind === "action"
        ? element("ActionImport", { Name: name, Action: `mscrm.${name}` })
        : element("FunctionImport", { Name: name, Function: `mscrm.${name}` }),
    );

const complex = ({ name, properties }: ComplexType): string =>
  element(
    "ComplexType",
    { Name: name },
    properties.map((item) =>
      element("Property", { Name: item.name, Type: item.type, Nullable: item.optional ? undefined : false }),
    ),
  );

export function messageTypes(messages: readonly Message[]): string[] {
  const replies = messages.flatMap(({ reply }) =>
    reply ? [{ name: reply.type.replace("mscrm.", ""), properties: reply.properties }] : [],
  );
  const enums = ENUM_TYPES.map(({ name, flags, members }) =>
    element(
      "EnumType",
      { Name: name, IsFlags: flags },
      Object.entries(members).map(([member, value]) => element("Member", { Name: member, Value: value })),
    ),
  );
  return [...[...COMPLEX_TYPES, ...replies].map(complex), ...enums];
}
