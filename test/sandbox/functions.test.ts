import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { idIn, openWire, type Wire } from "./client.ts";

const NOW = new Date("2026-03-18T12:00:00Z"); // a Wednesday
const CRM = "Microsoft.Dynamics.CRM.";
let wire: Wire & AsyncDisposable;
const ids: Record<string, string> = {};

beforeAll(async () => {
  wire = await openWire({ now: () => NOW });
  const at = (days: number, hours = 0) =>
    new Date(NOW.getTime() + days * 86_400_000 + hours * 3_600_000).toISOString();
  const rows: [string, string | undefined, Record<string, unknown>?][] = [
    ["now", at(0)],
    ["hourAgo", at(0, -1)],
    ["yesterday", at(-1)],
    ["weekAgo", at(-7)],
    ["monthAgo", "2026-02-10T00:00:00Z"],
    ["yearAgo", "2025-06-01T00:00:00Z"],
    ["tomorrow", at(1)],
    ["nextMonth", "2026-04-20T00:00:00Z"],
    ["never", undefined, { new_interests: "100000000,100000002", numberofchildren: 3, creditlimit: 10.5 }],
  ];
  for (const [lastname, new_lastpurchaseon, more] of rows) {
    await wire.call("POST", "contacts", {
      lastname,
      ...(new_lastpurchaseon ? { new_lastpurchaseon } : {}),
      ...more,
    });
  }
  let parent: string | undefined;
  for (const name of ["top", "middle", "bottom"]) {
    const bind = parent ? { "parentaccountid@odata.bind": `/accounts(${parent})` } : {};
    parent = idIn(await wire.call("POST", "accounts", { name, ...bind }));
    ids[name] = parent;
  }
  for (const [new_name, new_amount, new_quantity] of [
    ["a", 10.25, 1],
    ["a", 20.5, 2],
    ["b", 0.1, 3],
    ["b", undefined, 3],
  ] as const) {
    await wire.call("POST", "new_orders", { new_name, new_quantity, ...(new_amount ? { new_amount } : {}) });
  }
});
afterAll(() => wire[Symbol.asyncDispose]());

const find = async (filter: string) =>
  (await wire.call("GET", `contacts?$select=lastname&$filter=${filter}`)).json.value.map(
    (row: { lastname: string }) => row.lastname,
  );
const on = (name: string, value?: string | number) =>
  `${CRM}${name}(PropertyName='new_lastpurchaseon'${value === undefined ? "" : `,PropertyValue=${value}`})`;

describe("dates", () => {
  const cases: [string, string | number | undefined, string[]][] = [
    ["Today", undefined, ["now", "hourAgo"]],
    ["Yesterday", undefined, ["yesterday"]],
    ["Tomorrow", undefined, ["tomorrow"]],
    ["Last7Days", undefined, ["now", "hourAgo", "yesterday", "weekAgo"]],
    ["Next7Days", undefined, ["now", "tomorrow"]],
    ["ThisWeek", undefined, ["now", "hourAgo", "yesterday", "tomorrow"]],
    ["LastWeek", undefined, ["weekAgo"]],
    ["NextWeek", undefined, []],
    ["ThisMonth", undefined, ["now", "hourAgo", "yesterday", "weekAgo", "tomorrow"]],
    ["LastMonth", undefined, ["monthAgo"]],
    ["NextMonth", undefined, ["nextMonth"]],
    ["LastYear", undefined, ["yearAgo"]],
    ["ThisYear", undefined, ["now", "hourAgo", "yesterday", "weekAgo", "monthAgo", "tomorrow", "nextMonth"]],
    ["LastXHours", 2, ["now", "hourAgo"]],
    ["LastXDays", 1, ["now", "hourAgo", "yesterday"]],
    ["LastXDays", "'7'", ["now", "hourAgo", "yesterday", "weekAgo"]],
    ["LastXWeeks", 1, ["now", "hourAgo", "yesterday", "weekAgo"]],
    ["LastXMonths", 2, ["now", "hourAgo", "yesterday", "weekAgo", "monthAgo"]],
    ["LastXYears", 1, ["now", "hourAgo", "yesterday", "weekAgo", "monthAgo", "yearAgo"]],
    ["NextXDays", 1, ["now", "tomorrow"]],
    ["NextXMonths", 2, ["now", "tomorrow", "nextMonth"]],
    ["OlderThanXDays", 2, ["weekAgo", "monthAgo", "yearAgo"]],
    ["OlderThanXMinutes", 30, ["hourAgo", "yesterday", "weekAgo", "monthAgo", "yearAgo"]],
    ["OlderThanXYears", 1, []],
    ["On", "'2026-03-17'", ["yesterday"]],
    ["OnOrBefore", "'2026-02-10'", ["monthAgo", "yearAgo"]],
    ["OnOrAfter", "'2026-03-19'", ["tomorrow", "nextMonth"]],
  ];
  test.each(cases)("%s %s", async (name, value, expected) => {
    expect(await find(on(name, value))).toEqual(expected);
  });
});

