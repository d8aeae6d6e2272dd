import { describe, expect, test } from "vitest";
import { batchReply, batchRequest } from "../../connectors/dataverse/sender/batch.ts";
import { boundaryOf } from "../../connectors/dataverse/sender/multipart.ts";
import { errorOf, verdictOf } from "../../connectors/dataverse/sender/problems.ts";
import type { Reply } from "../../src/http/answer.ts";

const reply = (body: string, type = "multipart/mixed; boundary=batchresponse_1", status = 200): Reply => ({
  kind: "reply",
  status,
  headers: { "content-type": type },
  body,
});

const crlf = (...lines: string[]) => lines.join("\r\n");

test("a request has CRLF to its last byte", () => {
  const { body, headers } = batchRequest([
    { method: "GET", path: "/api/data/v9.2/WhoAmI" },
    {
      method: "PATCH",
      path: "/api/data/v9.2/contacts(k='1')",
      headers: { "If-Match": "*" },
      body: '{"a":1}',
    },
  ]);
  expect(headers["content-type"]).toBe('multipart/mixed; boundary="batch_backhaul"');
  expect(body.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
  expect(body).toBe(
    crlf(
      "--batch_backhaul",
      "Content-Type: application/http",
      "Content-Transfer-Encoding: binary",
      "",
      "GET /api/data/v9.2/WhoAmI HTTP/1.1",
      "Accept: application/json",
      "",
      "",
      "--batch_backhaul",
      "Content-Type: application/http",
      "Content-Transfer-Encoding: binary",
      "",
      "PATCH /api/data/v9.2/contacts(k='1') HTTP/1.1",
      "Accept: application/json",
      "Content-Type: application/json; type=entry",
      "If-Match: *",
      "",
      '{"a":1}',
      "--batch_backhaul--",
      "",
    ),
  );
});

const OK = crlf(
  "--batchresponse_1",
  "Content-Type: application/http",
  "Content-Transfer-Encoding: binary",
  "",
  "HTTP/1.1 204 No Content",
  "OData-Version: 4.0",
  "OData-EntityId: https://contoso.example/api/data/v9.2/contacts(0a4ce4d6-5a54-4c2e-8a2e-6f6b31f22222)",
  "",
  "",
  "",
);
const failed = (status: string, body: string) =>
  crlf(
    "--batchresponse_1",
    "Content-Type: application/http",
    "Content-Transfer-Encoding: binary",
    "",
    `HTTP/1.1 ${status}`,
    "REQ_ID: 5ecd1cb3-1730-4ffc-909c-d44c22270026",
    "Content-Type: application/json; odata.metadata=minimal",
    "",
    body,
    "",
  );

describe("a reply", () => {
  test("has one part for each request, in order", () => {
    const standard = '{"error":{"code":"0x80040217","message":"contact With Id = x Does Not Exist"}}';
    const legacy = '{"Message":"too many","ExceptionType":"x","ErrorCode":"0x80072322"}';
    const parts = batchReply(
      reply(
        `${OK}${failed("404 Not Found", standard)}${failed("429 Unknown Status Code", legacy)}--batchresponse_1--\r\n`,
      ),
    );
    expect(parts.map(({ status }) => status)).toEqual([204, 404, 429]);
    expect(parts[0]?.headers["odata-entityid"]).toContain("contacts(0a4ce4d6");
    expect(errorOf(parts[1] as Reply)).toEqual({
      code: "0x80040217",
      message: "contact With Id = x Does Not Exist",
    });
    expect(verdictOf(parts[2] as Reply).fault).toBe("throttled");
  });

  test("holds values that look like a boundary", () => {
    const tricky =
      '{"error":{"code":"0x80040265","message":"--batchresponse_1 is no end, --batchresponse_12 neither"}}';
    const parts = batchReply(reply(`${failed("400 Bad Request", tricky)}--batchresponse_1--`));
    expect(parts).toHaveLength(1);
    expect(errorOf(parts[0] as Reply).message).toContain("is no end");
  });

  test("that was cut off gives the parts that are whole", () => {
    expect(batchReply(reply(`${OK}${OK.slice(0, 120)}`))).toHaveLength(1);
    expect(batchReply(reply(""))).toEqual([]);
  });

  test("that is plain JSON has no parts, whatever its status", () => {
    expect(
      batchReply(reply('{"error":{"code":"0x80048d19","message":"x"}}', "application/json", 400)),
    ).toEqual([]);
    expect(batchReply(reply(OK, "application/json"))).toEqual([]);
  });

  test("counts an unreadable part as a fault, never as success", () => {
    const odd = crlf("--batchresponse_1", "Content-Type: text/plain", "", "fine!", "--batchresponse_1--", "");
    expect(batchReply(reply(odd)).map(({ status }) => status)).toEqual([500]);
    const noStatus = crlf(
      "--batchresponse_1",
      "Content-Type: application/http",
      "",
      "OK",
      "--batchresponse_1--",
      "",
    );
    expect(batchReply(reply(noStatus)).map(({ status }) => status)).toEqual([500]);
  });
});

test.each([
  ['multipart/mixed; boundary="a b"', "a b"],
  ["multipart/mixed;boundary=abc; charset=utf-8", "abc"],
  ["Multipart/Mixed; BOUNDARY=abc", "abc"],
  ["application/json; boundary=abc", null],
])("boundary of %s", (type, expected) => expect(boundaryOf(type)).toBe(expected));
