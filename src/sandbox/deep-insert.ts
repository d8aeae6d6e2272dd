import { tieValue } from "./collections.ts";
import { payloadError } from "./errors.ts";
import { isObject, type JsonObject } from "./json.ts";
import { CREATE, readPayload, refuseAddress } from "./payload.ts";
import type { Row, Value } from "./row.ts";
import type { Collection, Navigation, Table } from "./schema.ts";
import { requireRight } from "./security/check.ts";
import type { Session, World } from "./world.ts";
import { createRow } from "./write.ts";
import { setFor, writing } from "./written.ts";

/**
 * Rows inside rows: a create may carry new related rows under the names of navigation properties, all in one
 * transaction (page: create-entity-web-api, "Create related table rows in one operation").
 */

/** Deeper nesting than a client sends; it bounds the recursion. */
const DEEPEST = 10;

interface Parts {
  readonly plain: JsonObject;
  readonly ones: readonly (readonly [Navigation, JsonObject])[];
  readonly manies: readonly (readonly [Collection, readonly JsonObject[]])[];
}

/** Parts a body into what the row holds and what is related to it; undefined when nothing is nested. */
function partsOf(table: Table, body: JsonObject): Parts | undefined {
  const ones: [Navigation, JsonObject][] = [];
  const manies: [Collection, JsonObject[]][] = [];
  const plain: JsonObject = Object.create(null) as JsonObject;
  for (const name in body) {
    const value = body[name];
    const navigation = isObject(value) ? table.navigation.get(name) : undefined;
    const collection = Array.isArray(value) ? table.collections.get(name) : undefined;
    if (navigation) ones.push([navigation, value as JsonObject]);
    else if (collection) {
      if (!(value as unknown[]).every(isObject)) {
        throw payloadError(table.set, `Microsoft.OData.ODataException: '${name}' must hold objects.`);
      }
      manies.push([collection, value as JsonObject[]]);
    } else plain[name] = value;
  }
  return ones.length + manies.length > 0 ? { plain, ones, manies } : undefined;
}

function createMember(
  world: World,
  session: Session,
  parent: { readonly table: Table; readonly row: Row },
  collection: Collection,
  body: JsonObject,
  depth: number,
): void {
  const target = world.schema.tables.get(collection.table) as Table;
  const reference = { table: parent.table.logicalName, id: parent.row.id };
  if (collection.member === undefined) {
    createDeep(world, session, target, body, depth + 1, { [collection.own]: reference });
    return;
  }
  const member = createDeep(world, session, target, body, depth + 1);
  const tie = world.schema.tables.get(collection.tie) as Table;
  requireRight(world, session, parent.table, "append");
  requireRight(world, session, target, "appendTo");
  const pair = {
    [collection.own]: tieValue(tie, collection.own, reference),
    [collection.member]: tieValue(tie, collection.member, { table: target.logicalName, id: member.id }),
  };
  if (!tie.intersect) {
    createRow(world, session, tie, writing(pair));
    return;
  }
  const id = world.store.newId();
  world.store.insert(tie, id, { [tie.primaryId]: id, ...pair }, Object.keys(pair));
}

/**
 * Makes a row and the rows inside its body; runs inside the caller's transaction.
 * @param ties values that the body does not hold: the lookup to the row above
 */
export function createDeep(
  world: World,
  session: Session,
  table: Table,
  body: JsonObject,
  depth = 0,
  ties: Readonly<Record<string, Value>> = {},
): Row {
  if (depth > DEEPEST) throw payloadError(table.set, "The payload is nested too deeply.");
  refuseAddress(world, table, body);
  const parts = partsOf(table, body);
  const written = readPayload(world, session, table, parts?.plain ?? body, CREATE);
  for (const column in ties) setFor(written, column, ties[column] as Value);
  for (const [navigation, inner] of parts?.ones ?? []) {
    const target = world.schema.tables.get(navigation.targets[0] ?? "") as Table;
    const made = createDeep(world, session, target, inner, depth + 1);
    setFor(written, navigation.column.logicalName, { table: target.logicalName, id: made.id });
  }
  const row = createRow(world, session, table, written);
  for (const [collection, items] of parts?.manies ?? []) {
    for (const item of items) createMember(world, session, { table, row }, collection, item, depth);
  }
  return row;
}
