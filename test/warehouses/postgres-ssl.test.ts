/** PostgreSQL's encryption, against a server with a certificate of an authority of our own. */
import { writeFileSync } from "node:fs";
import { generate } from "selfsigned";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PostgresConfig } from "../../connectors/postgres/config.ts";
import postgres from "../../connectors/postgres/index.ts";
import type { SyncError } from "../../src/core/errors.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { temporaryFolder } from "../support/project.ts";
import { valuesOf, type Way } from "./values.ts";

const signal = new AbortController().signal;
const ways: readonly Way[] = ["local", "warehouse"];
const folder = temporaryFolder();
let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const open = (more: Partial<PostgresConfig> = {}) =>
  postgres.open({ type: "postgres", port: 5432, url: server.url, ...more }, { folder: folder.path });

/** The first problem of what is thrown. */
async function problem(work: Promise<unknown>) {
  const error = (await work.catch((e: unknown) => e)) as SyncError;
  return error.problems[0]!;
}

describe("ssl", () => {
  const name = (commonName: string) => [{ name: "commonName", value: commonName }];
  const days = {
    notBeforeDate: new Date(Date.now() - 864e5),
    notAfterDate: new Date(Date.now() + 864e5),
    algorithm: "sha256",
  } as const;
  const authority = (commonName: string) =>
    generate(name(commonName), {
      ...days,
      extensions: [
        { name: "basicConstraints", cA: true, critical: true },
        { name: "keyUsage", keyCertSign: true, cRLSign: true },
      ],
    });
  let encrypted: TestPostgres;
  beforeAll(async () => {
    const [ours, theirs] = await Promise.all([authority("Our authority"), authority("Another")]);
    writeFileSync(`${folder.path}/ours.pem`, ours.cert);
    writeFileSync(`${folder.path}/theirs.pem`, theirs.cert);
    const leaf = await generate(name("db"), {
      ...days,
      ca: { key: ours.private, cert: ours.cert },
      extensions: [
        { name: "basicConstraints", cA: false },
        { name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] },
      ],
    });
    encrypted = await startPostgres({ ssl: { cert: leaf.cert, key: leaf.private, only: true } });
  });
  afterAll(() => encrypted[Symbol.asyncDispose]());

  const IS_ENCRYPTED = "SELECT 1 AS id, ssl AS v FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
  const byName = (url: string): string => url.replace("127.0.0.1", "localhost");

  test.each([
    ["require", (url: string) => url, {}],
    ["require, under any name", byName, {}],
    ["verify-full, by the authority named", (url: string) => url, { ssl: "verify-full", ssl_ca: "ours.pem" }],
    ["require, whatever the url says", (url: string) => `${url}?sslmode=disable`, {}],
  ] as const)("%s encrypts", async (_, url, config) => {
    await using warehouse = await open({ ssl: "require", ...config, url: url(encrypted.url) });
    for (const way of ways)
      expect((await valuesOf(warehouse, way, IS_ENCRYPTED)).rows).toEqual([["1", "true"]]);
  });

  test.each([
    ["no encryption where it is demanded", { ssl: "disable" }, (url: string) => url, /set ssl: require/],
    ["an authority that nobody named", { ssl: "verify-full" }, (url: string) => url, /ssl_ca/],
    [
      "another authority's signature",
      { ssl: "verify-full", ssl_ca: "theirs.pem" },
      (url: string) => url,
      /ssl_ca/,
    ],
    ["another host's name", { ssl: "verify-full", ssl_ca: "ours.pem" }, byName, /as its certificate does/],
    [
      "a name that the url would not have checked",
      { ssl: "verify-full", ssl_ca: "ours.pem" },
      (url: string) => `${byName(url)}?sslmode=no-verify`,
      /as its certificate does/,
    ],
  ] as const)("refuses %s", async (_, config, url, remedy) => {
    await using warehouse = await open({ ...config, url: url(encrypted.url) });
    expect(await problem(warehouse.check(signal))).toMatchObject({
      kind: "connection",
      remedy: expect.stringMatching(remedy),
    });
  });

  test("refuses a server that offers no encryption", async () => {
    await using warehouse = await open({ ssl: "require" });
    expect(await problem(warehouse.check(signal))).toMatchObject({
      kind: "connection",
      remedy: expect.stringContaining("offers no encryption"),
    });
  });

  test("a certificate that is not there is a mistake of the config", async () => {
    expect(await problem(open({ ssl: "verify-full", ssl_ca: "nosuch.pem" }))).toMatchObject({
      kind: "config",
      code: "postgres.ssl_ca",
      message: expect.stringContaining("nosuch.pem"),
    });
  });
});
