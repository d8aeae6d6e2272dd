import { checkPluginRule, type DuplicateRule, type PluginRule } from "../custom-logic.ts";
import { FAULT_NAMES } from "../faults/actions.ts";
import { type Fault, type RandomFaults, setFaults, setRandom } from "../faults/list.ts";
import { isObject } from "../json.ts";
import { type Administered, type AdminReply, DONE, json, wrong } from "./reply.ts";

/** What goes wrong: faults on command and at random, plug-ins, duplicate rules. */

const isAction = (action: unknown): boolean =>
  isObject(action)
    ? typeof action.status === "number" && typeof action.code === "string"
    : (FAULT_NAMES as readonly unknown[]).includes(action);

export const listFaults = ({ world }: Administered): AdminReply =>
  json(world.faults.armed.map(({ fault, left, passes }) => ({ ...fault, left, passes })));

export function replaceFaults(admin: Administered, body: unknown): AdminReply {
  const list = Array.isArray(body)
    ? body
    : isObject(body) && Array.isArray(body.faults)
      ? body.faults
      : undefined;
  if (!list?.every((item) => isObject(item) && isObject(item.on) && isAction(item.do))) {
    return wrong(
      `Send a list of { on: { kind?, table?, inBatch? }, do, times?, after?, retryAfter?, delay? }; do is one of ${FAULT_NAMES.join(", ")}, or { status, code, message }.`,
    );
  }
  setFaults(admin.world.faults, list as unknown as Fault[]);
  return DONE;
}

export function setRandomFaults(admin: Administered, body: unknown): AdminReply {
  const sound =
    isObject(body) &&
    typeof body.seed === "number" &&
    typeof body.rate === "number" &&
    Array.isArray(body.kinds) &&
    body.kinds.length > 0 &&
    body.kinds.every(isAction);
  if (!sound) return wrong("Send { seed, rate, kinds, retryAfter?, delay? }.");
  setRandom(admin.world.faults, body as unknown as RandomFaults);
  return DONE;
}

export function replacePlugins(admin: Administered, body: unknown): AdminReply {
  if (!Array.isArray(body)) {
    return wrong("Send a list of { table, column, equals } or { table, filter }, with message?, code?, on?.");
  }
  const rules = (body as PluginRule[]).map((rule) =>
    rule.equals === undefined ? rule : { ...rule, equals: String(rule.equals) },
  );
  for (const rule of rules) checkPluginRule(admin.world, rule);
  admin.world.plugins.splice(0, Infinity, ...rules);
  return DONE;
}

export function replaceDuplicates(admin: Administered, body: unknown): AdminReply {
  if (!Array.isArray(body)) return wrong("Send a list of { table, columns }.");
  const rules = body as DuplicateRule[];
  for (const { table, columns } of rules) {
    const known = admin.world.schema.tables.get(table)?.columns;
    if (!known || !Array.isArray(columns) || columns.some((column) => !known.has(column))) {
      return wrong(`There is no table '${table}' with these columns.`);
    }
  }
  admin.world.duplicates.splice(0, Infinity, ...rules);
  return DONE;
}
