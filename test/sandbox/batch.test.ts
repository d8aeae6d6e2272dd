import { describe, expect, test } from "vitest";
import { type Answer, crlf, ID, idIn, openWire, part, type Wire } from "./client.ts";

/** Parts of a multipart reply: inner status, headers and body. */
function parts(answer: Answer): { head: string; status: number; headers: string; body: string }[] {
  const boundary = /boundary=(\S+)/.exec(answer.headers["content-type"] ?? "")?.[1] ?? "?";
  return split(answer.text, boundary);
}
function split(
  text: string,
  boundary: string,
): { head: string; status: number; headers: string; body: string }[] {
  const pieces = text.split(`--${boundary}`);
  expect(pieces.at(-1)).toBe("--\r\n");
  return pieces.slice(1, -1).flatMap((piece) => {
    const nested = /boundary=(changesetresponse_\S+)/.exec(piece)?.[1];
    if (nested !== undefined) return split(piece.slice(piece.indexOf("\r\n\r\n") + 4), nested);
    const [head = "", inner = "", ...rest] = piece.split("\r\n\r\n");
    const status = Number(/^HTTP\/1\.1 (\d+)/.exec(inner)?.[1]);
    return [{ head, status, headers: inner, body: rest.join("\r\n\r\n").replace(/(\r\n)+$/, "") }];
  });
}
const statuses = (answer: Answer) => parts(answer).map((item) => item.status);
const accounts = async (wire: Wire): Promise<string> =>
  (await wire.call("GET", "accounts?$select=name")).json.value
    .map((row: { name: string }) => row.name)
    .join("");

const changeSet = (id: string, ...operations: string[][]) => [
  `Content-Type: multipart/mixed; boundary=${id}`,
  "",
  ...operations.flatMap((operation) => [`--${id}`, ...operation]),
  `--${id}--`,
  "",
];
const batchOf = (...items: string[][]) => crlf(...items.flatMap((item) => ["--b1", ...item]), "--b1--");
const POST = "/api/data/v9.2/accounts";

describe("a batch that works", () => {
  test("has the documented frame to the last byte", async () => {
    await using wire = await openWire();
    const answer = await wire.batch(
      batchOf(part("POST", POST, { name: "A" }), part("GET", `${POST}?$select=name&$top=1`)),
    );
    expect(answer.status).toBe(200);
    expect(answer.headers["odata-version"]).toBe("4.0");
    const boundary = /^multipart\/mixed; boundary=(batchresponse_[0-9a-f-]{36})$/.exec(
      answer.headers["content-type"] ?? "",
    )?.[1];
    const id = /accounts\(([0-9a-f-]{36})\)/.exec(answer.text)?.[1];
    const etag = /W\/\\"\d+\\"/.exec(answer.text)?.[0];
    expect(answer.text).toBe(
      crlf(
        `--${boundary}`,
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "",
        "HTTP/1.1 204 No Content",
        "OData-Version: 4.0",
        `Location: ${wire.root}accounts(${id})`,
        `OData-EntityId: ${wire.root}accounts(${id})`,
        "",
        "",
        `--${boundary}`,
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "",
        "HTTP/1.1 200 OK",
        "Content-Type: application/json; odata.metadata=minimal; odata.streaming=true",
        "OData-Version: 4.0",
        "",
        `{"@odata.context":"${wire.root}$metadata#accounts(name)","value":[{"@odata.etag":"${etag}","name":"A","accountid":"${id}"}]}`,
        `--${boundary}--`,
      ),
    );
  });

  test("takes a quoted boundary, absolute and relative URLs, and a preamble line", async () => {
    await using wire = await openWire();
    const body = `\r\n${batchOf(
      part("POST", `${wire.root}accounts`, { name: "1" }),
      part("POST", "accounts", { name: "2" }),
      part("POST", "/api/data/v9.2/accounts", { name: "3" }),
    )}`;
    const answer = await wire.batch(body, '"b1"');
    expect([answer.status, ...statuses(answer)]).toEqual([200, 204, 204, 204]);
    expect(await accounts(wire)).toBe("123");
  });

  test("carries the inner headers, not the outer ones, to each part", async () => {
    await using wire = await openWire();
    const answer = await wire.batch(
      batchOf(
        part("POST", `${POST}?$select=name`, { name: "A" }, undefined, ["Prefer: return=representation"]),
      ),
    );
    const [first] = parts(answer);
    expect(first?.status).toBe(201);
    expect(first?.headers).toContain("Preference-Applied: return=representation");
    expect(JSON.parse(first?.body ?? "").name).toBe("A");
  });

  test("carries a bulk message and a delete", async () => {
    await using wire = await openWire();
    const id = idIn(await wire.call("POST", "accounts", { name: "x" }));
    const type = "Microsoft.Dynamics.CRM.contact";
    const answer = await wire.batch(
      batchOf(
        part("POST", "/api/data/v9.2/contacts/Microsoft.Dynamics.CRM.CreateMultiple", {
          Targets: [{ "@odata.type": type, lastname: "a" }],
        }),
        part("DELETE", `/api/data/v9.2/accounts(${id})`),
      ),
    );
    expect(statuses(answer)).toEqual([200, 204]);
    expect(parts(answer)[1]?.headers).not.toContain("OData-EntityId");
  });
});

