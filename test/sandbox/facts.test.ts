import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { openWire, type Wire } from "./client.ts";

/** Definitions of real organisations, kept beside the project; they are read, never copied into it. */
const FOLDER = fileURLToPath(new URL("../../../shared/metadata/", import.meta.url));
const present = existsSync(`${FOLDER}entity-definitions/account.json`);
const reason = present ? "" : ` (skipped: ${FOLDER} is not there)`;

// biome-ignore lint/suspicious/noExplicitAny: captured definitions are compared, not typed
type Captured = any;
const captured = (name: string): Captured => JSON.parse(readFileSync(`${FOLDER}${name}`, "utf8"));

/** Taken from captures of live organisations; the other tables' files were derived, so they prove less. */
const LIVE = ["account", "contact", "lead", "opportunity", "list", "team"];

const FLAGS = [
  "AttributeType",
  "AttributeOf",
  "IsValidForCreate",
  "IsValidForRead",
  "IsValidForUpdate",
  "IsLogical",
  "IsValidODataAttribute",
  "IsPrimaryId",
  "IsPrimaryName",
  "SchemaName",
];
const LIMITS = [
  "MaxLength",
  "Precision",
  "PrecisionSource",
  "CalculationOf",
  "Targets",
  "MinValue",
  "MaxValue",
];

async function ours(wire: Wire, table: string): Promise<Captured> {
  const path = `EntityDefinitions(LogicalName='${table}')?$expand=Attributes,Keys,ManyToOneRelationships`;
  return (await wire.call("GET", path)).json;
}

