import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { crlf, openWire, part, tokenFor, type Wire } from "./client.ts";

const create = (wire: Wire, name = "a") => wire.call("POST", "accounts", { name });
const count = async (wire: Wire) => Number((await wire.call("GET", "accounts/$count")).text);
const arm = (wire: Wire, ...faults: object[]) => wire.admin("POST", "faults", faults);

const REPLIES: readonly (readonly [string, number, string, string | undefined])[] = [
  ["429", 429, "0x80072322", "1"],
  ["429time", 429, "0x80072321", "1"],
  ["429concurrency", 429, "0x80072326", "1"],
  ["500", 500, "0x80040216", undefined],
  ["503", 503, "0x80048543", "1"],
  ["deadlock", 400, "0x80044150", undefined],
  ["sqlTimeout", 400, "0x80044151", undefined],
  ["duplicate", 412, "0x80040333", undefined],
  ["plugin", 400, "0x80040265", undefined],
  ["solutionImport", 503, "0x80048543", "1"],
  ["solutionRunning", 400, "0x80071151", undefined],
  ["databaseUpgrade", 503, "0x80048553", "1"],
  ["cascadeDelete", 503, "0x80048549", "1"],
  ["cascadeAssign", 503, "0x80048555", "1"],
];

test.each(REPLIES)(
  "%s is answered in the service's frame, and nothing is written",
  async (name, status, code, wait) => {
    await using wire = await openWire();
    await arm(wire, { on: { kind: "create" }, do: name });
    const answer = await create(wire);
    expect([answer.status, answer.json.error.code, answer.headers["retry-after"]]).toEqual([
      status,
      code,
      wait,
    ]);
    expect(answer.json.error.message).not.toBe("");
    expect(await count(wire)).toBe(0);
    expect((await create(wire)).status).toBe(204);
  },
);

test.each([
  ["html502", 502, /<h1>502 Bad Gateway<\/h1>/],
  ["html503", 503, /<h1>503 Service Unavailable<\/h1>/],
  ["html504", 504, /<h1>504 Gateway Timeout<\/h1>/],
  ["empty502", 502, /^$/],
])("%s is a gateway's answer, without the service's frame", async (name, status, body) => {
  await using wire = await openWire();
  await arm(wire, { on: {}, do: name });
  const answer = await create(wire);
  expect([answer.status, answer.json]).toEqual([status, undefined]);
  expect(answer.text).toMatch(body);
  expect(await count(wire)).toBe(0);
});

