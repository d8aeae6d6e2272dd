import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { objectTypes, typeName } from "../../src/cli/object-types.ts";
import { orderProject, type RunningSandbox, sandboxEnv, sandboxProcess, writeFiles } from "../support/cli.ts";
import { shippedOnce } from "../support/command.ts";
import { temporaryFolder } from "../support/project.ts";
import { expectShape } from "../support/shapes.ts";

const shipped = shippedOnce();
let sandbox: RunningSandbox;
const folder = temporaryFolder();
const types = (...args: string[]) =>
  shipped(["types", ...args, "--project", folder.path], { env: sandboxEnv(sandbox) });

beforeAll(async () => {
  sandbox = await sandboxProcess();
  writeFiles(folder.path, orderProject());
});
afterAll(async () => {
  folder[Symbol.dispose]();
  await sandbox[Symbol.asyncDispose]();
});

/** The compiler's complaints about a program, in strict mode. */
function complaints(file: string): string {
  const tsc = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));
  const flags = [
    "--noEmit",
    "--strict",
    "--ignoreConfig",
    "--allowImportingTsExtensions",
    "--module",
    "nodenext",
  ];
  const { stdout } = spawnSync(process.execPath, [tsc, ...flags, file], { encoding: "utf8" });
  return stdout;
}

test("types and schemas of several objects are written, and hold programs and records to them", async () => {
  const out = join(folder.path, "types");
  const { code, json } = await types("contact", "Order", "contacts", "--out", out, "--json");
  expect(code).toBe(0);
  expectShape("types", json);
  expect(json.types.map(({ object }: { object: string }) => object)).toEqual(["contact", "new_order"]);
  const source = readFileSync(join(out, "contact.ts"), "utf8");
  expect(source).toMatch(
    /\* 1: Any\n +\* 2: Email\n[\s\S]*?preferredcontactmethodcode\?: 1 \| 2 \| 3 \| 4 \| 5 \| null;/,
  );
  expect(source).toMatch(/Read only\.\n +\*\/\n +createdon\?: string/);

  const right = join(out, "right.ts");
  writeFileSync(
    right,
    `import type { Contact } from "./contact.ts";
import type { NewOrder } from "./new_order.ts";
export const contact: Contact = { firstname: "Ada", preferredcontactmethodcode: 2, creditlimit: 1.5, jobtitle: null };
export const order: NewOrder = { new_name: "One" };
`,
  );
  expect(complaints(right)).toBe("");
  const wrong = join(out, "wrong.ts");
  writeFileSync(
    wrong,
    `import type { Contact } from "./contact.ts";
export const a: Contact = { preferredcontactmethodcode: 9 };
export const b: Contact = { firstnme: "Ada" };
export const c: Contact = { donotemail: "yes" };
`,
  );
  expect(complaints(wrong).match(/error TS2322|error TS2353|error TS2561/g)).toHaveLength(3);

  const schema = JSON.parse(readFileSync(join(out, "contact.schema.json"), "utf8"));
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
  expect(validate({ firstname: "Ada", preferredcontactmethodcode: 2, jobtitle: null })).toBe(true);
  expect(validate({ firstname: "x".repeat(51) })).toBe(false);
  expect(validate({ preferredcontactmethodcode: 9 })).toBe(false);
  expect(validate({ nothing: 1 })).toBe(false);
});

test("without --out the types are printed", async () => {
  const { code, stdout } = await types("new_tag");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^export interface NewTag \{$/m);
});

test("an object that is not there is exit 2, and nothing is written", async () => {
  const { code, stderr } = await types("contact", "contcat", "--out", join(folder.path, "none"));
  expect(code).toBe(2);
  expect(stderr).toMatch(/no table 'contcat'.*Did you mean/);
});

test("labels and names of others cannot break out of a comment", async () => {
  const { typescript } = await objectTypes({
    name: "new_x",
    displayName: "X */ export const evil = 1; /*",
    collection: "new_xes",
    primaryId: "new_xid",
    primaryName: null,
    keys: [],
    bulk: [],
    fields: [
      {
        name: "new_kind",
        displayName: "*/ export const worse = 2; /*",
        type: "picklist",
        required: false,
        creatable: true,
        updatable: true,
        limits: "",
        value: { type: "integer", enum: [1] },
        choices: [{ value: 1, label: "one */ export const worst = 3; //" }],
      },
    ],
  });
  using temporary = temporaryFolder();
  const file = join(temporary.path, "x.ts");
  writeFileSync(file, `${typescript}\nexport const fine: NewX = { new_kind: 1 };\n`);
  expect(complaints(file)).toBe("");
  const code = typescript.replace(/\/\*[\s\S]*?\*\//g, "");
  expect(code).not.toMatch(/evil|worse|worst/);
});

test.each([
  ["contact", "Contact"],
  ["new_order", "NewOrder"],
  ["365_thing", "Object365Thing"],
])("%s is the type %s", (object, name) => {
  expect(typeName(object)).toBe(name);
});
