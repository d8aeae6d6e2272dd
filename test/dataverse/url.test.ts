import { describe, expect, test } from "vitest";
import { ownPath } from "../../connectors/dataverse/sender/service.ts";
import { LONGEST_PATH, MOST_IN_VALUES } from "../../connectors/dataverse/unverified.ts";
import {
  addressByKey,
  chunked,
  encode,
  folded,
  idOf,
  inQueries,
  orQueries,
  pathOf,
  textLiteral,
} from "../../connectors/dataverse/url.ts";
import fc from "../support/seeded.ts";

const wellFormed = fc.string({ unit: "grapheme" });

describe("literals", () => {
  test.each([
    ["O'Neil", "'O''Neil'"],
    ["''", "''''''"],
    ["a,b=c)", "'a,b=c)'"],
  ])("%s is written %s", (text, literal) => expect(textLiteral(text)).toBe(literal));

  test("a literal ends where it ends, whatever it holds", () => {
    fc.assert(
      fc.property(wellFormed, (text) => {
        const literal = textLiteral(text);
        expect(literal.slice(1, -1).replaceAll("''", "")).not.toContain("'");
        expect(literal.slice(1, -1).replaceAll("''", "'")).toBe(text);
      }),
    );
  });
});

describe("encoding", () => {
  test("decodes to the same, and holds nothing that ends a path or a query", () => {
    fc.assert(
      fc.property(wellFormed, (text) => {
        const encoded = encode(text);
        expect(decodeURIComponent(encoded)).toBe(text);
        expect(encoded).toMatch(/^[A-Za-z0-9\-._~!$'()*,;=:@%]*$/);
      }),
    );
  });

  test("a record's path", () => {
    const address = addressByKey("contacts", [
      ["a", textLiteral("O'Neil & Söhne, 100")],
      ["b", "2"],
    ]);
    expect(address).toBe("contacts(a='O''Neil & Söhne, 100',b=2)");
    expect(pathOf(address)).toBe("/api/data/v9.2/contacts(a='O''Neil%20%26%20S%C3%B6hne,%20100',b=2)");
  });

  test("an id is told from a key", () => {
    expect(idOf("contacts(0a4ce4d6-5a54-4c2e-8a2e-6f6b31f22222)")).toBe(
      "0a4ce4d6-5a54-4c2e-8a2e-6f6b31f22222",
    );
    expect(idOf("contacts(k='0a4ce4d6-5a54-4c2e-8a2e-6f6b31f22222')")).toBeNull();
  });
});

describe("queries of many values", () => {
  test("ask for each value once, in paths of bounded length", () => {
    const values = fc.array(fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 }), {
      maxLength: 300,
    });
    fc.assert(
      fc.property(values, (list) => {
        const paths = inQueries({
          set: "accounts",
          select: ["accountid", "name"],
          property: "name",
          values: list,
        });
        const asked = paths.flatMap((path) => {
          expect(path.length).toBeLessThanOrEqual(LONGEST_PATH);
          return JSON.parse(decodeURIComponent(path.slice(path.indexOf("@p2=") + 4))) as string[];
        });
        expect(asked).toEqual(list);
      }),
      { numRuns: 50 },
    );
  });

  test("take no more values than a filter may hold", () => {
    const values = Array.from({ length: 1001 }, (_, index) => `${index}`);
    const paths = inQueries({ set: "accounts", select: ["accountid"], property: "name", values });
    expect(paths).toHaveLength(Math.ceil(1001 / MOST_IN_VALUES));
  });

  test("of several columns", () => {
    const [path] = orQueries({
      set: "contacts",
      select: ["contactid"],
      terms: [
        [
          ["a", textLiteral("x&y")],
          ["b", "1"],
        ],
        [
          ["a", textLiteral("z")],
          ["b", "2"],
        ],
      ],
    });
    expect(path).toBe(
      "/api/data/v9.2/contacts?$select=contactid&$filter=(a%20eq%20'x%26y'%20and%20b%20eq%201)%20or%20(a%20eq%20'z'%20and%20b%20eq%202)",
    );
  });

  test("lists keep every text, in order", () => {
    const texts = fc.array(
      fc.string({ minLength: 1, maxLength: 20 }).map((text) => text.replaceAll("|", "/")),
    );
    fc.assert(
      fc.property(
        texts,
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 9 }),
        (all, longest, most) => {
          const lists = chunked(all, "|", longest, most);
          expect(lists.flatMap((list) => list.split("|"))).toEqual(all);
          for (const list of lists) {
            const count = list.split("|").length;
            expect(count).toBeLessThanOrEqual(most);
            if (count > 1) expect(list.length).toBeLessThanOrEqual(longest);
          }
        },
      ),
    );
  });
});

test("text is compared without case and trailing spaces", () => {
  expect(folded("Ab c  ")).toBe("ab c");
});

test("a link leads to the configured organisation alone", () => {
  expect(ownPath("https://evil.example/api/data/v9.2/accounts?$skiptoken=1")).toBe(
    "/api/data/v9.2/accounts?$skiptoken=1",
  );
  expect(ownPath("https://evil.example/steal")).not.toContain("steal");
});
