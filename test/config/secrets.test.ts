import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { redactAll, spellings } from "../../src/config/redact.ts";
import { type Piece, parseReferences } from "../../src/config/reference.ts";
import { openSecrets } from "../../src/config/secrets.ts";
import fc from "../support/seeded.ts";
import { edit, folderOf, load, ref, sentencesOf } from "./project.ts";

const env = (name: string) => ref(`env:${name}`);
const file = (path: string) => ref(`file:${path}`);

describe("a reference", () => {
  const print = (pieces: readonly Piece[]) =>
    pieces
      .map((piece) => {
        if (piece.kind === "env") return env(piece.name);
        if (piece.kind === "file") return file(piece.path);
        return piece.text.replaceAll("${", "$${");
      })
      .join("");
  const plain = fc.string({ minLength: 1, unit: fc.constantFrom("a", "{", "}", ":", " ", "é") });
  const piece = fc.oneof(
    fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/).map((name): Piece => ({ kind: "env", name })),
    fc.stringMatching(/^[a-z/.~ -]{1,12}$/).map((path): Piece => ({ kind: "file", path })),
  );

  test("reads back what was printed", () => {
    const pieces = fc
      .array(fc.tuple(piece, plain))
      .map((list) => list.flatMap(([p, text]): Piece[] => [p, { kind: "text", text }]));
    fc.assert(
      fc.property(pieces, (list) => {
        expect(parseReferences(print(list))).toEqual(list);
      }),
    );
  });

  test("text without one stays as it is, and $${ stands for itself", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (text) => {
        fc.pre(!text.includes("${"));
        expect(parseReferences(text)).toEqual([{ kind: "text", text }]);
      }),
    );
    expect(parseReferences(`a$${env("X")}`)).toEqual([{ kind: "text", text: `a${env("X")}` }]);
  });

  test.each([ref("X"), ref("env:"), ref("env:A-B"), ref("env:A").slice(0, -1), ref("file:"), ref("")])(
    "%s is none",
    (text) => {
      expect(parseReferences(text)).toMatchObject([{ kind: "bad" }]);
    },
  );
});

describe("redaction", () => {
  const secret = fc.oneof(
    fc.string({ minLength: 4, maxLength: 30 }),
    fc.string({ minLength: 4, maxLength: 30, unit: "grapheme" }),
    fc.string({ minLength: 4, maxLength: 8, unit: fc.constantFrom("*", "a", "/", "+") }),
  );

  test("no secret survives, in whatever text and spelling", () => {
    const spelled = (text: string) =>
      fc.constantFrom(
        text,
        encodeURIComponent(Buffer.from(text).toString()),
        JSON.stringify(text).slice(1, -1),
        Buffer.from(text).toString("base64"),
        new URLSearchParams({ k: text }).toString(),
      );
    const scene = fc
      .array(secret, { minLength: 1, maxLength: 4 })
      .chain((secrets) =>
        fc.tuple(
          fc.constant(secrets),
          fc.array(fc.oneof(fc.string(), ...secrets.map(spelled)), { maxLength: 8 }),
        ),
      );
    fc.assert(
      fc.property(scene, ([secrets, texts]) => {
        const needles = new Set(secrets.flatMap(spellings));
        const safe = redactAll(texts.join(""), needles);
        for (const needle of needles) expect(safe).not.toContain(needle);
      }),
      { numRuns: 1000 },
    );
  });

  test("a secret inside basic authentication is found in base64", () => {
    const known = new Set(spellings("correct horse battery"));
    for (const user of ["", "u", "us", "use"]) {
      const header = Buffer.from(`${user}:correct horse battery!`).toString("base64");
      expect(redactAll(header, known)).toContain("***");
      expect(Buffer.from(redactAll(header, known), "base64").toString()).not.toContain("horse");
    }
  });

  test("text without a secret stays as it is, and short values are left alone", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-m ]*$/), (text) => {
        expect(redactAll(text, spellings("secret-zzz"))).toBe(text);
      }),
    );
    expect(spellings("abc")).toEqual([]);
  });

  test("passwords of addresses go, whoever wrote them", () => {
    expect(redactAll('{"m":"Bearer eyJ0eXAiOiJKV1QiLCJh.x-_~+/==\\n, bearer tokens"}', [])).toBe(
      '{"m":"Bearer ***\\n, bearer tokens"}',
    );
    expect(redactAll("at postgres://me:hunter2@db/x and https://a/b", [])).toBe(
      "at postgres://me:***@db/x and https://a/b",
    );
  });
});

