import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { openWire, type Wire } from "./client.ts";

/** Requests that are hardly HTTP, and a back door that is told nonsense: each is answered in its own frame. */

/** Sends bytes as they are; gives back status and what the body says. */
function raw(wire: Wire, ...lines: string[]): Promise<{ status: number; text: string; json: unknown }> {
  return new Promise((resolve, reject) => {
    const socket = connect(wire.sandbox.port, "127.0.0.1");
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes.toString("utf8");
    });
    socket.on("error", reject);
    socket.on("close", () => {
      const body = text.slice(text.indexOf("\r\n\r\n") + 4);
      let json: unknown;
      try {
        json = JSON.parse(body);
      } catch {
        json = undefined;
      }
      resolve({ status: Number(text.slice(9, 12)), text, json });
    });
    socket.write(`${[...lines, "Connection: close", "", ""].join("\r\n")}`);
  });
}

describe("what stands before the service", () => {
  const root = "/api/data/v9.2/";
  const signed = (wire: Wire) => `Authorization: Bearer ${wire.token}`;

  test("a request without a host, or with one that cannot be, is refused in the frame and repeated nowhere", async () => {
    await using wire = await openWire();
    for (const host of [
      [],
      ["Host: "],
      ['Host: a b<>"'],
      ["Host: a/b"],
      ["Host: x:y"],
      ["Host: x@y"],
      ["Host: a", "host: a"],
    ]) {
      const answer = await raw(wire, `GET ${root} HTTP/1.1`, ...host, signed(wire));
      expect([host, answer.status, answer.json]).toEqual([
        host,
        400,
        { error: { code: "", message: "Bad Request - Invalid Hostname" } },
      ]);
    }
    for (const host of ["contoso.api.crm4.dynamics.com", "localhost:7171", "[::1]:80", "127.0.0.1"]) {
      const answer = await raw(wire, `GET ${root}WhoAmI HTTP/1.1`, `Host: ${host}`, signed(wire));
      expect(answer.text).toContain(`http://${host}${root}$metadata`);
    }
    expect((await raw(wire, `GET ${root}WhoAmI HTTP/1.0`, signed(wire))).status).toBe(200);
  });

  test("it is no proxy: a tunnel is refused in the frame, and the next request is answered", async () => {
    await using wire = await openWire();
    const answer = await raw(wire, "CONNECT example.com:443 HTTP/1.1", "Host: example.com:443");
    expect([answer.status, answer.json]).toEqual([
      405,
      { error: { code: "", message: "The requested resource does not support http method 'CONNECT'." } },
    ]);
    expect((await wire.call("GET", "WhoAmI")).status).toBe(200);
  });

  test("an expectation that nobody meets is refused in the frame", async () => {
    await using wire = await openWire();
    const answer = await raw(wire, `GET ${root}WhoAmI HTTP/1.1`, "Host: x", "Expect: 200-ok", signed(wire));
    expect([answer.status, answer.json]).toEqual([
      417,
      { error: { code: "", message: "The expectation is not supported." } },
    ]);
  });

  test("a request line may hold the whole address, whose host counts", async () => {
    await using wire = await openWire();
    const get = (url: string) => raw(wire, `GET ${url} HTTP/1.1`, "Host: other", signed(wire));
    const answer = await get(`http://x:80${root}WhoAmI`);
    expect([answer.status, answer.text.includes(`http://x:80${root}$metadata`)]).toEqual([200, true]);
    expect((await get("http://x/nothing")).json).toEqual({
      error: {
        code: "",
        message: "No HTTP resource was found that matches the request URI 'http://x/nothing'.",
      },
    });
    expect((await get("http://x/sandbox/counters")).status).toBe(200);
    expect((await get('http://a"b/')).status).toBe(400);
  });

  test("a body that is no UTF-8 is refused, in a batch too; the bytes of a file are any", async () => {
    await using wire = await openWire();
    const headers = { Authorization: `Bearer ${wire.token}`, "Content-Type": "application/json" };
    const bytes = Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
    const answer = await wire.raw("POST", `${root}accounts`, bytes, headers);
    expect([answer.status, answer.json.error.code]).toEqual([400, "0x80048d19"]);
    const type = { "Content-Type": "multipart/mixed; boundary=b1" };
    expect((await wire.raw("POST", `${root}$batch`, bytes, { ...headers, ...type })).status).toBe(400);
    expect((await wire.call("GET", "accounts")).json.value).toEqual([]);
  });
});

