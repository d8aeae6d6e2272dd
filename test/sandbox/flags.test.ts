import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

/** The flags of `backhaul sandbox`, each by what a client sees over HTTP; the build is made before the tests run. */

const BIN = fileURLToPath(new URL("../../dist/src/bin.js", import.meta.url));

interface Ready {
  readonly url: string;
  readonly organization: string;
  readonly tenant: string;
  readonly client_id: string;
  readonly client_secret: string;
}

let folder: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "backhaul-flags-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) await stop(child);
  rmSync(folder, { recursive: true, force: true });
});

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

function run(flags: readonly string[]): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, [BIN, "sandbox", ...flags], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (bytes: Buffer) => {
      output += bytes.toString();
    });
  }
  return { child, output: () => output };
}

const anyPort = (flags: readonly string[]): string[] => (flags.includes("--port") ? [] : ["--port", "0"]);

/** A command that does not start: what it says and how it ends. */
async function refused(...flags: string[]): Promise<{ code: number | null; text: string }> {
  const { child, output } = run([...anyPort(flags), ...flags]);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, text: output().replace(/\s+/g, " ") };
}

async function start(...flags: string[]) {
  const { child, output } = run(["--json", ...anyPort(flags), ...flags]);
  while (!output().includes("\n")) {
    await Promise.race([once(child.stdout as NodeJS.ReadableStream, "data"), once(child, "exit")]);
    if (child.exitCode !== null) throw new Error(output());
  }
  const ready = JSON.parse(output().split("\n", 1)[0] ?? "") as Ready;
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: ready.client_id,
    client_secret: ready.client_secret,
    scope: `${ready.url}/.default`,
  });
  const token = await fetch(`${ready.url}/${ready.tenant}/oauth2/v2.0/token`, { method: "POST", body: form });
  const { access_token } = (await token.json()) as { access_token: string };
  const call = (path: string, init: { method?: string; body?: string } = {}) =>
    fetch(`${ready.url}/api/data/v9.2/${path}`, {
      ...init,
      headers: { Authorization: `Bearer ${access_token}`, "Content-Type": "application/json" },
    });
  // biome-ignore lint/suspicious/noExplicitAny: wire bodies are asserted, not typed
  const json = async (path: string): Promise<any> => (await call(path)).json();
  // biome-ignore lint/suspicious/noExplicitAny: wire bodies are asserted, not typed
  const limits = async (): Promise<any> => (await fetch(`${ready.url}/sandbox/limits`)).json();
  return { ready, child, call, json, limits };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

test("--port: there it listens, and says so when somebody else does", async () => {
  const port = String(await freePort());
  const { ready, call } = await start("--port", port);
  expect(new URL(ready.url).port).toBe(port);
  expect((await call("WhoAmI")).status).toBe(200);
  const { code, text } = await refused("--port", port);
  expect([code !== 0, text.includes(`Port ${port} is taken by another program.`)]).toEqual([true, true]);
}, 60_000);

test("--limits, --limits-factor: without them nobody is told to wait; with them the limits shrink by the factor", async () => {
  const crowd = async (call: (path: string) => Promise<Response>) =>
    (await Promise.all(Array.from({ length: 200 }, () => call("WhoAmI")))).map((reply) => reply.status);
  const free = await start();
  expect(await free.limits()).toMatchObject({ on: false });
  expect(new Set(await crowd(free.call))).toEqual(new Set([200]));
  const full = await start("--limits");
  expect(await full.limits()).toMatchObject({ on: true, limits: { requests: 6000, windowMs: 300_000 } });
  // Few enough that all have asked before the window is over.
  const small = await start("--limits", "--limits-factor", "50");
  expect(await small.limits()).toMatchObject({ on: true, limits: { requests: 120, windowMs: 6000 } });
  expect(await crowd(small.call)).toContain(429);
}, 90_000);