describe.skipIf(!present)(`the tables agree with captured definitions${reason}`, () => {
  test.each(LIVE)("%s", async (name) => {
    await using wire = await openWire();
    const real = captured(`entity-definitions/${name}.json`);
    const made = await ours(wire, name);
    for (const property of [
      "EntitySetName",
      "SchemaName",
      "ObjectTypeCode",
      "PrimaryIdAttribute",
      "PrimaryNameAttribute",
      "OwnershipType",
      "LogicalCollectionName",
    ]) {
      expect([property, made[property]]).toEqual([property, real[property]]);
    }
    const known = new Map<string, Captured>(
      real.Attributes.map((item: Captured) => [item.LogicalName, item]),
    );
    let compared = 0;
    const differences: string[] = [];
    for (const column of made.Attributes) {
      const other = known.get(column.LogicalName);
      if (!other) {
        if (!column.LogicalName.startsWith("new_")) differences.push(`${column.LogicalName}: no such column`);
        continue;
      }
      compared += 1;
      const compare = (what: string, a: unknown, b: unknown) => {
        if (JSON.stringify(a) !== JSON.stringify(b)) {
          differences.push(
            `${column.LogicalName}.${what}: ${JSON.stringify(a)}, captured ${JSON.stringify(b)}`,
          );
        }
      };
      for (const flag of FLAGS) compare(flag, column[flag], other[flag]);
      // Companions show what their lookup shows; their own limits mean nothing to a writer.
      if (column.AttributeOf === null) {
        for (const limit of LIMITS) if (limit in column) compare(limit, column[limit], other[limit]);
        compare("RequiredLevel", column.RequiredLevel.Value, other.RequiredLevel.Value);
      }
      compare("type", column.AttributeTypeName.Value, other.AttributeTypeName.Value);
      compare("cast", column["@odata.type"], other["@odata.type"]);
    }
    expect(differences).toEqual([]);
    expect(compared).toBeGreaterThan(15);
  });

  test.each(LIVE)("every property of a definition of %s exists in the real one", async (name) => {
    await using wire = await openWire();
    const real = captured(`entity-definitions/${name}.json`);
    const made = await ours(wire, name);
    const extra = (a: Captured, b: Captured) => Object.keys(a).filter((key) => !(key in b));
    const known = new Map<string, Captured>(
      real.Attributes.map((item: Captured) => [item.LogicalName, item]),
    );
    const unknown = new Set(extra(made, real));
    for (const column of made.Attributes) {
      for (const key of extra(column, known.get(column.LogicalName) ?? column))
        unknown.add(`${column.AttributeType}.${key}`);
    }
    for (const key of extra(made.ManyToOneRelationships[0], real.ManyToOneRelationships[0])) unknown.add(key);
    expect([...unknown]).toEqual([]);
    const relationships = new Map<string, Captured>(
      real.ManyToOneRelationships.map((item: Captured) => [
        `${item.ReferencingAttribute}>${item.ReferencedEntity}`,
        item,
      ]),
    );
    const differences: string[] = [];
    for (const item of made.ManyToOneRelationships) {
      const other = relationships.get(`${item.ReferencingAttribute}>${item.ReferencedEntity}`);
      if (!other) continue;
      for (const property of [
        "SchemaName",
        "ReferencedAttribute",
        "ReferencingEntityNavigationPropertyName",
        "ReferencedEntityNavigationPropertyName",
      ]) {
        if (item[property] !== other[property])
          differences.push(`${item[property]}, captured ${other[property]}`);
      }
    }
    expect(differences).toEqual([]);
  });

  test("errors come in the captured frames", async () => {
    await using wire = await openWire();
    const samples: readonly (readonly [string, () => Promise<{ status: number; json: Captured }>])[] = [
      ["404-record-not-found", () => wire.call("GET", "accounts(5b4ced1c-88e1-ee11-904c-6045bd05e9d4)")],
      [
        "412-matching-key-values",
        async () => {
          await wire.call("POST", "contacts", { new_customerid: "1" });
          return wire.call(
            "PATCH",
            "contacts(new_customerid='1')",
            { lastname: "x" },
            { "If-None-Match": "*" },
          );
        },
      ],
      [
        "412-concurrency-version-mismatch",
        () => wire.call("PATCH", "contacts(new_customerid='1')", { lastname: "x" }, { "If-Match": 'W/"1"' }),
      ],
    ];
    for (const [name, ask] of samples) {
      const { status, body } = captured(`errors/${name}.json`);
      const answer = await ask();
      expect([name, answer.status, answer.json]).toEqual([name, status, body]);
    }
  });

  test("the refusals of a whole batch say what was captured", async () => {
    await using wire = await openWire();
    const post = [
      "Content-Type: application/http",
      "Content-Transfer-Encoding: binary",
      "Content-ID: 1",
      "",
      "POST /api/data/v9.2/accounts HTTP/1.1",
      "Content-Type: application/json",
      "",
      '{"name":"a"}',
    ];
    const get = [...post.slice(0, 4), "GET /api/data/v9.2/accounts HTTP/1.1", "", ""];
    const wrap = (...items: string[][]) =>
      [
        "--b1",
        "Content-Type: multipart/mixed; boundary=c1",
        "",
        ...items.flatMap((item) => ["--c1", ...item]),
        "--c1--",
        "--b1--",
        "",
      ].join("\r\n");
    for (const [file, body] of [
      ["11-whole-batch-duplicate-content-id", wrap(post, post)],
      ["12-whole-batch-get-in-changeset", wrap(get)],
    ] as const) {
      const real = captured(`batch-captures/${file}.body.json`);
      const answer = await wire.batch(body);
      expect(answer.status).toBe(400);
      for (const key of ["Message", "ExceptionMessage", "ExceptionType"])
        expect(answer.json[key]).toBe(real[key]);
      expect(Object.keys(answer.json)).toEqual(Object.keys(real));
    }
  });

  test("a captured batch request is understood", async () => {
    await using wire = await openWire();
    const text = readFileSync(`${FOLDER}batch-captures/03-content-id-in-body.request.txt`, "utf8");
    const body = text.slice(text.indexOf("\r\n\r\n") + 4);
    const boundary = /boundary=(\S+)/.exec(text)?.[1] ?? "";
    const answer = await wire.batch(body, boundary, { Host: "contoso.api.crm.dynamics.com" });
    expect(answer.status).toBe(200);
    const real = readFileSync(`${FOLDER}batch-captures/03-content-id-in-body.response.txt`, "utf8");
    const shape = (response: string) =>
      response
        .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "ID")
        .replace(/https?:\/\/[^/]+/g, "HOST")
        .slice(response.indexOf("--batchresponse"));
    expect(shape(answer.text).trimEnd()).toBe(shape(real).trimEnd());
  });
});
