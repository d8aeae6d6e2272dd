import { aggregateRows } from "./aggregate.ts";
import { type Call, type Kind, type Reply, type Route, withBody } from "./api.ts";
import { BULK, runBulk } from "./bulk.ts";
import { metadataDocument } from "./csdl/document.ts";
import { noRoute, querySyntax, Refusal, requireWritable, unknownSet, wrongMethod } from "./errors.ts";
import { deleteFile, readFile, writeFile } from "./files/requests.ts";
import { valuesIn } from "./filter.ts";
import { type Honouring, parseCondition, parsePreferences } from "./headers.ts";
import { entryOf } from "./json.ts";
import { tokenize } from "./lexer.ts";
import { readCollection, readReference, writeReference } from "./links.ts";
import { boundAction, unboundAction } from "./messages/run.ts";
import { retrieveMetadataChanges } from "./metadata/changes.ts";
import { METADATA_SETS, readMetadata } from "./metadata/routes.ts";
import { countRows, queryRows } from "./query.ts";
import * as rows from "./rows.ts";
import { requireRight } from "./security/check.ts";
import { retrieveAttributePrivileges, retrieveUserPrivileges } from "./security/privileges.ts";
import { countChanges, readChanges } from "./tracking.ts";
import { parseTarget, type Segment, type Target } from "./url.ts";
import { checkOptions } from "./view.ts";
import type { World } from "./world.ts";

const CRM = "Microsoft.Dynamics.CRM.";
/** What `systemusers({id})` is asked about rights. */
const RIGHTS_OF: Readonly<Record<string, (asked: rows.Asked, key: Segment, message: Segment) => Reply>> = {
  [`${CRM}RetrieveUserPrivileges`]: retrieveUserPrivileges,
  [`${CRM}RetrieveUserSetOfPrivilegesByNames`]: retrieveUserPrivileges,
  [`${CRM}RetrievePrincipalAttributePrivileges`]: retrieveAttributePrivileges,
};
/** Page: compose-http-requests. */
const LONGEST_URL = { direct: 32_768, inBatch: 65_536 };

const get = (call: Call, kind: Kind, run: () => Reply): Route => {
  if (call.method !== "GET") throw wrongMethod(call.method);
  return { kind, run };
};

/** Page: compose-http-requests; optional-parameters. What every request may carry beside its own options. */
const ANY = ["tag", "partitionId"];
const NO_OPTIONS = new Set(ANY);
const REFERENCE_OPTIONS = new Set([...ANY, "$id"]);
const FILE_OPTIONS = new Set([...ANY, "sessiontoken", "x-ms-file-name", "size"]);

/** A reply whose options were looked at first: one that is not known is refused (0x80060888). */
const plain =
  (target: Target, run: () => Reply, allowed: ReadonlySet<string> = NO_OPTIONS) =>
  (): Reply => {
    checkOptions(target.query, allowed);
    return run();
  };

function serviceDocument(world: World, call: Call): Reply {
  const value = [...world.schema.sets.keys()].map((name) => ({ name, kind: "EntitySet", url: name }));
  return withBody(200, JSON.stringify({ "@odata.context": `${call.session.root}$metadata`, value }));
}

/** A function: POST to it finds nothing (page: support/web-api-client-errors). */
function whoAmI(world: World, call: Call): Reply {
  const body = {
    "@odata.context": `${call.session.root}$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse`,
    BusinessUnitId: world.organization.businessUnit.id,
    UserId: call.session.user.id,
    OrganizationId: world.organization.id,
  };
  return withBody(200, JSON.stringify(body));
}

/** Page: count-rows. The real answer may be a day old; ours is fresh. */
function totalRecordCount(world: World, call: Call, target: Target): Reply {
  const key = target.segments[0]?.key;
  const token = key?.kind === "named" && key.parts[0]?.[0] === "EntityNames" ? key.parts[0][1] : undefined;
  if (token?.kind !== "alias") throw querySyntax();
  const given = target.query.get(token.text) ?? "";
  const tables = valuesIn(given, tokenize(given), 0).values.map((name) => {
    const table = world.schema.tables.get(name);
    if (!table) throw new Refusal(400, "0x80041102", `The entity with a name = '${name}' was not found.`);
    requireRight(world, call.session, table, "read");
    return table;
  });
  const body = {
    "@odata.context": `${call.session.root}$metadata#Microsoft.Dynamics.CRM.RetrieveTotalRecordCountResponse`,
    EntityRecordCountCollection: {
      Count: tables.length,
      IsReadOnly: false,
      Keys: tables.map((table) => table.logicalName),
      Values: tables.map((table) => world.store.rows(table).size),
    },
  };
  return withBody(200, JSON.stringify(body));
}

