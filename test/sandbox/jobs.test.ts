import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { ID, openWire, type Wire } from "./client.ts";

const job = (Criteria: unknown, more: Record<string, unknown> = {}, EntityName = "contact") => ({
  QuerySet: [{ EntityName, Criteria }],
  JobName: "purge",
  SendEmailNotification: false,
  ToRecipients: [],
  CCRecipients: [],
  RecurrencePattern: "",
  StartDateTime: "2024-11-26T10:00:00Z",
  RunNow: false,
  ...more,
});
const condition = (AttributeName: string, Operator: string, ...values: unknown[]) => ({
  AttributeName,
  Operator,
  Values: values.map((Value) => ({ Type: "System.String", Value })),
});
const and = (...Conditions: unknown[]) => ({ FilterOperator: "And", Conditions, Filters: [] });

async function seeded(): Promise<Wire & AsyncDisposable> {
  const wire = await openWire();
  const rows = Array.from({ length: 6 }, (_, at) => ({
    lastname: `Ray ${at}`,
    numberofchildren: at,
    creditlimit: `${at}.5`,
    birthdate: `199${at}-05-01`,
    donotemail: at % 2 === 0,
    ...(at > 3 ? { firstname: "Ann" } : {}),
  }));
  await wire.admin("POST", "seed", { table: "contact", rows });
  return wire;
}

async function finished(wire: Wire, id: string) {
  for (;;) {
    const { json } = await wire.call(
      "GET",
      `asyncoperations(${id})?$select=statecode,statuscode,operationtype`,
    );
    if (json.statecode === 3) return json;
    await sleep(5);
  }
}
const left = async (wire: Wire): Promise<number[]> =>
  (await wire.call("GET", "contacts?$select=numberofchildren")).json.value.map(
    (row: { numberofchildren: number }) => row.numberofchildren,
  );

test("a job answers at once, deletes afterwards, and says so in its row", async () => {
  await using wire = await seeded();
  const answer = await wire.call("POST", "BulkDelete", job(and(condition("firstname", "Equal", "ann"))));
  expect([answer.status, answer.json["@odata.context"]]).toEqual([
    200,
    `${wire.root}$metadata#Microsoft.Dynamics.CRM.BulkDeleteResponse`,
  ]);
  expect(answer.json.JobId).toMatch(ID);
  expect(await finished(wire, answer.json.JobId)).toMatchObject({ statuscode: 30, operationtype: 13 });
  expect(await left(wire)).toEqual([0, 1, 2, 3]);
  const filter = `_asyncoperationid_value eq ${answer.json.JobId}`;
  const { json } = await wire.call("GET", `bulkdeleteoperations?$filter=${filter}`);
  expect(json.value).toMatchObject([{ name: "purge", successcount: 2, failurecount: 0 }]);
});

describe("criteria", () => {
  const cases: readonly [string, unknown, readonly number[]][] = [
    ["none", undefined, []],
    ["NotEqual", and(condition("lastname", "NotEqual", "ray 1")), [1]],
    ["GreaterThan", and(condition("numberofchildren", "GreaterThan", "3")), [0, 1, 2, 3]],
    ["LessEqual on an amount", and(condition("creditlimit", "LessEqual", "1.5")), [2, 3, 4, 5]],
    ["Null", and(condition("firstname", "Null")), [4, 5]],
    ["NotNull", and(condition("firstname", "NotNull")), [0, 1, 2, 3]],
    ["In", and(condition("numberofchildren", "In", "1", "2")), [0, 3, 4, 5]],
    ["NotIn", and(condition("numberofchildren", "NotIn", "1", "2")), [1, 2]],
    ["Between", and(condition("numberofchildren", "Between", "1", "4")), [0, 5]],
    ["NotBetween", and(condition("numberofchildren", "NotBetween", "1", "4")), [1, 2, 3, 4]],
    ["Like", and(condition("lastname", "Like", "%y 5")), [0, 1, 2, 3, 4]],
    ["BeginsWith", and(condition("lastname", "BeginsWith", "x")), [0, 1, 2, 3, 4, 5]],
    ["OnOrAfter", and(condition("birthdate", "OnOrAfter", "1993-05-01")), [0, 1, 2]],
    ["a boolean", and(condition("donotemail", "Equal", "1")), [1, 3, 5]],
    [
      "Or and nesting",
      {
        FilterOperator: "Or",
        Conditions: [condition("numberofchildren", "Equal", 0)],
        Filters: [and(condition("donotemail", "Equal", false), condition("numberofchildren", "LessThan", 4))],
      },
      [2, 4, 5],
    ],
  ];
  test.each(cases)("%s", async (_name, criteria, expected) => {
    await using wire = await seeded();
    const { json } = await wire.call("POST", "BulkDelete", job(criteria));
    await finished(wire, json.JobId);
    expect(await left(wire)).toEqual(expected);
  });

  test("what cannot be read is refused before a job exists", async () => {
    await using wire = await seeded();
    for (const criteria of [
      and(condition("nosuch", "Equal", "1")),
      and(condition("lastname", "Sounds", "1")),
      and(condition("lastname", "constructor", "1")),
      and(condition("lastname", "Equal")),
      { FilterOperator: "Xor" },
      { Conditions: 1 },
      and(1),
      and({ AttributeName: "lastname" }),
      and(condition("birthdate", "On", "yesterday")),
    ]) {
      expect((await wire.call("POST", "BulkDelete", job(criteria))).status).toBe(400);
    }
    expect((await wire.call("POST", "BulkDelete", job(undefined, {}, "nosuch"))).status).toBe(400);
    expect((await wire.call("POST", "BulkDelete", job(undefined, { JobName: 1 }))).status).toBe(400);
    expect((await wire.call("GET", "asyncoperations")).json.value).toEqual([]);
  });
});

test("rows that something holds on to stay, and the job says that it failed", async () => {
  await using wire = await openWire();
  const seed = async (table: string, rows: unknown[]) =>
    (await wire.admin("POST", "seed", { table, rows })).json.ids as string[];
  const [held = ""] = await seed("account", [{ name: "held" }, { name: "free" }]);
  await seed("new_orderline", [{ new_accountid: { table: "account", id: held } }]);
  const { json } = await wire.call("POST", "BulkDelete", job(undefined, {}, "account"));
  expect((await finished(wire, json.JobId)).statuscode).toBe(31);
  const { json: detail } = await wire.call("GET", "bulkdeleteoperations");
  expect(detail.value).toMatchObject([{ successcount: 1, failurecount: 1 }]);
  expect((await wire.call("GET", "accounts?$select=name")).json.value).toMatchObject([{ name: "held" }]);
});

test("a job for later waits", async () => {
  await using wire = await seeded();
  const later = job(undefined, { StartDateTime: "2999-01-01T00:00:00Z" });
  const { json } = await wire.call("POST", "BulkDelete", later);
  await sleep(30);
  const row = (await wire.call("GET", `asyncoperations(${json.JobId})`)).json;
  expect([row.statecode, row.statuscode, row.postponeuntil]).toEqual([1, 10, "2999-01-01T00:00:00Z"]);
  expect(await left(wire)).toHaveLength(6);
});
