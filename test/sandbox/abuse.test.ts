import { describe, expect, test } from "vitest";
import { isLike } from "../../src/sandbox/scan.ts";
import { type Answer, crlf, openWire, part, type Wire } from "./client.ts";

/**
 * Requests that are meant to be slow. No clock is read: each of them took minutes when its reader went back and
 * forth over the text, and the test's own limit would have ended it.
 */
const CRM = "Microsoft.Dynamics.CRM.";
const said = (answer: Answer) => [answer.status, answer.json?.error?.code];

describe("text that is long on purpose", () => {
  test.each([
    ["names without a value", `${"a".repeat(90_000)}!`],
    ["quotes that do not close", 'a="'.repeat(30_000)],
    ["commas", ",".repeat(90_000)],
    ["parameters", "a;".repeat(45_000)],
  ])("a Prefer header of %s", async (_name, prefer) => {
    await using wire = await openWire();
    expect((await wire.call("GET", "WhoAmI", undefined, { Prefer: prefer })).status).toBe(200);
  });

  test("a Prefer header in a batch part, where no length is set", async () => {
    await using wire = await openWire();
    const long = part("GET", "accounts", undefined, undefined, [`Prefer: ${'a="'.repeat(700_000)}`]);
    expect((await wire.batch(crlf("--b1", ...long, "--b1--"))).status).toBe(200);
  });

  test("a content type with many parameters", async () => {
    await using wire = await openWire();
    const type = `multipart/mixed${"; boundary".repeat(9000)}`;
    expect((await wire.call("POST", "$batch", "x", { "Content-Type": type })).status).toBe(400);
    const nested = `Content-Type: multipart/mixed${";boundary=a".repeat(200_000)}\u2028`;
    expect((await wire.batch(crlf("--b1", nested, "", "--b1--"))).status).toBe(400);
  });

  test("empty lines before the body of a batch part", async () => {
    await using wire = await openWire();
    const text = crlf("--b1", ...part("POST", "accounts", `${"\r\n".repeat(300_000)}{"name":"a"}`), "--b1--");
    expect((await wire.batch(text)).status).toBe(200);
  });
});

describe("LIKE", () => {
  test.each([
    ["abc", "abc", true],
    ["abc", "ab", false],
    ["abc", "a%", true],
    ["abc", "%c", true],
    ["abc", "%b%", true],
    ["abc", "a_c", true],
    ["abc", "_", false],
    ["abc", "%_b_%", true],
    ["abc", "%%", true],
    ["ab", "ab%ab", false],
    ["aXbXb", "a%b", true],
    ["", "%", true],
    ["", "", true],
    ["abcabd", "%ab_", true],
    ["a.c", "a.c", true],
    ["axc", "a.c", false],
  ])("'%s' like '%s' is %s", (text, pattern, expected) => {
    expect(isLike(text, pattern)).toBe(expected);
  });

  const job = (pattern: string) => ({
    QuerySet: [
      {
        EntityName: "account",
        Criteria: {
          FilterOperator: "And",
          Conditions: [{ AttributeName: "description", Operator: "Like", Values: [pattern] }],
        },
      },
    ],
    JobName: "purge",
    SendEmailNotification: false,
    ToRecipients: [],
    CCRecipients: [],
    RecurrencePattern: "",
    StartDateTime: "2024-11-26T10:00:00Z",
    RunNow: true,
  });
  const finished = async (wire: Wire, id: string): Promise<void> => {
    const state = await wire.call("GET", `asyncoperations(${id})?$select=statecode`);
    if (state.json.statecode !== 3) await finished(wire, id);
  };

  test("many wildcards over a long text, in a job and in the query of a list", async () => {
    await using wire = await openWire();
    await wire.call("POST", "accounts", { name: "kept", description: "a".repeat(2000) });
    await wire.call("POST", "accounts", { name: "gone", description: `${"a".repeat(1000)}b` });
    const pattern = `${"%a".repeat(20)}b`;
    const made = await wire.call("POST", "BulkDelete", job(pattern));
    expect(made.status).toBe(200);
    await finished(wire, made.json.JobId);
    expect(
      (await wire.call("GET", "accounts?$select=name")).json.value.map((row: { name: string }) => row.name),
    ).toEqual(["kept"]);
    const query = `<fetch><entity name="account"><filter><condition attribute="description" operator="like" value="${pattern}"/></filter></entity></fetch>`;
    const list = await wire.call(
      "POST",
      "lists",
      { listname: "L", createdfromcode: 1, type: true, query },
      { Prefer: "return=representation" },
    );
    const copied = await wire.call("POST", `lists(${list.json.listid})/${CRM}CopyDynamicListToStatic`, {});
    expect(copied.status).toBe(200);
  });

  test("a pattern longer than the database takes is refused before a job is made", async () => {
    await using wire = await openWire();
    expect(said(await wire.call("POST", "BulkDelete", job("a".repeat(4001))))).toEqual([400, "0x80040203"]);
    expect((await wire.call("GET", "asyncoperations")).json.value).toEqual([]);
  });
});
