import { KINDS } from "../api.ts";
import { checkPluginRule, type DuplicateRule, type PluginRule } from "../custom-logic.ts";
import { FAULT_NAMES } from "../faults/actions.ts";
import { type Fault, type RandomFaults, setFaults, setRandom } from "../faults/list.ts";
import { isObject } from "../json.ts";
import type { World } from "../world.ts";
import { amount, type Check, count, either, flag, listOf, oneOf, shape, text, within } from "./check.ts";
import { type Administered, type AdminReply, DONE, json, wrong } from "./reply.ts";

/** What goes wrong: faults on command and at random, plug-ins, duplicate rules. */

/** A reply of one's own is an error: other statuses mean something to HTTP that a fault cannot keep. */
const status: Check = (value) => within(400, 599)(value) && Number.isInteger(value);
const isAction = either(oneOf(FAULT_NAMES), shape({ status, code: text, message: text }));
const timing = { retryAfter: amount, delay: amount };

const isFault = (world: World): Check => {
  const on = { kind: oneOf(KINDS), table: oneOf([...world.schema.tables.keys()]), inBatch: flag };
  return shape({ on: shape({}, on), do: isAction }, { times: count, after: count, ...timing });
};

const isRandom = shape(
  {
    seed: either(amount, (value) => Number.isSafeInteger(value)),
    rate: within(0, 1),
    kinds: (value) => listOf(isAction)(value) && (value as unknown[]).length > 0,
  },
  timing,
);

export const listFaults = ({ world }: Administered): AdminReply =>
  json(world.faults.armed.map(({ fault, left, passes }) => ({ ...fault, left, passes })));

export function replaceFaults(admin: Administered, body: unknown): AdminReply {
  const list = Array.isArray(body)
    ? body
    : isObject(body) && Array.isArray(body.faults)
      ? body.faults
      : undefined;
  if (!list || !listOf(isFault(admin.world))(list)) {
    return wrong(
      `Send a list of { on: { kind?, table?, inBatch? }, do, times?, after?, retryAfter?, delay? }; do is one of ${FAULT_NAMES.join(", ")}, or { status from 400 to 599, code, message }.`,
    );
  }
  setFaults(admin.world.faults, list as unknown as Fault[]);
  return DONE;
}

export function setRandomFaults(admin: Administered, body: unknown): AdminReply {
  if (!isRandom(body)) return wrong("Send { seed, rate, kinds, retryAfter?, delay? }.");
  setRandom(admin.world.faults, body as unknown as RandomFaults);
  return DONE;
}

const isPlugin = shape(
  { table: text },
  {
    column: text,
    equals: either(text, amount, flag, (value) => typeof value === "number"),
    filter: text,
    message: text,
    code: text,
    on: oneOf(["create", "update"]),
  },
);

export function replacePlugins(admin: Administered, body: unknown): AdminReply {
  if (!listOf(isPlugin)(body)) {
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
  if (!listOf(shape({ table: text, columns: listOf(text) }))(body)) {
    return wrong("Send a list of { table, columns }.");
  }
  const rules = body as DuplicateRule[];
  for (const { table, columns } of rules) {
    const known = admin.world.schema.tables.get(table)?.columns;
    if (!known || columns.some((column) => !known.has(column))) {
      return wrong(`There is no table '${table}' with these columns.`);
    }
  }
  admin.world.duplicates.splice(0, Infinity, ...rules);
  return DONE;
}
