/**
 * Every column of every definition at hand, with values that fit it and values that do not: what the connector takes
 * is stored as it was meant, what it refuses the service refuses too.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tokenSource } from "../../connectors/dataverse/auth/auth.ts";
import { isWritable } from "../../connectors/dataverse/compile/compile.ts";
import { keyPart } from "../../connectors/dataverse/compile/match.ts";
import { openTables, type Tables } from "../../connectors/dataverse/metadata/tables.ts";
import { batchReply, batchRequest } from "../../connectors/dataverse/sender/batch.ts";
import { endpointOf } from "../../connectors/dataverse/sender/hosts.ts";
import { openService, type Service } from "../../connectors/dataverse/sender/service.ts";
import type { Attribute, Table } from "../../connectors/dataverse/table.ts";
import { coercerOf } from "../../connectors/dataverse/types/coercer.ts";
import { statePairOf, withPair } from "../../connectors/dataverse/types/state.ts";
import { isProblem } from "../../connectors/dataverse/types/value-problem.ts";
import type { ColumnKind } from "../../src/core/value.ts";
import type { Reply } from "../../src/http/answer.ts";
import fc from "../support/seeded.ts";
import { type Bench, configOf, openBench, running } from "./support/bench.ts";
import { type Case, casesOf, type Definition, trimmed, typeOf } from "./support/values.ts";

const folder = fileURLToPath(new URL("../../../shared/metadata/entity-definitions", import.meta.url));
const files = existsSync(folder)
  ? readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".json"))
  : [];
const definitions: Definition[] = files
  .sort()
  .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8").replace(/^\uFEFF/, "")));

/** Where the connector refuses what the service would take, and why. */
const STRICTER: Readonly<Record<string, string>> = {
  "value.broken_text": "half a character is no text: UTF-8 cannot carry it, an escape in JSON can",
};

const stricter = new Set<string>();

/** Columns that take a value and keep another, and why. */
const OWN_VALUE: Readonly<Record<string, string>> = {
  "list.membercount": "the service counts the members itself",
};

/** Tables whose rows no create or update writes, and why. */
const NOT_WRITTEN: Readonly<Record<string, string>> = {
  listmember: "members are added to a list and taken off it by actions",
};

/** Tables whose records no written state closes, and why. */
const CLOSED_BY_ACTION: Readonly<Record<string, string>> = {
  opportunity: "it is won or lost by an action",
};

/** Types whose columns are writable by their flags, and which no mapping writes. */
const UNWRITTEN: Readonly<Record<string, string>> = {
  EntityName: "the lookup beside it sets it",
};

let bench: Bench;
let service: Service;
let tables: Tables;

beforeAll(async () => {
  if (files.length === 0) return;
  bench = await openBench({ metadata: folder });
  const config = configOf(bench.sandbox);
  const endpoint = endpointOf(config);
  const tokens = tokenSource(config.auth, endpoint.resource, config);
  service = openService({ endpoint, tokens: [tokens], concurrency: 4 });
  tables = openTables(service);
});
afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  await bench?.[Symbol.asyncDispose]();
});

/** Puts a row in place without the service's checks. */
async function row(table: string, id: string): Promise<string> {
  const response = await fetch(`${bench.sandbox.url}/sandbox/seed?table=${table}`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: `${JSON.stringify({ [`${(await tables.named(table, running())).primaryId}`]: id })}\n`,
  });
  expect(response.status, await response.text()).toBe(200);
  return id;
}

interface Sent {
  readonly name: string;
  readonly given: Case | LookupCase;
  readonly verdict: string;
  /** The body to send, whether the connector would or not. */
  readonly body: string;
  readonly path: string;
  readonly method: "PATCH" | "POST";
  /** The property to read back, where it can be read. */
  readonly select: string | null;
}

interface LookupCase {
  readonly kind: ColumnKind;
  readonly value: string;
  readonly stored: string | null;
}