describe("the back door takes no nonsense", () => {
  const action = { status: 400, code: "0x1", message: "m" };
  test.each([
    ["faults", [{ on: {}, do: { ...action, status: 1000 } }]],
    ["faults", [{ on: {}, do: { ...action, status: 99 } }]],
    ["faults", [{ on: {}, do: { ...action, status: 400.5 } }]],
    ["faults", [{ on: {}, do: { ...action, status: 200 } }]],
    ["faults", [{ on: {}, do: { status: 400, code: "0x1" } }]],
    ["faults", [{ on: { kind: "nope" }, do: "429" }]],
    ["faults", [{ on: { table: "nope" }, do: "429" }]],
    ["faults", [{ on: { batch: true }, do: "429" }]],
    ["faults", [{ on: {}, do: "429", times: -1 }]],
    ["faults", [{ on: {}, do: "429", after: 0.5 }]],
    ["faults", [{ on: {}, do: "429", delay: "1" }]],
    ["faults", [{ on: {}, do: "429", often: 1 }]],
    ["faults", [{ do: "429" }]],
    ["faults/random", { seed: 1, rate: 2, kinds: ["429"] }],
    ["faults/random", { seed: "1", rate: 1, kinds: ["429"] }],
    ["faults/random", { seed: 1, rate: 1, kinds: [] }],
    ["faults/random", { seed: 1, rate: 1, kinds: ["nope"] }],
    ["limits", { costs: { request: "x" } }],
    ["limits", { costs: { kinds: { nope: { base: 1 } } } }],
    ["limits", { costs: { kinds: { read: { base: -1 } } } }],
    ["limits", { costs: { tables: { nope: 2 } } }],
    ["limits", { requests: -1 }],
    ["limits", { requests: 0 }],
    ["limits", { requests: 0.5 }],
    ["limits", { factor: 0 }],
    ["limits", { delays: 1 }],
    ["limits", { request: 5 }],
    ["limits", []],
    ["roles", [{ name: "a", tables: { nope: ["read"] } }]],
    ["roles", [{ name: "a", tables: { account: ["fly"] } }]],
    ["roles", [{ name: "a", tables: { account: "some" } }]],
    ["roles", [{ name: "a", privileges: [1] }]],
    ["roles", [{ tables: {} }]],
    ["users", { clientId: "nope", clientSecret: "x" }],
    ["users", { clientId: "7c0d9f0e-31fc-4a47-9b53-5a2f7a3c11dd", clientSecret: 5 }],
    ["users", { id: "x", disabled: "yes" }],
    ["users", { clientId: "7c0d9f0e-31fc-4a47-9b53-5a2f7a3c11dd", clientSecret: "x", roles: "all" }],
    ["columns", { secured: "account.name" }],
    ["columns", { secured: ["account.nope"] }],
    ["columns", { secured: ["account.accountid"] }],
    ["columns", { secured: ["account.accountnumber"] }],
    ["columns", { secured: ["new_order.new_reference"] }],
    ["columns", { secured: [], profiles: [{ name: "p", users: [], columns: { "account.name": ["fly"] } }] }],
    ["plugins", [{ table: "nope", filter: "name eq 'a'" }]],
    ["plugins", [{ table: "account", column: "nope", equals: "a" }]],
    ["plugins", [{ table: "account", column: "name", equals: "a", on: "delete" }]],
    ["plugins", ["x"]],
    ["duplicates", [{ table: "account", columns: ["nope"] }]],
    ["duplicates", ["x"]],
    ["seed", { table: "account", rows: ["x"] }],
    ["seed", { table: "account", rows: [{ name: 5 }] }],
    ["seed", { table: "account", rows: [{ name: { table: "a", id: "b" } }] }],
    ["seed", { table: "account", rows: [{ creditlimit: "much" }] }],
    ["seed", { table: "account", rows: [{ numberofemployees: "5" }] }],
    ["seed", { table: "account", rows: [{ donotemail: 1 }] }],
    ["seed", { table: "account", rows: [{ primarycontactid: "x" }] }],
  ])("POST %s %j", async (path, body) => {
    await using wire = await openWire();
    const state = async () => {
      const paths = [
        "faults",
        "faults/random",
        "limits",
        "roles",
        "users",
        "columns",
        "plugins",
        "duplicates",
      ];
      const answers = [];
      for (const one of paths) answers.push((await wire.admin("GET", one)).text);
      return answers;
    };
    const before = await state();
    const answer = await wire.admin("POST", path, body);
    expect([answer.status, typeof answer.json.error]).toEqual([400, "string"]);
    expect(await state()).toEqual(before);
    expect((await wire.call("GET", "WhoAmI")).status).toBe(200);
    expect((await wire.call("GET", "accounts")).json.value).toEqual([]);
  });

  test.each(["dump?table=account&columns=name,nope", "audit?after=x", "audit?limit=-1", "audit?table=nope"])(
    "GET %s",
    async (path) => {
      await using wire = await openWire();
      expect((await wire.admin("GET", path)).status).toBe(400);
    },
  );
});
