import { noContent, type Reply, withBody } from "./api.ts";
import { deleteRow } from "./cascade.ts";
import { publicId, sessionToken } from "./elastic.ts";
import { Refusal } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import { findRow, type Identity, missing, requireRow } from "./keys.ts";
import { BULK_CREATE, BULK_DELETE, BULK_UPDATE, readPayload } from "./payload.ts";
import type { Row } from "./row.ts";
import { type Asked, requireSameId, upsertRow } from "./rows.ts";
import { createRow, updateRow } from "./write.ts";

/** Bulk messages on elastic tables (page: bulk-operations): each row for itself, its fate in the error's details. */

interface Fate {
  readonly RequestIndex: number;
  readonly Id: string;
  readonly StatusCode: number;
}

type One = (item: JsonObject) => { readonly id: string; readonly status: number };

function oneOf(asked: Asked, message: string, identityOf: (item: JsonObject) => Identity): One {
  const { world, call, table } = asked;
  const { session } = call;
  const known = (row: Row, status: number) => ({ id: publicId(table, row), status });
  switch (message) {
    case "CreateMultiple":
      return (item) => {
        const written = readPayload(world, session, table, item, BULK_CREATE);
        return known(createRow(world, session, table, written), 201);
      };
    case "UpdateMultiple":
      return (item) => {
        const identity = identityOf(item);
        const row = findRow(world, table, identity);
        if (!row) throw missing(world, table, identity);
        const written = readPayload(world, session, table, item, BULK_UPDATE);
        requireSameId(world, table, item[table.primaryId], { id: publicId(table, row) });
        return known(updateRow(world, session, table, row, written), 204);
      };
    case "UpsertMultiple":
      return (item) => {
        const { row, isNew } = upsertRow(asked, identityOf(item), item);
        return known(row, isNew ? 201 : 204);
      };
    default:
      return (item) => {
        const row = requireRow(world, table, identityOf(item));
        readPayload(world, session, table, item, BULK_DELETE);
        requireSameId(world, table, item[table.primaryId], { id: publicId(table, row) });
        deleteRow(world, table, row);
        return known(row, 204);
      };
  }
}

/** The id of a row that failed, as far as its item names it. */
const idIn = (asked: Asked, item: JsonObject): string =>
  String(
    item[asked.table.primaryId] ?? /[0-9a-f-]{36}/i.exec(String(item["@odata.id"]))?.[0] ?? "",
  ).toLowerCase();

function failure(asked: Asked, first: Refusal, fates: readonly Fate[]): Refusal {
  const { elasticDetailsName, elasticDetailsListSuccesses } = asked.world.rules;
  const told = elasticDetailsListSuccesses ? fates : fates.filter((fate) => fate.StatusCode >= 400);
  const name = `@Microsoft.PowerApps.CDS.ErrorDetails.${elasticDetailsName}`;
  return new Refusal(first.status, first.code, first.message, { details: { [name]: JSON.stringify(told) } });
}

export function runElastic(
  asked: Asked,
  message: string,
  items: readonly JsonObject[],
  identityOf: (item: JsonObject) => Identity,
): Reply {
  const { world, call, table } = asked;
  const run = oneOf(asked, message, identityOf);
  const fates: Fate[] = [];
  let first: Refusal | undefined;
  for (const [RequestIndex, item] of items.entries()) {
    try {
      const { id, status } = run(item);
      fates.push({ RequestIndex, Id: id, StatusCode: status });
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
      first ??= problem;
      fates.push({ RequestIndex, Id: idIn(asked, item), StatusCode: problem.status });
    }
  }
  if (first) throw failure(asked, first, fates);
  const headers = message === "DeleteMultiple" ? {} : sessionToken(world, table);
  if (message !== "CreateMultiple") return noContent(headers);
  const context = `${call.session.root}$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse`;
  const Ids = fates.map((fate) => fate.Id);
  return withBody(200, JSON.stringify({ "@odata.context": context, Ids }), headers);
}