/** What a client without the connector would send: the value as JSON has it. */
function naive({ kind, value }: { kind: ColumnKind; value: string }): string {
  const isBare = ["integer", "decimal", "double", "boolean"].includes(kind);
  return isBare && value !== "NaN" && !/Infinity/.test(value) ? value : JSON.stringify(value);
}

const root = "/api/data/v9.2/";

async function send(parts: readonly Sent[]): Promise<Reply[]> {
  const replies: Reply[] = [];
  for (let from = 0; from < parts.length; from += 500) {
    const batch = batchRequest(
      parts.slice(from, from + 500).map(({ method, path, body, select }) => ({
        method,
        path: `${root}${path}${select === null ? "" : `?$select=${select}`}`,
        headers: {
          ...(select === null ? {} : { Prefer: "return=representation" }),
          ...(method === "PATCH" ? { "If-Match": "*" } : {}),
        },
        body,
      })),
    );
    const answer = await service.write(
      { method: "POST", path: `${root}$batch`, headers: batch.headers, body: batch.body },
      running(),
    );
    if (answer.kind !== "reply") throw new Error(answer.kind);
    replies.push(...batchReply(answer));
  }
  return replies;
}

/** The value of a property as it stands in a reply, digit by digit. */
function storedIn(body: string, property: string): string {
  const found = new RegExp(`"${property}":("(?:[^"\\\\]|\\\\.)*"|[^,}\\r\\n]+)`).exec(body)?.[1];
  return found ?? "nothing";
}

function same(type: string, stored: string, meant: string): boolean {
  if (meant === "null" || stored === "null") return meant === stored;
  if (type === "Double") return Math.abs(Number(stored) - Number(meant)) <= 1e-9 * Math.abs(Number(meant));
  if (["Integer", "Decimal", "Money", "Picklist", "State", "Status"].includes(type))
    return trimmed(stored) === trimmed(meant);
  return JSON.stringify(JSON.parse(stored)) === JSON.stringify(JSON.parse(meant));
}

function check(type: string, sent: Sent, reply: Reply | undefined): void {
  const { given, verdict, name } = sent;
  const label = `${name} (${type}) from ${given.kind} ${given.value.slice(0, 60)}: ${verdict} → ${reply?.status} ${reply?.body.slice(0, 300)}`;
  if (given.stored !== null) {
    expect(verdict, label).toBe("taken");
    expect(reply?.status, label).toBeLessThan(300);
    if (sent.select === null || OWN_VALUE[name]) return;
    const stored = storedIn(reply?.body ?? "", sent.select);
    expect(same(type, stored, given.stored), `${label} stored ${stored}`).toBe(true);
    return;
  }
  expect(verdict, label).not.toBe("taken");
  if (STRICTER[verdict] === undefined) expect(reply?.status, label).toBeGreaterThanOrEqual(400);
  else stricter.add(verdict);
}

/**
 * An empty value is refused where one is required, and filled in where the column numbers itself; a state that only an
 * action reaches is refused.
 */
function withRules(table: Definition, definition: Definition, given: Case): Case {
  if (CLOSED_BY_ACTION[table.LogicalName] && ["State", "Status"].includes(typeOf(definition))) {
    const options: Definition[] = definition.OptionSet?.Options ?? [];
    const option = options.find(({ Value }) => String(Value) === given.value);
    const state = typeOf(definition) === "State" ? option?.Value : option?.State;
    if (state !== 0) return { ...given, stored: null };
  }
  if (given.stored !== "null") return given;
  if (definition.RequiredLevel?.Value === "SystemRequired") return { ...given, stored: null };
  return definition.AutoNumberFormat ? { kind: "text", value: "N-1", stored: '"N-1"' } : given;
}

/** What is known of a table's tests: rows to write to, and what a new row needs. */
interface Ground {
  readonly table: Table;
  readonly definition: Definition;
  /** A row for every column but the state, and one for that: an inactive row may refuse the rest. */
  readonly id: string;
  readonly stateId: string;
  /** Properties that a new row must have. */
  readonly needed: Readonly<Record<string, string>>;
}