describe("a change set", () => {
  test("is one transaction; $n points backwards in URLs, binds and references", async () => {
    await using wire = await openWire();
    const answer = await wire.batch(
      batchOf(
        changeSet(
          "c1",
          part("POST", "/api/data/v9.2/contacts", { lastname: "Ray" }, "1"),
          part("POST", POST, { name: "Two", "primarycontactid@odata.bind": "$1" }, "2"),
          part("PATCH", "$1", { firstname: "Anna" }, "3"),
          part("PUT", "$2/name", { value: "Renamed" }, "4"),
          part("PUT", "$1/parentcustomerid_account/$ref", { "@odata.id": "$2" }, "5"),
        ),
      ),
    );
    expect([answer.status, ...statuses(answer)]).toEqual([200, 204, 204, 204, 204, 204]);
    expect(parts(answer).map((item) => /Content-ID: (\d)/.exec(item.head)?.[1])).toEqual([
      "1",
      "2",
      "3",
      "4",
      "5",
    ]);
    const expand = "accounts?$select=name&$expand=primarycontactid($select=fullname,_parentcustomerid_value)";
    const row = (await wire.call("GET", expand)).json.value[0];
    expect(row.name).toBe("Renamed");
    expect(row.primarycontactid).toMatchObject({
      fullname: "Anna Ray",
      _parentcustomerid_value: row.accountid,
    });
  });

  test("that fails leaves nothing, and only the failing item's reply", async () => {
    await using wire = await openWire();
    const answer = await wire.batch(
      batchOf(
        part("POST", POST, { name: "before" }),
        changeSet(
          "c1",
          part("POST", POST, { name: "gone", accountnumber: "G" }, "1"),
          part("POST", POST, { name: "x".repeat(161) }, "2"),
          part("POST", POST, { name: "never" }, "3"),
        ),
        part("POST", POST, { name: "after" }),
      ),
    );
    expect(answer.status).toBe(400);
    expect(answer.text).toMatch(/Content-Type: multipart\/mixed; boundary=changesetresponse_/);
    const [, failed, ...rest] = parts(answer);
    expect(rest).toEqual([]);
    expect(failed?.head).toContain("Content-ID: 2");
    expect(JSON.parse(failed?.body ?? "").error.code).toBe("0x80044331");
    expect(await accounts(wire)).toBe("before");
    expect((await wire.call("POST", "accounts", { name: "free", accountnumber: "G" })).status).toBe(204);
  });

  test("is passed over with continue-on-error", async () => {
    await using wire = await openWire();
    const body = batchOf(
      changeSet("c1", part("POST", POST, { name: "a" }, "1"), part("POST", POST, { nonsense: 1 }, "2")),
      part("POST", POST, { name: "b" }),
    );
    const answer = await wire.batch(body, "b1", { Prefer: "odata.continue-on-error" });
    expect([answer.status, ...statuses(answer)]).toEqual([200, 400, 204]);
    expect(await accounts(wire)).toBe("b");
  });

  test("refuses a reference to what comes later or elsewhere", async () => {
    await using wire = await openWire();
    const bind = { name: "x", "primarycontactid@odata.bind": "$2" };
    for (const item of [
      changeSet(
        "c1",
        part("POST", POST, bind, "1"),
        part("POST", "/api/data/v9.2/contacts", { lastname: "a" }, "2"),
      ),
      changeSet("c1", part("PATCH", "$7", { name: "a" }, "1")),
    ]) {
      const answer = await wire.batch(batchOf(item));
      expect(answer.status).toBe(400);
      expect(answer.text).toMatch(/Content-ID Reference: '\$\d' does not exist in the batch context\./);
    }
    expect(await accounts(wire)).toBe("");
  });
});

