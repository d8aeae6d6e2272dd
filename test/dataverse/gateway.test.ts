/** What answers in the service's place, or answers with less than it was asked. */
import { describe, expect, test } from "vitest";
import { tokenSource } from "../../connectors/dataverse/auth/auth.ts";
import { openDataverse } from "../../connectors/dataverse/destination.ts";
import { verdictOf } from "../../connectors/dataverse/sender/problems.ts";
import { isBulkDone, isDoneFor } from "../../connectors/dataverse/write/bodies.ts";
import { paired } from "../../connectors/dataverse/write/pairing.ts";
import type { Operation } from "../../src/core/change.ts";
import type { Destination } from "../../src/ports.ts";
import type { Reply } from "../../src/sdk.ts";
import {
  added,
  type Bench,
  compile,
  configOf,
  ID_SEED,
  type MappingInput,
  openBench,
  running,
  tallied,
  write,
} from "./support/bench.ts";
import { type Instead, startProxy } from "./support/proxy.ts";

const people: MappingInput = {
  columns: { id: "text", last: "text" },
  match: { new_customerid: "id" },
  fields: { lastname: "last" },
};
const notes: MappingInput = {
  object: "new_note",
  columns: { id: "text", text: "text" },
  match: { new_code: "id" },
  fields: { new_text: "text" },
};
const rows = (count: number) => Array.from({ length: count }, (_, index) => [`R-${index}`, `x ${index}`]);
const page = (status: number): Instead => ({ status, type: "text/html", body: "<html>sign in</html>" });
const framed = (status: number, code: string): Instead => ({
  status,
  type: "application/json; odata.metadata=minimal",
  body: JSON.stringify({ error: { code, message: "An unexpected error occurred." } }),
});

interface Behind extends AsyncDisposable {
  readonly bench: Bench & { readonly destination: Destination };
  /** Writes that the proxy has seen. */
  readonly seen: () => number;
}

const isWrite = (path: string) => path.includes("Multiple") || path.endsWith("$batch");

