import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { orderProject, type RunningSandbox, sandboxEnv, sandboxProcess, writeFiles } from "../support/cli.ts";
import { shippedOnce } from "../support/command.ts";
import { temporaryFolder } from "../support/project.ts";
import { expectShape } from "../support/shapes.ts";

const shipped = shippedOnce();
let sandbox: RunningSandbox;
const folder = temporaryFolder();
const schema = (...args: string[]) =>
  shipped(["schema", ...args, "--project", folder.path], { env: sandboxEnv(sandbox) });

beforeAll(async () => {
  sandbox = await sandboxProcess();
  writeFiles(folder.path, orderProject());
});
afterAll(async () => {
  folder[Symbol.dispose]();
  await sandbox[Symbol.asyncDispose]();
});

describe("for a person", () => {
  test("the objects with their names", async () => {
    const { code, stdout } = await schema();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^contact +contacts +Contact$/m);
  });

  test("an object's fields, limits, choices, targets and keys", async () => {
    const { code, stdout } = await schema("Contact");
    expect(code).toBe(0);
    const line = (start: string) => stdout.split("\n").find((text) => text.trim().startsWith(start)) ?? "";
    expect(stdout).toMatch(/^Contact: contact, entity set contacts$/m);
    expect(line("new_customerid ")).toMatch(/active +new_customeridkey/);
    expect(line("emailaddress1 ")).toMatch(/failed: mend duplicates/);
    expect(line("firstname ")).toMatch(/string +always +at most 50 characters +First Name/);
    expect(line("new_score")).toMatch(/decimal +always +-100000 to 100000, 4 decimals/);
    expect(line("importsequencenumber")).toMatch(/on create/);
    expect(line("statecode")).toMatch(/on update +yes +Active, Inactive/);
    expect(line("parentcustomerid")).toMatch(/a record of account or contact/);
    expect(line("preferredcontactmethodcode:")).toMatch(/1 Any, 2 Email, 3 Phone/);
    expect(line("address1_composite")).toMatch(/address1_composite \(memo\)/);
    expect(stdout).toMatch(/Fields that are read only[\s\S]*createdon \(datetime\)/);
    expect(stdout).toMatch(/an e-mail address, at most 100 characters/);
  });

  test.each(["contcat", "Kontakte"])("there is no '%s'", async (name) => {
    const { code, stderr } = await schema(name);
    expect(code).toBe(2);
    expect(stderr).toMatch(/has no table/);
  });
});

test.each(["contact", "contacts", "CONTACT", "Contact"])("--json of '%s'", async (name) => {
  const { code, json } = await schema(name, "--json");
  expect(code).toBe(0);
  expectShape("schema", json);
  expect(json.object).toMatchObject({ name: "contact", collection: "contacts" });
  const field = (wanted: string) => json.object.fields.find((one: { name: string }) => one.name === wanted);
  expect(field("emailaddress1")).toMatchObject({ value: { type: "string", maxLength: 100 } });
  expect(field("new_interests").choices).toContainEqual({
    value: 100000001,
    label: "Furniture",
    labels: ["Möbel"],
  });
});

test("definitions are kept beside the state, for their owner alone, and asked about in one request", async () => {
  const cache = join(folder.path, ".backhaul", "cache");
  await schema("account");
  expect(existsSync(join(folder.path, ".backhaul", ".gitignore"))).toBe(true);
  expect(statSync(cache).mode & 0o777).toBe(0o700);
  const files = readdirSync(cache).filter((name) => name.endsWith(".json"));
  expect(files.length).toBeGreaterThan(1);
  for (const name of files) expect(statSync(join(cache, name)).mode & 0o777).toBe(0o600);
  const count = async (): Promise<number> => {
    const { requests } = (await (await sandbox.admin("counters")).json()) as {
      requests: Record<string, number>;
    };
    return Object.values(requests).reduce((sum, requested) => sum + requested, 0);
  };
  await schema("new_tag");
  const before = await count();
  const again = await schema("new_tag");
  expect(again.stdout).toMatch(/^Tag: new_tag/m);
  // One for the token, one for the version.
  expect((await count()) - before).toBeLessThanOrEqual(2);
});