describe("failures of plain parts", () => {
  const mixed = batchOf(
    part("POST", POST, { name: "1" }),
    part("GET", "/api/data/v9.2/accounts(00000000-0000-0000-0000-0000000000aa)"),
    part("POST", POST, { name: "3" }),
  );

  test("stop the batch: its status is the failure's, later parts have no reply, earlier work stays", async () => {
    await using wire = await openWire();
    const answer = await wire.batch(mixed);
    expect([answer.status, ...statuses(answer)]).toEqual([404, 204, 404]);
    expect(await accounts(wire)).toBe("1");
    const failed = parts(answer)[1];
    const lines = failed?.headers.split("\r\n") ?? [];
    expect(lines[0]).toBe("HTTP/1.1 404 Not Found");
    expect(lines[1]).toMatch(new RegExp(`^REQ_ID: ${ID.source.slice(1, -1)}$`));
    expect(lines.slice(2)).toEqual([
      "Content-Type: application/json; odata.metadata=minimal",
      "OData-Version: 4.0",
    ]);
    expect(JSON.parse(failed?.body ?? "")).toEqual({
      error: {
        code: "0x80040217",
        message: "Entity 'account' With Id = 00000000-0000-0000-0000-0000000000aa Does Not Exist",
      },
    });
  });

  test("do not stop it with odata.continue-on-error", async () => {
    await using wire = await openWire();
    const answer = await wire.batch(mixed, "b1", { Prefer: "odata.continue-on-error" });
    expect([answer.status, ...statuses(answer)]).toEqual([200, 204, 404, 204]);
    expect(await accounts(wire)).toBe("13");
  });

  test("a part throttled by a fault comes in the legacy frame", async () => {
    await using wire = await openWire();
    await wire.admin("POST", "faults", [{ on: { kind: "create" }, after: 1, do: "429", retryAfter: 7 }]);
    const answer = await wire.batch(mixed, "b1", { Prefer: "odata.continue-on-error" });
    expect(statuses(answer)).toEqual([204, 404, 429]);
    const throttled = parts(answer)[2];
    expect(throttled?.headers).toContain("HTTP/1.1 429 Unknown Status Code");
    expect(throttled?.headers).toContain("Retry-After: 7");
    expect(JSON.parse(throttled?.body ?? "").ErrorCode).toBe("0x80072322");
  });
});

