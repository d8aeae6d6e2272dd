/** The config's JSON Schemas: composed, compiled, and walked together with the data they describe. */
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import { Cron } from "croner";
import modelSchema from "../../spec/model.schema.json" with { type: "json" };
import projectSchema from "../../spec/project.schema.json" with { type: "json" };

/** A JSON Schema, as far as the config's code looks into it. */
export interface Schema {
  readonly $id?: string;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly title?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly discriminator?: { readonly propertyName: string };
  /** What a value should be, in words: for messages. */
  readonly expected?: string;
  /** The value is a secret: it has to be a reference. */
  readonly secret?: boolean;
}

/** The schemas of the connectors, by the word that stands behind `type:`. */
export interface ConnectorSchemas {
  readonly warehouses: Readonly<Record<string, object>>;
  readonly destinations: Readonly<Record<string, object>>;
}

/** A schema ready to use: returns what is wrong with a value. */
export interface Checker {
  readonly schema: Schema;
  errors(data: unknown): readonly ErrorObject[];
}

export interface Checkers {
  readonly project: Checker;
  readonly model: Checker;
  /** The schema of a connector by itself, for a config whose references have been replaced. */
  connector(kind: keyof ConnectorSchemas, type: string): Checker;
}

const compiled = new WeakMap<ConnectorSchemas, Checkers>();

/** The language of a project, which the connectors widen by their own schemas; the same connectors make it once. */
export function compileSchemas(connectors: ConnectorSchemas): Checkers {
  const checkers = compiled.get(connectors) ?? compile(connectors);
  compiled.set(connectors, checkers);
  return checkers;
}

function compile(connectors: ConnectorSchemas): Checkers {
  const ajv = new Ajv2020({
    allErrors: true,
    // A schema is used for a file or two: to make its code shorter first takes longer than all that it then saves.
    code: { optimize: false },
    discriminator: true,
    verbose: true,
    strictTypes: false,
    strictRequired: false,
    keywords: ["expected", "secret"],
    formats: { timezone: isTimezone, cron: isCron },
  });
  const checker = (schema: object): Checker => {
    let validate: ValidateFunction | undefined;
    return {
      schema: schema as Schema,
      errors(data) {
        validate ??= ajv.compile(schema);
        return validate(data) ? [] : (validate.errors ?? []);
      },
    };
  };
  return {
    project: checker(compose(connectors)),
    model: checker(modelSchema),
    connector: (kind, type) => checker(connectors[kind][type] ?? {}),
  };
}

/**
 * The schema of backhaul.yml as one document without names of its own inside, as editors want it: what the
 * connectors define stands among the project's own definitions.
 */
export function editorSchema(connectors: ConnectorSchemas): object {
  const $defs: Record<string, unknown> = { ...projectSchema.$defs };
  const adopt = (schema: object, prefix: string): object => {
    const { $defs: own = {}, $id: _, $schema: __, ...rest } = schema as Record<string, unknown>;
    for (const [name, definition] of Object.entries(own as object))
      $defs[`${prefix}_${name}`] = orReferences(renamed(definition, prefix));
    return orReferences(renamed(rest, prefix)) as object;
  };
  const adopted = (kind: keyof ConnectorSchemas): Record<string, object> =>
    Object.fromEntries(
      Object.entries(connectors[kind]).map(([type, schema]) => [type, adopt(schema, `${kind}_${type}`)]),
    );
  const { properties, ...whole } = compose({
    warehouses: adopted("warehouses"),
    destinations: adopted("destinations"),
  }) as { readonly properties: object };
  return { ...whole, properties: withoutIds(properties), $defs };
}

function renamed(node: unknown, prefix: string): unknown {
  if (Array.isArray(node)) return node.map((item) => renamed(item, prefix));
  if (typeof node !== "object" || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) =>
      key === "$ref" && typeof value === "string"
        ? [key, value.replace("#/$defs/", `#/$defs/${prefix}_`)]
        : [key, renamed(value, prefix)],
    ),
  );
}

/** What a connection's value has to look like is asked of it once its references are replaced. */
function orReferences(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(orReferences);
  if (typeof node !== "object" || node === null) return node;
  const schema = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, orReferences(value)]));
  const { description, examples, type } = schema as { readonly [key: string]: unknown };
  const isPlain = "pattern" in schema || ["integer", "number", "boolean"].includes(String(type));
  if (!isPlain || typeof schema.pattern === "object") return schema;
  const reference = { type: "string", pattern: "\\$\\{(env|file):" };
  return { description, examples, anyOf: [schema, reference] };
}

function withoutIds(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutIds);
  if (typeof node !== "object" || node === null) return node;
  const { $id: _, ...rest } = node as Record<string, unknown>;
  return Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, withoutIds(value)]));
}

/** The project's schema with the connectors' put where it says "connection". */
function compose({ warehouses, destinations }: ConnectorSchemas): object {
  const oneOf = (schemas: Readonly<Record<string, object>>, more: object = {}) => ({
    title: "connection",
    type: "object",
    required: ["type"],
    discriminator: { propertyName: "type" },
    oneOf: Object.values(schemas).map((schema) => ({
      ...schema,
      $id: `project/${(schema as Schema).$id}`,
      properties: { ...(schema as Schema).properties, ...more },
    })),
  });
  const { properties, $defs } = projectSchema;
  return {
    ...projectSchema,
    properties: {
      ...properties,
      warehouses: {
        ...properties.warehouses,
        additionalProperties: oneOf(warehouses, { state: inlined($defs.warehouse, $defs) }),
      },
      destinations: { ...properties.destinations, additionalProperties: oneOf(destinations) },
    },
  };
}

/** A definition whose properties refer to no other one, so that it may stand in another schema. */
function inlined(definition: Schema, definitions: Readonly<Record<string, object>>): Schema {
  const properties = Object.entries(definition.properties ?? {}).map(([name, property]) => {
    const { $ref, ...rest } = property as { readonly $ref?: string };
    const target = $ref === undefined ? {} : definitions[$ref.replace("#/$defs/", "")];
    return [name, { ...target, ...rest }];
  });
  return { ...definition, properties: Object.fromEntries(properties) };
}

/** Whether a text is a cron line of five parts, which some day of the years to come fits. */
function isCron(line: string): boolean {
  if (line.trim().split(/\s+/).length !== 5) return false;
  try {
    return new Cron(line, { paused: true }).nextRun() !== null;
  } catch {
    return false;
  }
}

/** Whether the runtime knows an IANA time zone of that name. */
function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