function sentOf(ground: Ground, attribute: Attribute, given: Case): Sent {
  const { table, id, stateId, needed } = ground;
  const made = coercerOf(attribute, given.kind);
  const coerced = "coerce" in made ? made.coerce(given.value) : made.why;
  const isRequired = coerced === "null" && attribute.required === "system";
  const isTaken = "coerce" in made && typeof coerced === "string" && !isRequired;
  const told = isRequired ? "value.required" : typeof coerced === "string" ? coerced : coerced.code;
  const verdict = isTaken ? "taken" : told;
  const json = isTaken ? coerced : naive(given);
  const pair = statePairOf(table);
  const isStatus = pair !== null && (attribute.name === pair.state || attribute.name === pair.reason);
  const write = { field: attribute.name, property: attribute.name, json };
  const meant = {
    state: attribute.name === pair?.state ? json : undefined,
    reason: attribute.name === pair?.reason ? json : undefined,
  };
  const paired = isTaken && isStatus ? withPair(pair, [write], meant, undefined) : [write];
  const writes = isProblem(paired) ? [write] : paired;
  const isUpdate = attribute.updatable;
  const body = {
    ...(isUpdate ? {} : needed),
    ...Object.fromEntries(writes.map((w) => [w.property, w.json])),
  };
  return {
    name: `${table.name}.${attribute.name}`,
    given,
    verdict: isProblem(paired) ? paired.code : verdict,
    method: isUpdate ? "PATCH" : "POST",
    path: isUpdate ? `${table.set}(${isStatus ? stateId : id})` : table.set,
    body: `{${Object.entries(body)
      .map(([name, value]) => `${JSON.stringify(name)}:${value}`)
      .join(",")}}`,
    select: attribute.readable ? attribute.name : null,
  };
}

/** Columns that new rows of a table must have, each with a value that fits. */
async function neededBy(table: Table, definition: Definition): Promise<Record<string, string>> {
  const needed: Record<string, string> = {};
  for (const attribute of table.attributes.values()) {
    if (attribute.required !== "system" || !attribute.creatable || attribute.name === table.primaryId)
      continue;
    if (["Owner", "State", "Status"].includes(attribute.type)) continue;
    if (attribute.type === "EntityName") needed[attribute.name] = '"account"';
    if (attribute.shape.kind === "lookup") {
      const navigation = table.navigations.find(
        ({ field, target }) => field === attribute.name && KNOWN.has(target),
      );
      if (!navigation) continue;
      const target = await tables.named(navigation.target, running());
      const id = await row(target.name, crypto.randomUUID());
      needed[`${navigation.property}@odata.bind`] = JSON.stringify(`/${target.set}(${id})`);
      continue;
    }
    const cases = casesOf(definition.Attributes.find((a: Definition) => a.LogicalName === attribute.name));
    const fit = cases && fc.sample(cases, { numRuns: 60, seed: 5 }).find(({ stored }) => stored !== null);
    const made = fit && coercerOf(attribute, fit.kind);
    const json = made && "coerce" in made ? made.coerce(fit.value) : undefined;
    if (typeof json === "string") needed[attribute.name] = json;
  }
  return needed;
}

const KNOWN = new Set(definitions.map(({ LogicalName }) => String(LogicalName)));

async function groundOf(definition: Definition): Promise<Ground> {
  const table = await tables.named(definition.LogicalName, running());
  return {
    table,
    definition,
    id: await row(table.name, crypto.randomUUID()),
    stateId: await row(table.name, crypto.randomUUID()),
    needed: await neededBy(table, definition),
  };
}

test("the definitions are there", (context) => {
  if (files.length === 0) context.skip(`there is no ${folder}`);
  expect(definitions.length).toBeGreaterThan(10);
});