describe("secrets", () => {
  test("are resolved from the environment and from files, and kept out of texts", async () => {
    const folder = await folderOf({
      "secrets/key.pem": "-----BEGIN KEY-----\nMIIBVgIBADANBgkqhkiG9w0B\n-----END KEY-----\n",
    });
    const secrets = openSecrets({ PW: "p@ss/wörd", URL: "postgres://u:s%40fe-one@h/db" }, folder);
    const resolved = secrets.resolve({
      url: `postgres://me:${env("PW")}@h`,
      list: [{ key: file("secrets/key.pem") }],
      whole: env("URL"),
      port: 5432,
      plain: `$${env("PW")}`,
    });
    expect(resolved).toEqual({
      url: "postgres://me:p@ss/wörd@h",
      list: [{ key: "-----BEGIN KEY-----\nMIIBVgIBADANBgkqhkiG9w0B\n-----END KEY-----" }],
      whole: "postgres://u:s%40fe-one@h/db",
      port: 5432,
      plain: env("PW"),
    });
    for (const text of [
      "p@ss/wörd",
      "p%40ss%2Fw%C3%B6rd",
      "s@fe-one",
      "s%40fe-one",
      "MIIBVgIBADANBgkqhkiG9w0B",
    ])
      expect(secrets.redact(`x ${text} y`)).toBe("x *** y");
    expect(secrets.redact(JSON.stringify(resolved.list[0]?.key))).toBe('"***"');
  });

  test("that are missing are told all at once, with place and remedy", async () => {
    const project = await load(
      edit(
        "backhaul.yml",
        "url: sandbox",
        `url: "https://${env("HOST")}"\n    auth: { type: client_secret, tenant: "${env("EMPTY")}", client_id: "${file("no/id")}", client_secret: "${file("models")}" }`,
      ),
    );
    const secrets = openSecrets({ EMPTY: "", toString: undefined }, project.folder);
    expect(() => project.destinations.get("dynamics")?.resolve(secrets)).toThrow(
      [
        "backhaul.yml:7:5: The environment variable HOST is not set. Set HOST before the command.",
        "backhaul.yml:8:34: The environment variable EMPTY is empty. Set EMPTY before the command.",
        'backhaul.yml:8:58: There is no secret file "no/id". Correct the path, or create it.',
        'backhaul.yml:8:86: The secret file "models" is not a file. Name the file of one secret.',
      ].join("\n"),
    );
  });

  test("are checked once they are known, without being shown", async () => {
    const project = await load(
      edit(
        "backhaul.yml",
        "url: sandbox",
        `url: "${env("URL")}"\n    auth: { type: bearer, token: "${env("TOKEN")}" }`,
      ),
    );
    const open = (values: Record<string, string>) =>
      project.destinations.get("dynamics")?.resolve(openSecrets(values, project.folder));
    expect(() => open({ URL: "http://a.crm.dynamics.com", TOKEN: "hunter2" })).toThrow(
      /^backhaul.yml:7:10: "url" should be an address such as [^"]*, or the word sandbox\.$/,
    );
    expect(open({ URL: "https://a.crm.dynamics.com", TOKEN: "hunter2" })).toMatchObject({
      url: "https://a.crm.dynamics.com",
      auth: { token: "hunter2" },
    });
  });

  test("in files must be UTF-8 and small", async () => {
    const folder = await folderOf();
    await writeFile(join(folder, "bad"), new Uint8Array([0xff, 0xff]));
    await writeFile(join(folder, "big"), "x".repeat(1024 * 1024 + 1));
    await writeFile(join(folder, "void"), "\n");
    const { resolve } = openSecrets({}, folder);
    expect(() => resolve(file("bad"))).toThrow(/not text in UTF-8/);
    expect(() => resolve(file("big"))).toThrow(/larger than 1 MB/);
    expect(() => resolve(file("void"))).toThrow(/is empty/);
    expect(() => resolve(ref("X"))).toThrow(/Write \$\{env:NAME\}/);
  });
});

describe("a literal secret", () => {
  const auth = (secret: string) =>
    edit(
      "backhaul.yml",
      "url: sandbox",
      `url: https://a.crm.dynamics.com\n    auth: { type: bearer, token: ${secret} }`,
    );
  const pg = (rest: string) =>
    edit("backhaul.yml", "{ type: duckdb, path: warehouse.duckdb }", `{ type: postgres, ${rest} }`);

  test.each([
    ["a token", auth("hunter2")],
    ["a token in part", auth(`"Bearer ${env("T")}"`)],
    ["a password", pg("host: h, database: d, user: u, password: hunter2")],
    ["a password in an address", pg("url: postgres://u:hunter2@h/d")],
    ["half a password in an address", pg(`url: "postgres://u:hunter2${env("T")}@h/d"`)],
    ["a password in a query", pg('url: "postgres://u@h/d?password=hunter2"')],
  ])("is refused and not shown: %s", async (_, files) => {
    const said = await sentencesOf(files);
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/^config\.literal_secret backhaul\.yml:\d+:\d+: .*\$\{env:[A-Z]+\}/);
    expect(said[0]).not.toContain("hunter2");
  });

  test.each([
    ["a reference", auth(`"${env("T")}"`)],
    ["a password by reference", pg(`url: "postgres://u:${env("PW")}@h/d"`)],
    ["an address by reference", pg(`url: "${env("URL")}"`)],
    ["an address without a password", pg("url: postgres://u@h/d")],
  ])("is not %s", async (_, files) => {
    await expect(load(files)).resolves.toBeDefined();
  });

  test("of a wrong type is not shown either", async () => {
    expect(await sentencesOf(auth("123456"))).toEqual([
      'config.wrong_type backhaul.yml:8:34: "token" should be text, found a number.',
    ]);
  });

  test("a reference that nothing replaces is refused", async () => {
    expect(await sentencesOf(edit("models/customers.yml", "first_name", `{ value: "${env("X")}" }`))).toEqual(
      [
        expect.stringMatching(
          /^config\.bad_reference models\/customers\.yml:11:27: A reference stands where none is replaced/,
        ),
      ],
    );
    expect(await sentencesOf(edit("backhaul.yml", "warehouse.duckdb", `"\${HOME}/x"`))).toEqual([
      expect.stringMatching(
        /^config\.bad_reference backhaul\.yml:3:32: "path" holds something that starts like a reference/,
      ),
    ]);
  });
});