describe("sets, ranges and people", () => {
  test.each([
    [`${CRM}In(PropertyName='lastname',PropertyValues=['NOW','never'])`, ["now", "never"]],
    [`${CRM}NotIn(PropertyName='lastname',PropertyValues=['now']) and ${on("Today")}`, ["hourAgo"]],
    [`${CRM}Between(PropertyName='numberofchildren',PropertyValues=['1','3'])`, ["never"]],
    [`${CRM}NotBetween(PropertyName='numberofchildren',PropertyValues=['1','3'])`, []],
    [`${CRM}Between(PropertyName='creditlimit',PropertyValues=['9.5','10.5'])`, ["never"]],
    [`${CRM}ContainValues(PropertyName='new_interests',PropertyValues=['100000002'])`, ["never"]],
    [`${CRM}ContainValues(PropertyName=@p,PropertyValues=@v)&@p='new_interests'&@v=['100000001']`, []],
    [`${CRM}EqualUserId(PropertyName='ownerid') and lastname eq 'now'`, ["now"]],
    [`${CRM}NotEqualUserId(PropertyName='ownerid')`, []],
    [`${CRM}EqualBusinessId(PropertyName='owningbusinessunit') and lastname eq 'now'`, ["now"]],
  ])("%s", async (filter, expected) => {
    expect(await find(filter)).toEqual(expected);
  });

  test.each([
    ["Above", ["top"]],
    ["AboveOrEqual", ["top", "middle"]],
    ["Under", ["bottom"]],
    ["UnderOrEqual", ["middle", "bottom"]],
    ["NotUnder", ["top", "middle"]],
  ])("%s in a hierarchy", async (name, expected) => {
    const filter = `${CRM}${name}(PropertyName='accountid',PropertyValue='${ids.middle}')`;
    const { json } = await wire.call("GET", `accounts?$select=name&$filter=${filter}`);
    expect(json.value.map((row: { name: string }) => row.name)).toEqual(expected);
  });

  test.each([
    `${CRM}NoSuch(PropertyName='lastname')`,
    `${CRM}constructor(PropertyName='lastname')`,
    `${CRM}LastXFiscalYears(PropertyName='new_lastpurchaseon',PropertyValue=1)`,
    `${CRM}Today(PropertyName='lastname')`,
    `${CRM}Today(PropertyName='nosuch')`,
    `${CRM}Today()`,
    on("LastXDays"),
    on("LastXDays", "'x'"),
    on("LastXDays", -1),
    on("On", "'x'"),
    `${CRM}Between(PropertyName='numberofchildren',PropertyValues=['1'])`,
    `${CRM}Between(PropertyName='numberofchildren',PropertyValues=['a','b'])`,
    `${CRM}ContainValues(PropertyName='lastname',PropertyValues=['1'])`,
    `${CRM}Under(PropertyName='lastname',PropertyValue='x')`,
  ])("%s is refused", async (filter) => {
    expect((await wire.call("GET", `contacts?$filter=${filter}`)).status).toBe(400);
  });
});

describe("$apply", () => {
  const apply = async (expression: string, set = "new_orders") =>
    wire.call("GET", `${set}?$apply=${expression}`);

  test.each([
    ["aggregate($count as n)", [{ n: 4 }]],
    [
      "aggregate(new_amount with sum as total,new_amount with average as mean)",
      [{ total: 30.85, mean: 10.2833333333 }],
    ],
    ["groupby((new_name))", [{ new_name: "a" }, { new_name: "b" }]],
    [
      "groupby((new_name),aggregate(new_quantity with max as most,new_quantity with min as least,$count as n))",
      [
        { new_name: "a", most: 2, least: 1, n: 2 },
        { new_name: "b", most: 3, least: 3, n: 2 },
      ],
    ],
    ["aggregate(new_quantity with countdistinct as kinds)", [{ kinds: 3 }]],
    ["filter(new_name eq 'b')/aggregate(new_amount with sum as total)", [{ total: 0.1 }]],
    [
      "filter(new_name eq 'zzz')/aggregate($count as n,new_amount with sum as total)",
      [{ n: 0, total: null }],
    ],
    [
      "filter(new_quantity gt 1)/groupby((new_quantity),aggregate($count as n))",
      [
        { new_quantity: 2, n: 1 },
        { new_quantity: 3, n: 2 },
      ],
    ],
  ])("%s", async (expression, expected) => {
    expect((await apply(expression)).json.value).toEqual(expected);
  });

  test.each([
    "",
    "aggregate(new_name with sum as x)",
    "aggregate(new_amount with median as x)",
    "aggregate(nosuch with sum as x)",
    "aggregate(new_amount)",
    "groupby((new_AccountId/name))",
    "groupby(new_name)",
    "top(3)",
    "groupby((new_name))/aggregate($count as n)",
    "aggregate($count as n)&$top=1",
  ])("'%s' is refused", async (expression) => {
    expect((await apply(expression)).status).toBe(400);
  });
});
