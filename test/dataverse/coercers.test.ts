/** Types beyond numbers, dates and text: several choices, pictures, ids; cutting text; secured columns. */

import { describe, expect, test } from "vitest";
import { shapeOf } from "../../connectors/dataverse/metadata/shape.ts";
import type { Attribute, Shape } from "../../connectors/dataverse/table.ts";
import { coercerOf } from "../../connectors/dataverse/types/coercer.ts";
import { SyncError } from "../../src/core/errors.ts";
import type { ColumnKind } from "../../src/core/value.ts";
import fc from "../support/seeded.ts";
import { added, compile, openBench, write } from "./support/bench.ts";
import { attribute } from "./support/tables.ts";

function coerce(
  shape: Shape,
  value: string,
  more: { readonly kind?: ColumnKind; readonly truncate?: boolean; readonly of?: Partial<Attribute> } = {},
) {
  const made = coercerOf(attribute("field", shape, more.of), more.kind ?? "text", more);
  return "why" in made ? made.why : made.coerce(value);
}

const labels = (value: number, ...texts: string[]) => ({ value, label: texts[0] ?? "", labels: texts });
const choices: Shape = {
  kind: "choices",
  choices: [
    labels(3, "Red, or so", "Rot"),
    labels(1, "Green", "Grün"),
    labels(20, "Blue; dark"),
    labels(7, "[x]"),
  ],
};

describe("several choices", () => {
  test.each([
    ["Grün", '"1"'],
    ["20, 3,1", '"1,3,20"'],
    ["green; rot; Green", '"1,3"'],
    ["Red, or so", '"3"'],
    ["Red, or so; Green", '"1,3"'],
    ["Blue; dark", '"20"'],
    ['["Blue; dark","Red, or so"]', '"3,20"'],
    ["[1,20]", '"1,20"'],
    ["[x]", '"7"'],
    ["Green\nRot", '"1,3"'],
    [" ; , ", "null"],
    ["", "null"],
    ["[]", "null"],
  ])("%j is %s", (value, json) => {
    expect(coerce(choices, value)).toBe(json);
  });

  test("one that there is not is named", () => {
    expect(coerce(choices, "Green; Grey")).toMatchObject({
      code: "value.unknown_choice",
      message: "field: 'Grey' is none of the column's choices.",
      remedy: expect.stringContaining("'Green'"),
    });
  });

  test("at most 150", () => {
    const many: Shape = {
      kind: "choices",
      choices: Array.from({ length: 151 }, (_, i) => labels(i, `n${i}`)),
    };
    const all = many.choices.map(({ value }) => value);
    expect(coerce(many, all.slice(1).join(","))).toBe(`"${all.slice(1).join(",")}"`);
    expect(coerce(many, all.join(","))).toMatchObject({ code: "value.too_many_choices" });
  });
});

describe("truncate", () => {
  test("cuts to the column's length and never through a character", () => {
    const unit = fc.constantFrom("a", "é", "👍", "👩‍👩‍👧", "e\u0301", " ");
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 20 }), fc.integer({ min: 11, max: 30 }), (units, longest) => {
        const text = units.join("");
        const json = coerce({ kind: "text", longest }, text, { truncate: true });
        if (typeof json !== "string") throw new Error(json.message);
        const cut: string = JSON.parse(json) ?? "";
        expect(cut.length).toBeLessThanOrEqual(longest);
        expect(text.startsWith(cut)).toBe(true);
        if (text.length <= longest) expect(cut).toBe(text);
        const whole = [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment);
        const kept = [...new Intl.Segmenter().segment(cut)].map(({ segment }) => segment);
        expect(whole.slice(0, kept.length)).toEqual(kept);
        const next = whole[kept.length];
        if (next !== undefined) expect(cut.length + next.length).toBeGreaterThan(longest);
      }),
    );
  });

  test("without it the row is rejected with the way out", () => {
    expect(coerce({ kind: "text", longest: 3 }, "abcd")).toMatchObject({
      code: "value.too_long",
      message: "field: 'abcd' has 4 characters; the column takes 3.",
      remedy: "Shorten it in the model, or say truncate: true.",
    });
  });

  test("is for text alone", () => {
    expect(coerce(choices, "Green", { truncate: true })).toBe("truncate is for text alone");
  });
});