/** Page: web-api-service-documents. */
function csdl(world: World, call: Call, target: Target): Reply {
  const annotated =
    target.query.get("annotations") === "true" || parsePreferences(call.headers.prefer).allAnnotations;
  const text = world.metadata.kept(`csdl:${annotated}`, () => metadataDocument(world, annotated));
  return withBody(200, text, { "Content-Type": "application/xml" });
}

function metadata(world: World, call: Call, target: Target): Reply {
  const preferences = parsePreferences(call.headers.prefer, "metadata");
  const reply = readMetadata(world, call.session, target.segments, target.query, preferences);
  const headers: Record<string, string> = preferences.applied
    ? { "Preference-Applied": preferences.applied }
    : {};
  return withBody(
    200,
    reply.body,
    reply.contentType ? { ...headers, "Content-Type": reply.contentType } : headers,
  );
}

/** A request on a whole set: query, count, create, or a message bound to it. */
function setRoute(asked: rows.Asked): Route {
  const { world, call, target, preferences, table } = asked;
  const name = table.logicalName;
  const next = target.segments[1];
  if (next?.name === "$count") {
    const text = { "Content-Type": "text/plain" };
    const tracked = target.query.has("$deltatoken");
    return {
      ...get(call, "read", () =>
        withBody(200, (tracked ? countChanges : countRows)(world, call.session, table, target.query), text),
      ),
      table: name,
    };
  }
  if (next) {
    const message = next.name.startsWith(CRM) ? next.name.slice(CRM.length) : "";
    const kind = entryOf(BULK, message);
    if (!kind || next.key.kind !== "none") throw unknownSet(world.rules, next.name);
    if (call.method !== "POST") throw noRoute(call.uri);
    return { kind, table: name, run: plain(target, () => runBulk(asked, message)) };
  }
  if (call.method === "POST") return { kind: "create", table: name, run: () => rows.create(asked) };
  if (call.method !== "GET") throw wrongMethod(call.method);
  const mark = call.target.indexOf("?");
  const raw = mark < 0 ? "" : call.target.slice(mark + 1);
  const headers = preferences.applied ? { "Preference-Applied": preferences.applied } : {};
  if (target.query.has("$apply")) {
    const run = () => withBody(200, aggregateRows(world, call.session, table, target.query), headers);
    return { kind: "read", table: name, run };
  }
  const tracks = preferences.trackChanges || target.query.has("$deltatoken");
  const find = tracks ? readChanges : queryRows;
  return {
    kind: "read",
    table: name,
    run: () => withBody(200, find(world, call.session, table, target.query, raw, preferences), headers),
  };
}

