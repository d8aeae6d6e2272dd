import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWire, type Wire } from "./client.ts";

let wire: Wire & AsyncDisposable;
let xml: string;
beforeAll(async () => {
  wire = await openWire();
  const answer = await wire.call("GET", "$metadata");
  expect([answer.status, answer.headers["content-type"]]).toEqual([200, "application/xml"]);
  xml = answer.text;
});
afterAll(async () => wire[Symbol.asyncDispose]());

interface Element {
  readonly name: string;
  readonly attributes: Record<string, string>;
  readonly children: Element[];
}

/** Reads XML without text content; throws where tags do not match. */
function parse(text: string): Element {
  const root: Element = { name: "", attributes: {}, children: [] };
  const open = [root];
  for (const [, slash, name = "", raw = "", empty] of text.matchAll(
    /<(\/)?([\w:]+)((?:\s+[\w:]+="[^"]*")*)\s*(\/)?>/g,
  )) {
    if (slash) {
      const closed = open.pop();
      if (closed?.name !== name) throw new Error(`</${name}> closes <${closed?.name}>`);
      continue;
    }
    const attributes = Object.fromEntries(
      [...raw.matchAll(/([\w:]+)="([^"]*)"/g)].map((match) => [match[1], match[2]]),
    );
    const element: Element = { name, attributes, children: [] };
    open.at(-1)?.children.push(element);
    if (!empty) open.push(element);
  }
  expect(open).toHaveLength(1);
  return root;
}

const schemaIn = (text: string): Element => {
  const services = parse(text).children[0]!.children.find((child) => child.name === "edmx:DataServices")!;
  return services.children[0]!;
};
const of = (schema: Element, kind: string): Element[] =>
  schema.children.filter((child) => child.name === kind);
const named = (schema: Element, kind: string, name: string): Element =>
  of(schema, kind).find((item) => item.attributes.Name === name) as Element;
const plain = (type: string | undefined): string => (type ?? "").replace(/^Collection\((.*)\)$/, "$1");

describe("$metadata", () => {
  test("names no type twice and none that is not there", () => {
    const schema = schemaIn(xml);
    const types = ["EntityType", "ComplexType", "EnumType"].flatMap((kind) => of(schema, kind));
    const names = types.map((type) => type.attributes.Name);
    expect(new Set(names).size).toBe(names.length);
    const known = new Set(names.map((name) => `mscrm.${name}`));
    const missing = new Set<string>();
    const look = (element: Element): void => {
      for (const key of ["Type", "BaseType", "EntityType"]) {
        const type = plain(element.attributes[key]);
        if (type.startsWith("mscrm.") && !known.has(type)) missing.add(type);
      }
      element.children.forEach(look);
    };
    look(schema);
    expect([...missing]).toEqual([]);
  });

  test("each type names a property once, and both ends of a relationship name each other", () => {
    const schema = schemaIn(xml);
    const members = new Map<string, Map<string, Element>>();
    for (const type of of(schema, "EntityType")) {
      const list = type.children.filter((child) => child.attributes.Name !== undefined);
      expect(new Set(list.map((child) => child.attributes.Name)).size).toBe(list.length);
      members.set(
        `mscrm.${type.attributes.Name}`,
        new Map(list.map((child) => [child.attributes.Name!, child])),
      );
    }
    let pairs = 0;
    for (const [type, own] of members) {
      for (const item of own.values()) {
        const back = item.attributes.Partner;
        if (item.name !== "NavigationProperty" || back === undefined) continue;
        const partner = members.get(plain(item.attributes.Type))?.get(back);
        expect([
          type,
          item.attributes.Name,
          partner?.attributes.Partner,
          plain(partner?.attributes.Type),
        ]).toEqual([type, item.attributes.Name, item.attributes.Name, type]);
        pairs += 1;
        for (const { attributes } of item.children) {
          expect(own.get(attributes.Property!)?.attributes.Type).toBe("Edm.Guid");
          const referenced = members.get(plain(item.attributes.Type));
          const inherited = members.get("mscrm.principal");
          expect(
            (
              referenced?.get(attributes.ReferencedProperty!) ??
              inherited?.get(attributes.ReferencedProperty!)
            )?.name,
          ).toBe("Property");
        }
      }
    }
    expect(pairs).toBeGreaterThan(100);
  });

  const properties: readonly (readonly [string, string, string])[] = [
    ["account", "accountid", "Edm.Guid"],
    ["account", "creditlimit", "Edm.Decimal"],
    ["account", "numberofemployees", "Edm.Int32"],
    ["account", "_parentaccountid_value", "Edm.Guid"],
    ["contact", "birthdate", "Edm.Date"],
    ["contact", "new_engagement", "Edm.Double"],
    ["contact", "new_interests", "Edm.String"],
    ["contact", "new_lifetimepoints", "Edm.Int64"],
    ["contact", "createdon", "Edm.DateTimeOffset"],
    ["contact", "statecode", "Edm.Int32"],
    ["contact", "new_isvip", "Edm.Boolean"],
    ["EntityMetadata", "OwnershipType", "mscrm.OwnershipTypes"],
    ["DecimalAttributeMetadata", "MinValue", "Edm.Decimal"],
    ["AttributeMetadata", "RequiredLevel", "mscrm.AttributeRequiredLevelManagedProperty"],
  ];
  test.each(properties)("%s.%s is %s", (type, property, edm) => {
    const element = named(schemaIn(xml), "EntityType", type);
    const found = element.children.find((child) => child.attributes.Name === property);
    expect([found?.name, found?.attributes.Type]).toEqual(["Property", edm]);
  });

  test("what it declares of a table is what rows of it have", async () => {
    const made = await wire.call(
      "POST",
      "contacts",
      { lastname: "Ray" },
      { Prefer: "return=representation" },
    );
    const declared = named(schemaIn(xml), "EntityType", "contact")
      .children.filter((child) => child.name === "Property")
      .map((child) => child.attributes.Name);
    const sent = Object.keys(made.json).filter((name) => !name.includes("@"));
    expect(sent.filter((name) => !declared.includes(name))).toEqual([]);
    expect(declared.filter((name) => !sent.includes(name!))).toEqual([]);
  });

  const operations: readonly (readonly [string, string, string[], string | undefined])[] = [
    ["Function", "WhoAmI", [], "mscrm.WhoAmIResponse"],
    [
      "Action",
      "AddListMembersList",
      ["List mscrm.list", "Members Collection(mscrm.crmbaseentity)"],
      undefined,
    ],
    ["Action", "AddMemberList", ["entity mscrm.list", "EntityId Edm.Guid"], "mscrm.AddMemberListResponse"],
    ["Action", "RemoveMemberList", ["entity mscrm.list", "ListMember mscrm.listmember"], undefined],
    [
      "Action",
      "msdynmkt_AddStaticMembers",
      ["SegmentId Edm.String", "GroupId Edm.String", "EntityIds Collection(Edm.String)"],
      undefined,
    ],
  ];
  test.each(operations)("%s %s", (kind, name, parameters, reply) => {
    const operation = named(schemaIn(xml), kind, name);
    const list = operation.children.filter((child) => child.name === "Parameter");
    expect(list.map(({ attributes }) => `${attributes.Name} ${attributes.Type}`)).toEqual(parameters);
    const returned = operation.children.find((child) => child.name === "ReturnType");
    expect(returned?.attributes.Type).toBe(reply);
  });

  test("bulk messages are declared for the tables that offer them", () => {
    const schema = schemaIn(xml);
    const tables = (name: string) =>
      of(schema, "Action")
        .filter((action) => action.attributes.Name === name)
        .map((action) => action.children[0]?.attributes.Type);
    for (const name of ["CreateMultiple", "UpdateMultiple", "UpsertMultiple"]) {
      expect(tables(name)).toContain("Collection(mscrm.contact)");
      expect(tables(name)).not.toContain("Collection(mscrm.new_note)");
    }
    expect(tables("DeleteMultiple")).toEqual(["Collection(mscrm.new_log)"]);
  });

  test("the container has every set, and every action that is bound to nothing", async () => {
    const container = of(schemaIn(xml), "EntityContainer")[0] as Element;
    const names = container.children.map((child) => `${child.name} ${child.attributes.Name}`);
    const { value } = (await wire.call("GET", "")).json;
    for (const { name } of value) expect(names).toContain(`EntitySet ${name}`);
    expect(names).toContain("FunctionImport WhoAmI");
    expect(names).toContain("ActionImport BulkDelete");
    expect(names).not.toContain("ActionImport AddMemberList");
  });

  test("annotations come when they are asked for", async () => {
    expect(xml).not.toContain("Org.OData.Core.V1.Description");
    const annotated = await wire.call("GET", "$metadata?annotations=true");
    expect(annotated.text).toContain('Term="Org.OData.Core.V1.Description"');
    expect(annotated.text).toContain('Term="OData.Community.Keys.V1.AlternateKeys"');
    const preferred = await wire.call("GET", "$metadata", undefined, {
      Prefer: 'odata.include-annotations="*"',
    });
    expect(preferred.text).toBe(annotated.text);
    expect((await wire.call("POST", "$metadata", {})).status).toBe(405);
  });

  /** A reader that we did not write; the check runs where it is installed. */
  const foreign = (() => {
    try {
      return createRequire(import.meta.url)("odata-csdl") as {
        xml2json(text: string, options: object): Record<string, Record<string, unknown>>;
      };
    } catch {
      return undefined;
    }
  })();
  test.skipIf(!foreign)(
    `a third-party reader loads it${foreign ? "" : " (skipped: no odata-csdl)"}`,
    async () => {
      const annotated = await wire.call("GET", "$metadata?annotations=true");
      for (const text of [xml, annotated.text]) {
        const messages: unknown[] = [];
        const read = foreign!.xml2json(text, { strict: true, messages });
        expect(messages).toEqual([]);
        expect(read["Microsoft.Dynamics.CRM"]).toMatchObject({
          contact: {
            $Kind: "EntityType",
            $BaseType: "mscrm.crmbaseentity",
            $Key: ["contactid"],
            parentcustomerid_account: { $Kind: "NavigationProperty", $Partner: "contact_customer_accounts" },
          },
        });
      }
    },
  );
});
