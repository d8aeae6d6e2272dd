import { type Kind, noContent, type Reply, withBody } from "./api.ts";
import { readBody } from "./body.ts";
import { runElastic } from "./bulk-elastic.ts";
import { missingByKey, missingRows, payloadError, Refusal } from "./errors.ts";
import { isObject, isText, type JsonObject } from "./json.ts";
import { findRow, type Identity, parseAddress } from "./keys.ts";
import {
  BULK_CREATE,
  BULK_UPDATE,
  checkedValue,
  readAs,
  readingOf,
  readPayload,
  refuseAddress,
} from "./payload.ts";
import type { Row } from "./row.ts";
import { type Asked, columnsIn, requireSameId, upsertValues } from "./rows.ts";
import { createRow, updateRow } from "./write.ts";

/** Page: bulk-operations. On standard tables each message is one transaction and names only its first error. */

export const BULK: Readonly<Record<string, Kind>> = {
  CreateMultiple: "createMultiple",
  UpdateMultiple: "updateMultiple",
  UpsertMultiple: "upsertMultiple",
  DeleteMultiple: "deleteMultiple",
};

/** The items of a message, each known to be an object of the table. */
function targets(asked: Asked): JsonObject[] {
  const { table, call, world } = asked;
  const body = readBody(world.rules, call, table.set);
  const list = body.Targets;
  if (!Array.isArray(list)) {
    throw payloadError(
      table.set,
      "Microsoft.OData.ODataException: The parameter 'Targets' must be a collection.",
    );
  }
  const extra = Object.keys(body).find((name) => name !== "Targets" && !name.startsWith("@"));
  if (extra !== undefined) {
    throw payloadError(
      table.set,
      `Microsoft.OData.ODataException: The parameter '${extra}' is not a valid parameter.`,
    );
  }
  const type = `Microsoft.Dynamics.CRM.${table.logicalName}`;
  for (const item of list as unknown[]) {
    if (!isObject(item)) {
      throw payloadError(table.set, "Microsoft.OData.ODataException: An item of 'Targets' is not an object.");
    }
    const given = item["@odata.type"];
    if (given === type || (world.rules.itemTypeMayHaveHash && given === `#${type}`)) continue;
    throw new Refusal(
      400,
      world.rules.missingItemTypeCode,
      payloadError(
        table.set,
        given === undefined
          ? "Microsoft.OData.ODataException: An item of 'Targets' has no '@odata.type'."
          : `Microsoft.OData.ODataException: '${String(given)}' is not the type '${type}'.`,
      ).message,
    );
  }
  return list as JsonObject[];
}

/** Which row an item means: `@odata.id`, or the primary key as a property (page: upsertmultiple). */
function identityOf(asked: Asked, item: JsonObject): Identity | undefined {
  const { world, table, call } = asked;
  const address = item["@odata.id"];
  if (address !== undefined) {
    if (!isText(address))
      throw payloadError(table.set, "Microsoft.OData.ODataException: '@odata.id' must be a text.");
    const parsed = parseAddress(world, call.session, address);
    if (parsed.table !== table) throw payloadError(table.set, `'${address}' is not a row of ${table.set}.`);
    return parsed.identity;
  }
  const id = item[table.primaryId];
  if (id === undefined || id === null) return undefined;
  const partition = table.elastic ? item.partitionid : undefined;
  return {
    by: "id",
    id: String(checkedValue(world, table, table.primaryId, id)),
    ...(isText(partition) ? { partition } : {}),
  };
}

const unidentified = (asked: Asked) =>
  new Refusal(
    400,
    "0x80040203",
    `An item of 'Targets' must name its row by '${asked.table.primaryId}' or by '@odata.id' with an alternate key.`,
  );