describe.each(definitions.map((definition) => [definition.LogicalName, definition] as const))(
  "%s",
  (_, definition) => {
    const flagged = (attribute: Definition) =>
      (attribute.IsValidForCreate === true || attribute.IsValidForUpdate === true) &&
      attribute.IsValidODataAttribute !== false &&
      (attribute.AttributeOf === null || typeOf(attribute) === "Image");

    test("a column is writable exactly where its definition says so", async () => {
      const table = await tables.named(definition.LogicalName, running());
      for (const attribute of definition.Attributes as Definition[]) {
        const found = table.attributes.get(attribute.LogicalName);
        const label = `${attribute.LogicalName} (${typeOf(attribute)})`;
        expect(found && isWritable(found), label).toBe(flagged(attribute));
        if (!found || !flagged(attribute)) continue;
        if (UNWRITTEN[typeOf(attribute)]) expect(found.shape.kind, label).toBe("unsupported");
        else expect(found.shape.kind, label).not.toBe("unsupported");
      }
    });

    test("values that fit are stored as meant, and the service refuses what the connector does", async () => {
      const ground = await groundOf(definition);
      const columns = [...ground.table.attributes.values()].filter(isWritable).flatMap((attribute) => {
        if (attribute.name === ground.table.primaryId) return [];
        if (NOT_WRITTEN[ground.table.name]) return [];
        const own = definition.Attributes.find((a: Definition) => a.LogicalName === attribute.name);
        const cases = casesOf(own)?.map((given) => withRules(definition, own, given));
        return cases ? [{ attribute, cases }] : [];
      });
      const values = fc.tuple(...columns.map(({ cases }) => fc.array(cases, { minLength: 2, maxLength: 4 })));
      await fc.assert(
        fc.asyncProperty(values, async (drawn) => {
          const sent = drawn.flatMap((cases, index) =>
            cases.map((given) => ({
              type: columns[index]!.attribute.type,
              sent: sentOf(ground, columns[index]!.attribute, given),
            })),
          );
          const replies = await send(sent.map((item) => item.sent));
          expect(replies.length).toBe(sent.length);
          sent.forEach((item, index) => {
            check(item.type, item.sent, replies[index]);
          });
        }),
        {
          numRuns: 8,
          endOnFailure: true,
          // A table's whole draw is too long to read: the message names the column and the value.
          asyncReporter: async ({ failed, seed, errorInstance }) => {
            if (failed) throw new Error(`seed ${seed}: ${(errorInstance as Error).message}`);
          },
        },
      );
    });

    test("lookups bind to ids alone", async () => {
      const { table, id } = await groundOf(definition);
      const bound: { sent: Sent; meant: string | null }[] = [];
      for (const navigation of table.navigations) {
        const attribute = table.attributes.get(navigation.field);
        if (!attribute?.updatable || attribute.shape.kind !== "lookup" || !KNOWN.has(navigation.target))
          continue;
        const target = await tables.named(navigation.target, running());
        const key = target.attributes.get(target.primaryId);
        const part = key && keyPart(key, "text");
        if (!part || !("part" in part)) throw new Error(`${navigation.target} has no id`);
        const there = await row(target.name, crypto.randomUUID());
        for (const value of [`{${there.toUpperCase()}}`, "no-id", "17"]) {
          const json = part.part.coerce(value);
          const isTaken = typeof json === "string";
          const address = `/${target.set}(${isTaken ? JSON.parse(json) : value})`;
          const stored = isTaken ? JSON.stringify(there) : null;
          bound.push({
            meant: stored,
            sent: {
              name: `${table.name}.${navigation.property}`,
              given: { kind: "text", value, stored },
              verdict: isTaken ? "taken" : json.code,
              method: "PATCH",
              path: `${table.set}(${id})`,
              body: JSON.stringify({ [`${navigation.property}@odata.bind`]: address }),
              select: `_${navigation.field}_value`,
            },
          });
        }
      }
      const replies = await send(bound.map(({ sent }) => sent));
      bound.forEach(({ sent }, index) => {
        check("Lookup", sent, replies[index]);
      });
    });
  },
);

test("the connector is stricter where a reason is named, and nowhere else", (context) => {
  if (files.length === 0) context.skip(`there is no ${folder}`);
  expect([...stricter].sort()).toEqual(Object.keys(STRICTER).sort());
});