test.each([
  [["--limits-factor", "5"], "--limits"],
  [["--limits", "--limits-factor", "0"], "--limits-factor takes a number above 0, not 0."],
  [["--limits", "--limits-factor", "x"], "--limits-factor takes a number above 0, not x."],
  [["--servers", "0"], "1"],
  [["--latency", "-5"], "0"],
])(
  "%j is refused",
  async (flags, said) => {
    const { code, text } = await refused(...flags);
    expect([code === 0, text.includes(said)]).toEqual([false, true]);
  },
  60_000,
);

test("--servers: replies name the server, and there are so many", async () => {
  const one = await start();
  expect((await one.call("WhoAmI")).headers.get("set-cookie")).toBeNull();
  const three = await start("--servers", "3");
  expect((await three.limits()).servers).toBe(3);
  const names = new Set<string>();
  for (let at = 0; at < 30; at++) {
    names.add((await three.call("WhoAmI")).headers.get("set-cookie")?.split(";", 1)[0] ?? "");
  }
  expect(names.size).toBe(3);
}, 60_000);

test("--latency: no reply comes sooner", async () => {
  const { call, limits } = await start("--latency", "200");
  expect((await limits()).latency).toBe(200);
  const before = performance.now();
  expect((await call("WhoAmI")).status).toBe(200);
  expect(performance.now() - before).toBeGreaterThan(190);
}, 60_000);

test("--metadata: tables of one's own stand beside the usual ones; a folder without any is refused by name", async () => {
  const usual = await start();
  const expand =
    "$expand=Attributes,Keys,ManyToOneRelationships,OneToManyRelationships,ManyToManyRelationships";
  const table = await usual.json(`EntityDefinitions(LogicalName='new_tag')?${expand}`);
  const definitions = join(folder, "definitions");
  mkdirSync(definitions);
  const { code, text } = await refused("--metadata", definitions);
  expect([code !== 0, text.includes("no JSON file in it")]).toEqual([true, true]);
  writeFileSync(join(definitions, "tag.json"), JSON.stringify({ ...table, IntroducedVersion: "9.8.7.6" }));
  const own = await start("--metadata", definitions);
  expect((await own.json("EntityDefinitions(LogicalName='new_tag')")).IntroducedVersion).toBe("9.8.7.6");
  const row = { method: "POST", body: JSON.stringify({ new_name: "a" }) };
  expect((await own.call("new_tags", row)).status).toBe(204);
  expect((await own.json("EntityDefinitions(LogicalName='account')")).LogicalName).toBe("account");
}, 90_000);

test("--data: rows and organisation are there after a stop and after a kill; files of others are left alone", async () => {
  const data = join(folder, "data.jsonl");
  const first = await start("--data", data);
  const create = (name: string) => ({ method: "POST", body: JSON.stringify({ name }) });
  expect((await first.call("accounts", create("a"))).status).toBe(204);
  await stop(first.child);
  const second = await start("--data", data);
  expect((await second.call("accounts", create("b"))).status).toBe(204);
  const { code, text } = await refused("--data", data);
  expect([code !== 0, text.includes("is in use by the sandbox")]).toEqual([true, true]);
  second.child.kill("SIGKILL");
  await once(second.child, "exit");
  const third = await start("--data", data);
  const rows = (await third.json("accounts?$select=name")).value as { name: string }[];
  expect([rows.map((row) => row.name), third.ready.organization]).toEqual([
    ["a", "b"],
    first.ready.organization,
  ]);
  const forgetful = await start();
  expect((await forgetful.json("accounts")).value).toEqual([]);
  const letter = join(folder, "letter.txt");
  writeFileSync(letter, "Dear all,");
  const other = await refused("--data", letter);
  expect([
    other.code,
    other.text.includes("is not a sandbox data file"),
    /Defect|Unexpected token/.test(other.text),
  ]).toEqual([2, true, false]);
  expect(readFileSync(letter, "utf8")).toBe("Dear all,");
  const directory = await refused("--data", folder);
  expect([
    directory.code,
    directory.text.includes("is not a sandbox data file"),
    directory.text.includes("Defect"),
  ]).toEqual([2, true, false]);
}, 120_000);