function createMultiple(asked: Asked): Reply {
  const { world, call, table } = asked;
  const items = targets(asked);
  for (const item of items) refuseAddress(world, table, item);
  const ids = world.store.transaction(() =>
    items.map((item) => {
      const written = readPayload(world, call.session, table, item, BULK_CREATE);
      return createRow(world, call.session, table, written).id;
    }),
  );
  const context = `${call.session.root}$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse`;
  return withBody(200, JSON.stringify({ "@odata.context": context, Ids: ids }));
}

function updateMultiple(asked: Asked): Reply {
  const { world, call, table } = asked;
  const items = targets(asked).map((item) => {
    const identity = identityOf(asked, item);
    if (!identity) throw unidentified(asked);
    return { item, identity, row: findRow(world, table, identity) };
  });
  const gone = items.filter((item) => item.row === undefined);
  if (gone.length > 0) {
    const ids = gone.flatMap(({ identity }) => (identity.by === "id" ? [identity.id] : []));
    throw ids.length > 0 ? missingRows(table.schemaName, ids) : missingByKey(table.logicalName);
  }
  const done = new Set<string>();
  world.store.transaction(() => {
    for (const { item, identity, row } of items) {
      const found = row as Row;
      // What cannot be read is refused before anything is applied or dropped (page: support/web-api-client-errors).
      const written = readPayload(world, call.session, table, item, BULK_UPDATE, columnsIn(identity));
      requireSameId(world, table, item[table.primaryId], found);
      // Two items for one row: the first is applied, the second is dropped without a word.
      if (done.has(found.id)) continue;
      done.add(found.id);
      updateRow(world, call.session, table, found, written);
    }
  });
  return noContent();
}

/** In place of an item that nobody needs any more: a thousand of them are half the memory of a request. */
const DONE: JsonObject = {};

function upsertMultiple(asked: Asked): Reply {
  const { world, call, table } = asked;
  const { session } = call;
  const items = targets(asked);
  const start = world.store.version();
  world.store.transaction(() => {
    for (let at = 0; at < items.length; at++) {
      const item = items[at] as JsonObject;
      items[at] = DONE;
      const identity = identityOf(asked, item);
      if (!identity) throw unidentified(asked);
      const row = findRow(world, table, identity);
      // A row that this request made or changed already is newer than the request.
      if (row && row.version > start) {
        const message = "A row is named more than once in 'Targets'.";
        throw new Refusal(400, world.rules.duplicateIdentityCode, message);
      }
      if (row) {
        const written = readPayload(world, session, table, item, BULK_UPDATE, columnsIn(identity));
        requireSameId(world, table, item[table.primaryId], row);
        updateRow(world, session, table, row, written);
        continue;
      }
      // Observed: a key column in both places breaks the creation, not the update.
      const reading = readingOf(world, table, item, BULK_CREATE, columnsIn(identity));
      if (reading.saysAddress) throw new Refusal(400, "0x80040216", "An unexpected error occurred.");
      const written = readAs(reading, world, session, table, item);
      createRow(world, session, table, upsertValues(world, table, identity, reading, written));
    }
  });
  return noContent();
}

/** Runs `POST set/Microsoft.Dynamics.CRM.{message}`. */
export function runBulk(asked: Asked, message: string): Reply {
  const { table, world } = asked;
  if (table.elastic) {
    const items = targets(asked);
    if (message === "CreateMultiple") for (const item of items) refuseAddress(world, table, item);
    return runElastic(asked, message, items, (item) => {
      const identity = identityOf(asked, item);
      if (!identity) throw unidentified(asked);
      return identity;
    });
  }
  if (message === "DeleteMultiple") {
    throw new Refusal(400, "0x80040203", "DeleteMultiple has not yet been implemented.");
  }
  if (!table.bulk) {
    throw new Refusal(
      400,
      world.rules.unsupportedBulkCode,
      `The '${message}' method does not support entities of type '${table.logicalName}'.`,
    );
  }
  if (message === "CreateMultiple") return createMultiple(asked);
  return message === "UpdateMultiple" ? updateMultiple(asked) : upsertMultiple(asked);
}