/** A bench whose writes pass a proxy. */
async function behind(
  change: (path: string, body: string, write: number, sent: string) => string | Instead,
): Promise<Behind> {
  const bench = await openBench();
  let seen = 0;
  let isWriting = false;
  const proxy = await startProxy(bench.sandbox.url, (path, body, _, { body: sent }) => {
    if (path.includes("Multiple")) isWriting = true;
    if (!isWrite(path) || (body.includes("@odata.context") && !isWriting)) return body;
    return change(path, body, ++seen, sent);
  });
  const config = configOf(bench.sandbox);
  await using tokens = tokenSource(config.auth, new URL(config.url), { authority: config.url });
  const token = await tokens.token(running());
  const destination = await openDataverse(
    { ...config, auth: { type: "bearer", token }, url: proxy.url },
    { schedule: { base: 4, cap: 20 } },
  );
  return {
    bench: { ...bench, destination },
    seen: () => seen,
    async [Symbol.asyncDispose]() {
      await destination[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
      await bench[Symbol.asyncDispose]();
    },
  };
}

describe("an answer that is not the service's", () => {
  test.each([
    ["a sign-in page", page(200)],
    ["a redirect", page(302)],
    ["another redirect", page(307)],
    ["a page that says 404", page(404)],
    ["a page that says 403", page(403)],
    ["JSON of somebody else", { status: 400, type: "application/json", body: '{"reason":"blocked"}' }],
    ["an empty page", { status: 200, type: "application/json", body: "" }],
    ["a success that says nothing", { status: 200, type: "application/json", body: "{}" }],
    ["a success that Dataverse does not know", { status: 202, type: "application/json", body: "{}" }],
  ])("%s ends a bulk write at once and rejects no row", async (_, instead) => {
    await using at = await behind(() => instead);
    const result = await write(await compile(at.bench, people), added(rows(40)));
    expect(tallied(result)).toEqual({ deferred: 40 });
    expect(result.error?.problems[0]).toMatchObject({
      kind: "connection",
      code: "dataverse.not_an_answer",
      remedy: expect.stringContaining("proxy"),
    });
    expect(at.seen()).toBe(1);
  });

  test.each([page(200), page(302), page(404), page(403), { status: 204, type: "", body: "" }])(
    "$status ends a batch at once and rejects no row",
    async (instead) => {
      await using at = await behind(() => instead);
      const result = await write(await compile(at.bench, notes), added(rows(40)));
      expect(tallied(result)).toEqual({ deferred: 40 });
      expect(result.error?.problems[0]).toMatchObject({
        kind: "connection",
        code: "dataverse.not_an_answer",
      });
      expect(at.seen()).toBe(1);
    },
  );

  test.each(["HTTP/1.1 202 Accepted", "HTTP/1.1 302 Found"])("a part with %s is no success", async (line) => {
    await using at = await behind((_, body) => body.replaceAll("HTTP/1.1 204 No Content", line));
    const result = await write(await compile(at.bench, notes), added(rows(4)));
    expect(tallied(result)).toEqual({ deferred: 4 });
    expect(result.error?.kind).toBe("connection");
  });

  test("a query that is answered without a list is no query that found nothing", async () => {
    await using bench = await openBench();
    const lost: Instead = { status: 200, type: "application/json", body: "{}" };
    await using proxy = await startProxy(bench.sandbox.url, (path, body) =>
      path.includes("/accounts?") ? lost : body,
    );
    const config = configOf(bench.sandbox);
    await using tokens = tokenSource(config.auth, new URL(config.url), { authority: config.url });
    const token = await tokens.token(running());
    await using destination = await openDataverse({
      ...config,
      auth: { type: "bearer", token },
      url: proxy.url,
    });
    const compiled = await compile(
      { ...bench, destination },
      {
        ...people,
        columns: { ...people.columns, parent: "text" },
        fields: {
          parentcustomerid: {
            lookup: { object: "account", by: "accountnumber", whenMissing: "reject" },
            source: { column: "parent" },
          },
        },
      },
    );
    const planning = compiled.plan(added([["R-1", "x", "Contoso"]]), { signal: running(), idSeed: ID_SEED });
    await expect(planning).rejects.toMatchObject({
      kind: "connection",
      problems: [expect.objectContaining({ code: "dataverse.no_collection" })],
    });
  });
});

describe("a service that is at fault itself is left alone after a few requests", () => {
  test.each([
    ["a page", page(500), 4],
    ["no known code", framed(500, ""), 12],
    ["an unexpected error", framed(500, "0x80040216"), 12],
    ["a database error", framed(500, "0x80044150"), 12],
  ])("500 with %s to everything", async (_, instead, most) => {
    for (const mapping of [people, notes]) {
      await using at = await behind(() => instead);
      const result = await write(await compile(at.bench, mapping), added(rows(40)));
      expect(tallied(result)).toEqual({ deferred: 40 });
      expect(result.error?.kind).toBe("deferred");
      expect(at.seen()).toBeLessThanOrEqual(most);
    }
  });

  test("a bulk message that meets it for one row is split: the row alone suffers", async () => {
    await using at = await behind((path, body, count) =>
      path.includes("Multiple") && count <= 3 ? framed(500, "0x80040216") : body,
    );
    const result = await write(await compile(at.bench, people), added(rows(40)));
    expect(tallied(result)).toEqual({ applied: 40 });
  });
});

test("a row that no gateway lets through is rejected alone, and not tried for ever", async () => {
  await using at = await behind((_path, body, _write, sent) =>
    sent.length > 1_500 ? { status: 413, type: "text/html", body: "<html>" } : body,
  );
  const mapping = {
    ...people,
    columns: { ...people.columns, note: "text" as const },
    fields: { ...people.fields, description: "note" },
  };
  const noted = rows(12).map((row, index) => [...row, "y".repeat(index === 4 ? 1_900 : 5)]);
  const result = await write(await compile(at.bench, mapping), added(noted));
  expect(tallied(result)).toEqual({ applied: 11, rejected: 1 });
  expect(result.outcomes.get(5)).toMatchObject({
    problem: { code: "dataverse.http_413", remedy: expect.stringContaining("Shorten") },
  });
});

describe("a batch's reply with another number of parts", () => {
  test.each([
    ["loses its first part", (parts: string[]) => parts.toSpliced(1, 1)],
    ["repeats a part", (parts: string[]) => parts.toSpliced(1, 0, parts[1] ?? "")],
    [
      "is in another order",
      (parts: string[]) => [parts[0] ?? "", ...parts.slice(1, -1).reverse(), parts.at(-1) ?? ""],
    ],
  ])("that %s never gives one row the answer of another", async (_, change) => {
    await using at = await behind((_path, body, count) => {
      if (count > 1) return body;
      const delimiter = body.slice(0, body.indexOf("\r\n"));
      return change(body.split(delimiter)).join(delimiter);
    });
    await at.bench.plugins({ table: "new_note", column: "new_text", equals: "x 3", message: "No." });
    const result = await write(await compile(at.bench, notes), added(rows(8)));
    expect(tallied(result)).toEqual({ applied: 7, rejected: 1 });
    expect(result.outcomes.get(4)?.status).toBe("rejected");
  });

  const operation = (record: string) => ({ record }) as Operation;
  const part = (status: number, address?: string): Reply => ({
    kind: "reply",
    status,
    headers: address === undefined ? {} : { "odata-entityid": `https://x.example/api/data/v9.2/${address}` },
    body: "",
  });
  const three = ["a", "b", "c"].map((key) => operation(`notes(k='${key}')`));
  const id = "0a4ce4d6-5a54-4c2e-8a2e-6f6b31f22222";

  test("pairs by place when nothing speaks against it", () => {
    const parts = [part(204, "notes(k='A')"), part(400), part(204, `notes(${id})`)];
    expect(paired(three, parts, 200)).toEqual(parts);
  });

  test("trusts the start of a batch that stopped at its first failure", () => {
    const parts = [part(204), part(412)];
    expect(paired(three, parts, 412)).toEqual([...parts, undefined]);
    expect(paired(three, parts, 200)).toEqual([undefined, undefined, undefined]);
  });

  test("trusts only what names its record otherwise", () => {
    const named = part(204, "notes(k=%27c%27)");
    expect(paired(three, [part(400), named], 200)).toEqual([undefined, undefined, named]);
    expect(paired(three, [part(204), part(204), part(204), part(204)], 200)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    const other = id.replace("0a", "0b");
    expect(paired([operation(`notes(${id})`)], [part(204, `notes(${other})`)], 200)).toEqual([undefined]);
  });
});

test.each([
  [204, "", "", true],
  [200, "application/json; odata.metadata=minimal", '{"@odata.context":"x","Ids":[]}', true],
  [200, "application/json; odata.metadata=minimal", "{}", false],
  [200, "application/json", "", false],
  [200, "application/json", "null", false],
  [200, "application/json", '{"error":{}}', false],
  [200, "application/json", "<html>", false],
  [200, "text/html", "{}", false],
  [201, "application/json", "{}", false],
])("a bulk message answered %i %s %s", (status, type, body, isDone) => {
  expect(isBulkDone({ kind: "reply", status, headers: { "content-type": type }, body })).toBe(isDone);
});

test.each([0, 1, 3])("two records are not made where the answer has %i ids", (count) => {
  const body = JSON.stringify({ "@odata.context": "x", Ids: Array(count).fill("an id") });
  const reply: Reply = { kind: "reply", status: 200, headers: { "content-type": "application/json" }, body };
  expect(isDoneFor("create", 2, reply)).toBe(false);
  expect(isDoneFor("create", count, reply)).toBe(true);
});

test.each([
  [302, "", "everyone"],
  [404, "<html>", "everyone"],
  [404, '{"error":{"code":"","message":"x"}}', "row"],
  [400, '{"Message":"x","ErrorCode":"0x80040265"}', "row"],
  [401, "", "everyone"],
  [413, "<html>", "smaller"],
  [429, "", "throttled"],
  [500, "<html>", "passing"],
  [502, "<html>", "down"],
] as const)("%i with the body %s is the fault of: %s", (status, body, fault) => {
  expect(verdictOf({ kind: "reply", status, headers: {}, body }).fault).toBe(fault);
});