test("a picture's size and bytes are looked at, not its name", () => {
  const image: Shape = { kind: "image", mostBytes: 8 };
  const gif = Buffer.from("GIF89a\0\0").toString("base64");
  expect(coerce(image, gif)).toBe(`"${gif}"`);
  expect(coerce(image, Buffer.from("GIF89a\0\0\0").toString("base64"))).toMatchObject({
    code: "value.too_large",
    message: "field: the picture has 1 KB; the column takes 1.",
  });
  expect(coerce(image, Buffer.from("<svg/>").toString("base64"))).toMatchObject({
    code: "value.not_a_picture",
  });
  expect(coerce(image, "%%%")).toMatchObject({ code: "value.not_base64" });
});

test("the value of a secured column is in no message", () => {
  const of = { secured: true };
  const shapes: Shape[] = [
    { kind: "text", longest: 5 },
    { kind: "whole", least: "0", most: "9" },
    choices,
    { kind: "date" },
    { kind: "id" },
    { kind: "boolean", choices: [] },
  ];
  for (const shape of shapes) {
    const problem = coerce(shape, "it's 4711 'really'", { of });
    if (typeof problem === "string") throw new Error(problem);
    expect(`${problem.message} ${problem.remedy}`).not.toContain("4711");
    expect(problem.message).toMatch(/^field: the value /);
  }
});

test("a float is rounded to the column's decimals", () => {
  const shape: Shape = { kind: "double", least: 0, most: 10, decimals: 2 };
  expect(coerce(shape, "1.005", { kind: "double" })).toBe("1.01");
  expect(coerce(shape, "10.004", { kind: "double" })).toBe("10");
  expect(coerce(shape, "10.005", { kind: "double" })).toMatchObject({ code: "value.out_of_range" });
});

describe("at the wire", () => {
  test("choices by labels of another language, an id, a cut text and a picture are stored", async () => {
    await using bench = await openBench();
    const contacts = await compile(bench, {
      columns: { id: "text", interests: "text", name: "text" },
      match: { new_customerid: "id" },
      fields: {
        new_interests: "interests",
        firstname: { source: { column: "name" }, truncate: true },
      },
    });
    await write(contacts, added([["C-1", "Bücher; electronics", "x".repeat(60)]]));
    expect((await bench.stored("contact", "new_customerid")).get("C-1")).toMatchObject({
      new_interests: "100000000,100000002",
      firstname: "x".repeat(50),
    });
    const [id = ""] = await bench.seed("new_asset", [{ new_name: "Truck" }]);
    const assets = await compile(bench, {
      object: "new_asset",
      columns: { id: "uuid", photo: "text" },
      match: { new_assetid: "id" },
      fields: { new_photo: "photo" },
    });
    const gif = Buffer.from("GIF89a\0\0").toString("base64");
    const { outcomes } = await write(assets, added([[id, gif]]));
    expect(outcomes.get(1)).toMatchObject({ status: "applied" });
    expect((await bench.stored("new_asset")).get(id)).toMatchObject({ new_photo: gif });
    expect((await bench.counters()).refusals).toEqual({});
  });

  test("what no mapping writes is refused with a sentence", async () => {
    await using bench = await openBench();
    const refused = async (object: string, field: string, match: string) => {
      const asking = compile(bench, {
        object,
        columns: { id: "uuid", value: "text" },
        match: { [match]: "id" },
        fields: { [field]: "value" },
      });
      const error = await asking.then(
        () => undefined,
        (problem: unknown) => problem,
      );
      if (!(error instanceof SyncError)) throw new Error(`${field} was taken`);
      return error.problems.map(({ message }) => message).join(" ");
    };
    expect(await refused("contact", "owneridtype", "contactid")).toBe(
      "'owneridtype' cannot be written: the name of a lookup's table is set by the lookup itself.",
    );
    expect(shapeOf("ManagedProperty", {}, { own: [], transitions: false })).toEqual({
      kind: "unsupported",
      why: "a managed property belongs to the solution that brought it",
    });
  });
});