/** What arrives on a bare socket until the other side ends it. */
function received(wire: Wire, path: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(wire.sandbox.port, "127.0.0.1", () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${wire.token}\r\n\r\n`),
    );
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}

describe("replies that do not arrive whole", () => {
  test("truncated: fewer bytes than Content-Length says, then the end", async () => {
    await using wire = await openWire();
    await arm(wire, { on: {}, do: "truncated" });
    const text = await received(wire, "/api/data/v9.2/WhoAmI");
    const length = Number(/Content-Length: (\d+)/.exec(text)?.[1]);
    const body = text.slice(text.indexOf("\r\n\r\n") + 4);
    expect(body.length).toBe(Math.floor(length / 2));
    await arm(wire, { on: { kind: "read" }, do: "truncated" });
    await expect(wire.call("GET", "accounts")).rejects.toThrow();
    await arm(wire, { on: { kind: "create" }, do: "truncated" });
    await expect(create(wire)).rejects.toThrow();
    expect(await count(wire)).toBe(1);
  });

  test("cutMultipart: a sound HTTP reply whose parts are cut; the work is done", async () => {
    await using wire = await openWire();
    await arm(wire, { on: { kind: "batch" }, do: "cutMultipart" });
    const body = crlf("--b1", ...part("POST", "/api/data/v9.2/accounts", { name: "x" }), "--b1--");
    const answer = await wire.batch(body);
    expect(answer.status).toBe(200);
    expect(answer.text).not.toMatch(/--batchresponse_[0-9a-f-]+--\r\n$/);
    expect(await count(wire)).toBe(1);
  });

  test("trickle: all of it, slowly", async () => {
    await using wire = await openWire();
    await arm(wire, { on: {}, do: "trickle", delay: 50 });
    const before = performance.now();
    const answer = await wire.call("GET", "WhoAmI");
    expect(performance.now() - before).toBeGreaterThan(100);
    expect(answer.json.OrganizationId).toBe(wire.sandbox.organizationId);
  });

  test("hangAfterCommit: silence, though the row is there", async () => {
    await using wire = await openWire();
    await arm(wire, { on: { kind: "create" }, do: "hangAfterCommit" });
    const hung = create(wire).catch(() => "broken");
    expect(await Promise.race([hung, new Promise((done) => setTimeout(() => done("waiting"), 100))])).toBe(
      "waiting",
    );
    expect(await count(wire)).toBe(1);
  });
});

test("a token can end in the middle; a new one works", async () => {
  await using wire = await openWire();
  await arm(wire, { on: { kind: "create" }, after: 2, do: "expiredToken" });
  const seen = [];
  for (let at = 0; at < 4; at++) seen.push((await create(wire)).status);
  expect(seen).toEqual([204, 204, 401, 401]);
  const token = (await tokenFor(wire.sandbox)).json.access_token;
  const headers = { Authorization: `Bearer ${token}` };
  expect((await wire.call("POST", "accounts", { name: "b" }, headers)).status).toBe(204);
  await wire.admin("DELETE", "tokens");
  expect((await wire.call("GET", "WhoAmI", undefined, headers)).status).toBe(401);
});

test("a fault may choose parts of a batch: 429 in the legacy frame, the rest untouched", async () => {
  await using wire = await openWire();
  await arm(wire, { on: { kind: "create", inBatch: true }, after: 1, do: "429", retryAfter: 7 });
  expect((await create(wire)).status).toBe(204);
  const one = part("POST", "/api/data/v9.2/accounts", { name: "x" });
  const body = crlf("--b1", ...one, "--b1", ...one, "--b1", ...one, "--b1--");
  const answer = await wire.batch(body, "b1", { Prefer: "odata.continue-on-error" });
  expect(answer.text.match(/HTTP\/1\.1 \d+ [^\r]*/g)).toEqual([
    "HTTP/1.1 204 No Content",
    "HTTP/1.1 429 Unknown Status Code",
    "HTTP/1.1 204 No Content",
  ]);
  expect(answer.text).toContain('"ErrorCode":"0x80072322"');
  expect(answer.text).toContain("Retry-After: 7");
  expect(await count(wire)).toBe(3);
});

describe("the random mode", () => {
  const outcomes = async (seed: number, rate: number): Promise<string> => {
    await using wire = await openWire();
    const kinds = ["429", "deadlock", "html502"];
    expect((await wire.admin("POST", "faults/random", { seed, rate, kinds })).status).toBe(204);
    const seen = [];
    for (let at = 0; at < 60; at++) seen.push((await create(wire)).status);
    return seen.join(" ");
  };

  test("strikes the same requests for the same seed, others for another, and about the share asked for", async () => {
    const first = await outcomes(7, 0.3);
    expect(await outcomes(7, 0.3)).toBe(first);
    expect(await outcomes(8, 0.3)).not.toBe(first);
    const struck = first.split(" ").filter((status) => status !== "204");
    expect(struck.length).toBeGreaterThan(8);
    expect(struck.length).toBeLessThan(30);
    expect(new Set(struck)).toEqual(new Set(["429", "400", "502"]));
  });

  test("never or always, and off again", async () => {
    expect(await outcomes(1, 0)).not.toMatch(/[^2 04]/);
    expect(await outcomes(1, 1)).not.toContain("204");
    await using wire = await openWire();
    await wire.admin("POST", "faults/random", { seed: 1, rate: 1, kinds: ["500"] });
    expect((await create(wire)).status).toBe(500);
    await wire.admin("DELETE", "faults");
    expect((await create(wire)).status).toBe(204);
    expect(
      (await wire.admin("POST", "faults/random", { seed: 1, rate: 1, kinds: ["nonsense"] })).status,
    ).toBe(400);
  });
});

describe("logic of the organisation", () => {
  test("a plug-in may be a filter over the row as it would be", async () => {
    await using wire = await openWire();
    const rule = {
      table: "account",
      filter: "creditlimit gt 1000 and startswith(name,'A')",
      code: "0x80040224",
    };
    expect((await wire.admin("POST", "plugins", [rule])).status).toBe(204);
    expect((await wire.call("POST", "accounts", { name: "B", creditlimit: 2000 })).status).toBe(204);
    const made = await wire.call("POST", "accounts", { name: "Acme", creditlimit: 10, accountnumber: "1" });
    expect(made.status).toBe(204);
    const raised = await wire.call("PATCH", "accounts(accountnumber='1')", { creditlimit: 1001 });
    expect([raised.status, raised.json.error.code]).toEqual([400, "0x80040224"]);
    expect(
      (await wire.admin("POST", "plugins", [{ table: "account", filter: "nonsense eq 1" }])).status,
    ).toBe(400);
  });

  test("duplicates are detected only where the request asks for it", async () => {
    await using wire = await openWire();
    await wire.admin("POST", "duplicates", [{ table: "contact", columns: ["emailaddress1"] }]);
    const ask = { "MSCRM.SuppressDuplicateDetection": "false" };
    const person = (emailaddress1: string, headers = {}) =>
      wire.call("POST", "contacts", { lastname: "x", emailaddress1 }, headers);
    expect((await person("a@b.example", ask)).status).toBe(204);
    const hit = await person("A@B.example", ask);
    expect([hit.status, hit.json.error]).toEqual([
      412,
      {
        code: "0x80040333",
        message:
          "A record was not created or updated because a duplicate of the current record already exists.",
      },
    ]);
    expect((await person("a@b.example")).status).toBe(204);
    expect((await person("c@d.example", ask)).status).toBe(204);
  });
});
