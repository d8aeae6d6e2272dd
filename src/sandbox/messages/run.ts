import type { Call, Reply, Route } from "../api.ts";
import { readParameters } from "../body.ts";
import { noRoute, unknownSet } from "../errors.ts";
import { FILE_ACTIONS } from "../files/actions.ts";
import { JOB_ACTIONS } from "../jobs/bulk-delete.ts";
import { identify, requireRow } from "../keys.ts";
import { LIFECYCLE_ACTIONS } from "../lifecycle.ts";
import { LIST_ACTIONS } from "../lists/actions.ts";
import { SEGMENT_ACTIONS } from "../lists/segments.ts";
import { MERGE_ACTIONS } from "../merge.ts";
import type { Table } from "../schema.ts";
import { requireRight } from "../security/check.ts";
import type { Unverified } from "../unverified.ts";
import type { Segment } from "../url.ts";
import type { World } from "../world.ts";
import { type Message, messagesOf } from "./catalogue.ts";
import { checkParameters, type Handler } from "./invocation.ts";

const CRM = "Microsoft.Dynamics.CRM.";
const HANDLERS: Readonly<Record<string, Handler>> = {
  ...LIST_ACTIONS,
  ...LIFECYCLE_ACTIONS,
  ...MERGE_ACTIONS,
  ...SEGMENT_ACTIONS,
  ...JOB_ACTIONS,
  ...FILE_ACTIONS,
};
const catalogues = new WeakMap<Unverified, ReadonlyMap<string, Message>>();

function actionNamed({ rules }: World, name: string): Message | undefined {
  let catalogue = catalogues.get(rules);
  if (!catalogue) {
    catalogue = new Map(messagesOf(rules).map((message) => [message.name, message]));
    catalogues.set(rules, catalogue);
  }
  const message = catalogue.get(name);
  return message?.kind === "action" ? message : undefined;
}

function run(world: World, call: Call, message: Message, table?: Table, key?: Segment): Reply {
  const body = readParameters(world.rules, call, message.name);
  const { session } = call;
  if (table) requireRight(world, session, table, "read");
  const row = table && key && requireRow(world, table, identify(world, table, key.key));
  const parameters = checkParameters(message, body);
  const handler = HANDLERS[message.name] as Handler;
  return handler({ world, session, message, parameters, ...(row ? { row } : {}) });
}

/** The route of an unbound action, or undefined when no action has this name. POST only (page: use-web-api-actions). */
export function unboundAction(world: World, call: Call, segment: Segment): Route | undefined {
  const message = actionNamed(world, segment.name);
  if (!message || message.bound || !HANDLERS[message.name]) return undefined;
  if (call.method !== "POST" || segment.key.kind !== "none") throw noRoute(call.uri);
  return { kind: "action", run: () => run(world, call, message) };
}

/** The route of an action bound to a row: `set(key)/Microsoft.Dynamics.CRM.Name`. */
export function boundAction(
  world: World,
  call: Call,
  table: Table,
  key: Segment,
  segment: Segment,
): Route | undefined {
  if (!segment.name.startsWith(CRM)) return undefined;
  const message = actionNamed(world, segment.name.slice(CRM.length));
  if (message?.bound?.to !== "row" || message.bound.table !== table.logicalName) {
    throw unknownSet(world.rules, segment.name);
  }
  if (call.method !== "POST") throw noRoute(call.uri);
  return { kind: "action", table: table.logicalName, run: () => run(world, call, message, table, key) };
}
