import { compileWriter, type Writer } from "../payload.ts";
import { compileSchema, type Schema, type Table } from "../schema.ts";
import type { KeyDescription, TableDescription } from "../tables/column.ts";
import { TABLES } from "../tables/index.ts";
import type { World } from "../world.ts";
import type { TableDefinition } from "./definitions.ts";
import type { Deleted } from "./state.ts";

/**
 * Changes the definitions while the sandbox runs, as a maker would: through the back door, since the connector-facing
 * API reads definitions only. Tables keep their identity, so that rows stay where they are.
 */

const descriptionOf = (table: Table): TableDescription => ({
  ...table,
  columns: [...table.columns.values()],
  keys: table.keys,
  unique: table.unique.map((key) => key.columns),
});

/** Gives a compiled table the shape of another one without becoming another object. */
function take(table: Table, shape: Table): void {
  for (const name of Object.keys(table)) if (!(name in shape)) Reflect.deleteProperty(table, name);
  Object.assign(table, shape);
}

function apply(world: World, descriptions: readonly TableDescription[], changed: ReadonlySet<string>): void {
  const schema = world.schema as { -readonly [K in keyof Schema]: Schema[K] };
  const tables = schema.tables as Map<string, Table>;
  const sets = schema.sets as Map<string, Table>;
  const writers = world.writers as Map<Table, Writer>;
  const next = compileSchema(descriptions, schema.links);
  for (const name of [...tables.keys()]) if (!next.tables.has(name)) tables.delete(name);
  for (const [name, shape] of next.tables) {
    const table = tables.get(name);
    if (!table) tables.set(name, shape);
    else if (changed.has(name)) take(table, shape);
    // The rows of a table are indexed by its very keys: what has not changed keeps them.
    else take(table, { ...table, collections: shape.collections });
  }
  sets.clear();
  for (const table of tables.values()) sets.set(table.set, table);
  schema.links = next.links;
  schema.dependents = next.dependents;
  for (const name of changed) {
    const table = tables.get(name);
    if (!table) continue;
    writers.set(table, compileWriter(table, world.rules));
    world.store.reshape(table);
  }
}

const required = (world: World, name: string): TableDefinition => {
  const definition = world.metadata.definitions().table(name);
  if (!definition) throw new Error(`There is no table '${name}'.`);
  return definition;
};

const others = (world: World, ...names: readonly string[]): TableDescription[] =>
  [...world.schema.tables.values()].filter((table) => !names.includes(table.logicalName)).map(descriptionOf);

/** Adds tables, or puts new descriptions in place of old ones. */
export function putTables(world: World, tables: readonly TableDescription[]): void {
  const names = tables.map((table) => table.logicalName);
  apply(world, [...others(world, ...names), ...tables], new Set(names));
  world.metadata.note({ changed: names, deleted: [] });
}

/** Tables that the sandbox's own code reads and writes. */
const SYSTEM = new Set(TABLES.filter((table) => !table.custom).map((table) => table.logicalName));

/** Takes a table away that neither the service nor another table needs. */
export function dropTable(world: World, name: string): void {
  const { entity, attributes, table } = required(world, name);
  if (SYSTEM.has(name)) throw new Error(`${name} is a system table: the service needs it.`);
  if (table.intersect) throw new Error(`${name} belongs to a many-to-many relationship.`);
  const user = world.schema.dependents.get(name)?.find((one) => one.table !== name);
  if (user) throw new Error(`${user.table}.${user.column} points at ${name}.`);
  apply(world, others(world, name), new Set());
  const columns = attributes.map(
    (item): Deleted => ({ what: "Attribute", id: String(item.document.MetadataId) }),
  );
  world.metadata.note({
    changed: [],
    deleted: [{ what: "Default", id: String(entity.MetadataId) }, ...columns],
  });
}

/** Takes a column away, with the keys that it is part of. */
export function dropColumn(world: World, name: string, column: string): void {
  const { table, attributes, manyToOne } = required(world, name);
  const dropped = attributes.filter(
    (item) => item.column.logicalName === column || item.column.attributeOf === column,
  );
  if (dropped.length === 0) throw new Error(`${name} has no column '${column}'.`);
  const gone = new Set(dropped.map((item) => item.column.logicalName));
  if (gone.has(table.primaryId)) throw new Error(`${column} is the primary key of ${name}.`);
  const description = descriptionOf(table);
  const ids = new Set(dropped.map((item) => item.document.MetadataId));
  const loaded = table.loaded && {
    ...table.loaded,
    attributes: new Map([...table.loaded.attributes].filter(([, item]) => !ids.has(item.MetadataId))),
    manyToOne: table.loaded.manyToOne.filter((item) => item.ReferencingAttribute !== column),
  };
  apply(
    world,
    [
      ...others(world, name),
      {
        ...description,
        columns: description.columns.filter((item) => !gone.has(item.logicalName)),
        keys: description.keys.filter((key) => !key.columns.some((part) => gone.has(part))),
        ...(loaded ? { loaded } : {}),
      },
    ],
    new Set([name]),
  );
  const lookups = manyToOne.filter((item) => item.ReferencingAttribute === column);
  world.metadata.note({
    changed: [name],
    deleted: [
      ...dropped.map((item): Deleted => ({ what: "Attribute", id: String(item.document.MetadataId) })),
      ...lookups.map((item): Deleted => ({ what: "Relationship", id: String(item.MetadataId) })),
      ...dropped.flatMap((item): Deleted[] =>
        item.optionSet && !item.globalOptionSet
          ? [{ what: "OptionSet", id: String(item.optionSet.MetadataId) }]
          : [],
      ),
    ],
  });
}

/** Moves the index of a key to another state, as its background job would (page: define-alternate-keys-entity). */
export function setKeyStatus(
  world: World,
  name: string,
  key: string,
  status: KeyDescription["status"],
): void {
  const { table } = required(world, name);
  if (!table.keys.some((item) => item.logicalName === key.toLowerCase())) {
    throw new Error(`${name} has no key '${key}'.`);
  }
  const description = descriptionOf(table);
  const keys = table.keys.map((item) =>
    item.logicalName === key.toLowerCase() ? { ...item, status } : item,
  );
  const loaded = table.loaded && {
    ...table.loaded,
    keys: table.loaded.keys.map((item) =>
      String(item.LogicalName).toLowerCase() === key.toLowerCase()
        ? { ...item, EntityKeyIndexStatus: status }
        : item,
    ),
  };
  apply(
    world,
    [...others(world, name), { ...description, keys, ...(loaded ? { loaded } : {}) }],
    new Set([name]),
  );
  world.metadata.note({ changed: [name], deleted: [] });
}