describe("a malformed batch runs nothing", () => {
  const good = part("POST", POST, { name: "never" });
  const many = (count: number) =>
    batchOf(...Array.from({ length: count }, () => part("GET", "/api/data/v9.2/WhoAmI")));
  const cases: readonly (readonly [string, string, string, RegExp])[] = [
    ["line feeds alone", batchOf(good).replaceAll("\r\n", "\n"), "b1", /Stream was not readable/],
    ["one line feed alone", batchOf(good).replace("binary\r\n", "binary\n"), "b1", /Stream was not readable/],
    ["no line end after the closing boundary", batchOf(good).trimEnd(), "b1", /Stream was not readable/],
    ["no closing boundary", batchOf(good).replace("--b1--\r\n", ""), "b1", /Stream was not readable/],
    ["another boundary", batchOf(good), "b2", /Stream was not readable/],
    [
      "GET in a change set",
      batchOf(good, changeSet("c1", part("GET", POST, undefined, "1"))),
      "b1",
      /An invalid HTTP method 'GET' was detected/,
    ],
    [
      "a Content-ID twice",
      batchOf(
        good,
        changeSet("c1", part("POST", POST, { name: "a" }, "1"), part("POST", POST, { name: "b" }, "1")),
      ),
      "b1",
      /The content ID '1' was found more than once/,
    ],
    ["no Content-ID in a change set", batchOf(changeSet("c1", good)), "b1", /Content-ID/],
    ["more than 1000 requests", many(1001), "b1", /1000/],
    [
      "no transfer encoding",
      batchOf(good.filter((line) => !line.startsWith("Content-Transfer"))),
      "b1",
      /Content-Transfer-Encoding/,
    ],
    ["no HTTP version", batchOf(good).replace(" HTTP/1.1", ""), "b1", /Stream was not readable/],
    ["another method", batchOf(good).replace("POST /api", "MERGE /api"), "b1", /'MERGE'/],
    [
      "a header of a part twice",
      batchOf(good, part("POST", POST, { name: "a" }, undefined, ["Prefer: a", "prefer: b"])),
      "b1",
      /The header 'prefer' was specified multiple times/,
    ],
    [
      "a header before a part twice",
      batchOf(["Content-Type: application/http", ...good]),
      "b1",
      /The header 'Content-Type' was specified multiple times/,
    ],
    ["nothing", "", "b1", /Stream was not readable/],
  ];
  test.each(cases)("%s", async (_what, body, boundary, text) => {
    await using wire = await openWire();
    const answer = await wire.batch(body, boundary);
    expect(answer.status).toBe(400);
    expect(answer.headers["content-type"]).toBe("application/json; odata.metadata=minimal");
    expect(answer.json.error?.message ?? answer.json.Message).toMatch(text);
    expect(await accounts(wire)).toBe("");
  });

  test("a line feed alone inside a part's JSON is refused too, unless the switch says otherwise", async () => {
    const body = batchOf(part("POST", POST, '{"name":\n"a"}'));
    await using strict = await openWire();
    expect((await strict.batch(body)).status).toBe(400);
    await using lax = await openWire({ unverified: { batchRefusesBareLineFeeds: false } });
    expect((await lax.batch(body)).status).toBe(200);
  });

  test("the library's own complaints come in the legacy frame", async () => {
    await using wire = await openWire();
    const answer = await wire.batch(batchOf(changeSet("c1", part("GET", POST, undefined, "1"))));
    expect(Object.keys(answer.json)).toEqual([
      "Message",
      "ExceptionMessage",
      "ExceptionType",
      "StackTrace",
      "ErrorCode",
    ]);
    expect(answer.json.ExceptionType).toBe("Microsoft.OData.ODataException");
  });

  test("1000 requests are allowed", async () => {
    await using wire = await openWire();
    const answer = await wire.batch(many(1000));
    expect(statuses(answer)).toHaveLength(1000);
  });

  test("a batch inside a batch is refused", async () => {
    await using wire = await openWire();
    const answer = await wire.batch(batchOf(part("POST", "/api/data/v9.2/$batch", "x")));
    expect(answer.status).toBe(404);
  });

  test("without multipart it is refused", async () => {
    await using wire = await openWire();
    const answer = await wire.call("POST", "$batch", { a: 1 });
    expect(answer.status).toBe(400);
  });
});

/** The request of a documented sample: a lead, a contact and an account that points at both (page: execute-batch-operations). */
test("replays a sample with references between three tables", async () => {
  await using wire = await openWire();
  const url = (set: string) => `${wire.root}${set}`;
  const body = crlf(
    "--batch_AAA123",
    "Content-Type: multipart/mixed; boundary=changeset_dd81",
    "",
    "--changeset_dd81",
    ...part(
      "POST",
      url("leads"),
      '{\r\n    "firstname":"first name",\r\n    "lastname":"last name"\r\n}',
      "1",
    ),
    "",
    "--changeset_dd81",
    ...part("POST", url("contacts"), { firstname: "first name" }, "2"),
    "",
    "--changeset_dd81",
    ...part(
      "POST",
      url("accounts"),
      { name: "Account", "originatingleadid@odata.bind": "$1", "primarycontactid@odata.bind": "$2" },
      "3",
    ),
    "",
    "--changeset_dd81--",
    "--batch_AAA123--",
  );
  const answer = await wire.batch(body, "batch_AAA123");
  expect([answer.status, ...statuses(answer)]).toEqual([200, 204, 204, 204]);
  const row = (await wire.call("GET", "accounts?$expand=originatingleadid,primarycontactid")).json.value[0];
  expect(row.originatingleadid.lastname).toBe("last name");
  expect(row.primarycontactid.firstname).toBe("first name");
});