/** A request on one row, one of its properties, or one of its references. */
function rowRoute(asked: rows.Asked): Route {
  const { call, target, table, world } = asked;
  const [key, property, suffix, extra] = target.segments as [Target["segments"][0], ...Target["segments"]];
  const route = (kind: Kind, run: () => Reply): Route => ({ kind, table: table.logicalName, run });
  if (extra) throw unknownSet(world.rules, extra.name);
  if (!property) {
    switch (call.method) {
      case "GET":
        return route("read", () => rows.read(asked, key));
      case "PATCH": {
        const isUpdate = parseCondition(world.rules, call.headers["if-match"]).is !== "none";
        return route(isUpdate ? "update" : "upsert", () => rows.patch(asked, key));
      }
      case "DELETE":
        return route(
          "delete",
          plain(target, () => rows.remove(asked, key)),
        );
      default:
        throw wrongMethod(call.method);
    }
  }
  const answer = table.logicalName === "systemuser" ? RIGHTS_OF[property.name] : undefined;
  if (answer) {
    return get(
      call,
      "read",
      plain(target, () => answer(asked, key, property)),
    );
  }
  if (!suffix) {
    const action = boundAction(world, call, table, key, property);
    if (action) return { ...action, run: plain(target, action.run) };
  }
  if (call.method === "GET" && table.collections.has(property.name) && !table.navigation.has(property.name)) {
    return route("read", () => readCollection(asked, key, property.name, suffix?.name) as Reply);
  }
  if (suffix?.name === "$ref" && call.method === "GET") {
    return route(
      "read",
      plain(target, () => readReference(asked, key, property.name)),
    );
  }
  if (suffix?.name === "$ref") {
    if (!["POST", "PUT", "DELETE"].includes(call.method)) throw wrongMethod(call.method);
    return route(
      call.method === "DELETE" ? "disassociate" : "associate",
      plain(target, () => writeReference(asked, key, property), REFERENCE_OPTIONS),
    );
  }
  const column = table.columns.get(property.name);
  if ((column?.type === "file" || column?.type === "image") && (suffix || call.method !== "GET")) {
    const file = (kind: Kind, run: () => Reply) => route(kind, plain(target, run, FILE_OPTIONS));
    if (suffix?.name === "$value" && call.method === "GET") {
      return file("read", () => readFile(asked, key, column));
    }
    if (suffix) throw unknownSet(world.rules, suffix.name);
    if (call.method === "PATCH") return file("update", () => writeFile(asked, key, column));
    if (call.method === "DELETE") return file("update", () => deleteFile(asked, key, column));
  }
  if (suffix && suffix.name !== "$value") throw unknownSet(world.rules, suffix.name);
  if (call.method === "GET") {
    const read = () => rows.readProperty(asked, key, property.name, suffix !== undefined);
    // A row behind a lookup has options of its own.
    return route("read", table.properties.has(property.name) ? plain(target, read) : read);
  }
  if ((call.method === "PUT" || call.method === "DELETE") && !suffix) {
    return route(
      "update",
      plain(target, () => rows.writeProperty(asked, key, property.name)),
    );
  }
  throw wrongMethod(call.method);
}

/** What of `Prefer` a request on rows can honour. */
function honouring(call: Call, target: Target): Honouring {
  if (call.method !== "GET") return "write";
  if (target.query.has("$top")) return "top";
  return target.segments[0]?.key.kind === "none" ? "set" : "row";
}

/** Finds what a request asks for; throws the Refusal for what does not exist. Nothing has run when it returns. */
export function findRoute(world: World, call: Call): Route {
  if (call.target.length > (call.inBatch ? LONGEST_URL.inBatch : LONGEST_URL.direct)) {
    const { status, code } = world.rules.urlTooLong;
    throw new Refusal(status, code, "The request URI is too long.");
  }
  const target = parseTarget(call.target);
  const first = target.segments[0];
  if (!first) {
    return get(
      call,
      "metadata",
      plain(target, () => serviceDocument(world, call)),
    );
  }
  if (first.name === "WhoAmI") {
    if (call.method !== "GET" || target.segments.length > 1) throw noRoute(call.uri);
    return { kind: "whoAmI", run: plain(target, () => whoAmI(world, call)) };
  }
  if (first.name === "RetrieveTotalRecordCount") {
    return get(
      call,
      "read",
      plain(target, () => totalRecordCount(world, call, target)),
    );
  }
  if (first.name === "$metadata" && target.segments.length === 1) {
    return get(
      call,
      "metadata",
      plain(target, () => csdl(world, call, target), new Set([...ANY, "annotations"])),
    );
  }
  if (first.name === "RetrieveMetadataChanges" && target.segments.length === 1) {
    return get(
      call,
      "metadata",
      plain(target, () =>
        withBody(200, retrieveMetadataChanges(world, call.session, first.key, target.query)),
      ),
    );
  }
  if (METADATA_SETS.has(first.name)) return get(call, "metadata", () => metadata(world, call, target));
  const table = world.schema.sets.get(first.name);
  if (!table && target.segments.length === 1) {
    const action = unboundAction(world, call, first);
    if (action) return { ...action, run: plain(target, action.run) };
  }
  if (!table) throw unknownSet(world.rules, first.name);
  if (call.method !== "GET") requireWritable(world.rules, table, call.method);
  const asked: rows.Asked = {
    world,
    call,
    target,
    table,
    preferences: parsePreferences(call.headers.prefer, honouring(call, target)),
  };
  return first.key.kind === "none" ? setRoute(asked) : rowRoute(asked);
}
