import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadProject } from "../../src/config/load.ts";
import { parseYaml } from "../../src/config/yaml.ts";
import { SyncError } from "../../src/core/errors.ts";
import fc from "../support/seeded.ts";
import { folderOf, SCHEMAS, sentencesOf } from "./project.ts";

function saidOf(text: string): string {
  try {
    parseYaml(text, "f.yml");
  } catch (error) {
    if (error instanceof SyncError) return error.message;
    throw error;
  }
  return "";
}

describe("YAML", () => {
  test.each([
    ["a: 1\nb: 2\na: 3\n", 'f.yml:3:1: The key "a" stands twice in one mapping. Keep one of them.'],
    ["a:\n\tb: 1\n", "f.yml:2:1: The line is indented with a tab. Indent with spaces."],
    [
      "a:\n  b: 1\n c: 2\n",
      "f.yml:3:1: The line's indentation fits nothing above it. Align it with the keys it belongs to.",
    ],
    ["a: 1\n---\nb: 2\n", "f.yml:2:1: The file holds several documents. Give each its own file."],
    ["a: !secret b\n", "f.yml:1:4: Tags such as !name mean nothing here. Leave the tag out."],
    [
      "a: *b\n",
      "f.yml:1:1: An alias (*name) has no anchor (&name) before it. Put text that starts with * in quotes.",
    ],
    [
      "a: 12345678901234567890\n",
      "f.yml:1:4: The number 12345678901234567890 cannot be held exactly. Put it in quotes.",
    ],
    [
      "a: [1, 0.1000000000000000055]\n",
      "f.yml:1:8: The number 0.1000000000000000055 cannot be held exactly. Put it in quotes.",
    ],
  ])("%j is refused", (text, said) => {
    expect(saidOf(text)).toBe(said);
  });

  test("takes numbers that a float holds exactly", () => {
    expect(saidOf("a: [1, -1.50, 1e3, 0.1, 1_000, 9007199254740991, 0x10, 00.10, +5, 19.99]")).toBe("");
  });

  test("words such as yes, on and dates are text", () => {
    expect(parseYaml("[yes, on, 2024-01-01, 12:30, ~]", "f").data).toEqual([
      "yes",
      "on",
      "2024-01-01",
      "12:30",
      null,
    ]);
  });

  test("does not repeat the file in a message, which may hold a secret", () => {
    for (const text of [
      'a: "hunter2" hunter2\n',
      "a: [hunter2: {hunter2\n",
      'a: "hunter2',
      "- hunter2\nhunter2: 1\n",
      "{a}: }hunter2",
    ])
      expect(saidOf(text)).not.toContain("hunter2");
  });

  test("refuses aliases that unfold into too much, and nesting without end", () => {
    const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
    for (let i = 1; i < 10; i++)
      lines.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(", ")}]`,
      );
    expect(saidOf(lines.join("\n"))).toMatch(/aliases unfold into too much/);
    for (const open of ["[", "{a: ", "- ", "? "])
      expect(saidOf(open.repeat(100_000))).toBe("f.yml:1:1: The file is nested too deeply. Flatten it.");
  });

  test("any text either parses or is refused with a place", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), (text) => {
        const said = saidOf(text);
        expect(said === "" || /^f\.yml:\d+:\d+: /.test(said)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test("the place of a value is where it stands", () => {
    const key = fc.stringMatching(/^[a-z]{1,6}$/);
    fc.assert(
      fc.property(fc.uniqueArray(key, { minLength: 1, maxLength: 5 }), fc.nat(3), (keys, indent) => {
        const text = `top:\n${keys.map((k, i) => `${" ".repeat(indent + 1)}${k}: ${i}\n`).join("")}`;
        const source = parseYaml(text, "f");
        for (const [i, k] of keys.entries()) {
          expect(source.place(["top", k])).toEqual({ file: "f", line: i + 2, column: indent + 2 });
          expect(source.place(["top", k], "value").column).toBe(indent + 2 + k.length + 2);
        }
      }),
    );
  });
});

describe("files", () => {
  const tooLarge = "#".repeat(10 * 1024 * 1024 + 1);

  test.each([
    ["not UTF-8", () => new Uint8Array([0xff, 0xfe, 0x61, 0x00]), /is not text in UTF-8/],
    ["too large", () => tooLarge, /is larger than 10 MB/],
    ["empty", () => "", /should be a mapping, found nothing/],
    ["a list", () => "- a", /should be a mapping, found a list/],
  ])("a model file that is %s is refused", async (_, content, said) => {
    const [first] = await sentencesOf({ "models/customers.yml": content() });
    expect(first).toMatch(said);
    expect(first).toContain("models/customers.yml");
  });

  test("a query that is empty, too large or not UTF-8 is refused where it is named", async () => {
    for (const [content, said] of [
      [" ;\n", /"models\/customers.sql" is empty/],
      [new Uint8Array([0xc3, 0x28]), /is not text in UTF-8/],
      [tooLarge, /is larger than 10 MB/],
    ] as const)
      expect((await sentencesOf({ "models/customers.sql": content }))[0]).toMatch(
        new RegExp(`models/customers.yml:3:6: .*${said.source}`),
      );
  });

  test("a folder where a file should be is refused", async () => {
    const folder = await folderOf({ "backhaul.yml": undefined });
    await mkdir(join(folder, "backhaul.yml"));
    await expect(loadProject(folder, { schemas: SCHEMAS })).rejects.toThrow('"backhaul.yml" is not a file.');
  });
});
