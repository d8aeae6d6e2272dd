/** Texts made of columns by Liquid: parsed once, checked before anything runs, rendered row by row. */
import { expect, test } from "vitest";
import { DEFAULT_RULES } from "../../src/core/spec.ts";
import { parseTemplate } from "../../src/core/template.ts";
import { runSync } from "../../src/sync/run.ts";
import { inDuckdb, preparedOn, syncSpec, temporaryFolder } from "../support/project.ts";
import {
  added,
  changed,
  columnsOf,
  type MappingInput,
  openBench,
  running,
  syncOf,
  tallied,
  write,
} from "./support/bench.ts";
import { refusalOf } from "./support/refusal.ts";

const template = (text: string) => ({ source: { template: text } });
const people: MappingInput = {
  columns: {
    number: "text",
    title: "text",
    age: "integer",
    credit: "decimal",
    vip: "boolean",
    account: "text",
  },
  match: { new_customerid: "number" },
  fields: {
    jobtitle: template("{{ title | capitalize }}"),
    description: template(
      "{% if vip %}VIP {% endif %}{{ number }}: {{ credit }}{% if age >= 18 %}, adult{% endif %}",
    ),
  },
};
const compile = (bench: Awaited<ReturnType<typeof openBench>>, input: MappingInput) =>
  bench.destination.compile({ ...syncOf(input), rules: DEFAULT_RULES }, columnsOf(input), running());

test("a template's text is written, exact digits and all; empty text clears; only what changed travels", async () => {
  await using bench = await openBench();
  const compiled = await compile(bench, people);
  const rows = [
    ["A", "head of sales", "9", "12345678901234567.10", "true", null],
    ["B", null, "18", "0.5", "false", null],
  ];
  expect(tallied(await write(compiled, added(rows)))).toEqual({ applied: 2 });
  const stored = await bench.stored("contact", "new_customerid");
  expect(stored.get("A")).toMatchObject({
    jobtitle: "Head of sales",
    description: "VIP A: 12345678901234567.10",
  });
  expect(stored.get("B")).toMatchObject({ jobtitle: null, description: "B: 0.5, adult" });
  // The column changes, the text does not: nothing is sent.
  const same = changed(rows[1]!, ["B", null, "44", "0.5", "false", null]);
  const other = changed(rows[0]!, ["A", "Head of sales", "9", "1", "true", null], { seq: 2 });
  const result = await write(compiled, [same, other]);
  expect(result.outcomes.get(1)?.status).toBe("unchanged");
  expect(result.planned[1]).toMatchObject({
    operation: {
      fields: [{ field: "description", json: '"VIP A: 1"', before: '"VIP A: 12345678901234567.10"' }],
    },
  });
  const { redundant, refusals } = await bench.counters();
  expect([redundant, refusals]).toEqual([{}, {}]);
});

test("any column of the destination takes one: a number, a choice, a parent; limits hold", async () => {
  await using bench = await openBench();
  await bench.seed("account", [{ accountnumber: "DE-7", name: "Seven" }]);
  const input: MappingInput = {
    ...people,
    fields: {
      new_score: template("{{ age | times: 2 }}"),
      preferredcontactmethodcode: template("{% if vip %}Phone{% else %}Email{% endif %}"),
      parentcustomerid: {
        ...template("DE-{{ account }}"),
        lookup: { object: "account", by: "accountnumber", whenMissing: "reject" },
      },
      jobtitle: template("{{ title }}{{ title }}"),
    },
  };
  const compiled = await compile(bench, input);
  const result = await write(
    compiled,
    added([
      ["A", "x", "21", null, "true", "7"],
      ["B", "y".repeat(60), "21", null, "true", "7"],
      ["C", "z", "21", null, "false", "8"],
    ]),
  );
  expect(tallied(result)).toEqual({ applied: 1, rejected: 2 });
  const record = (await bench.stored("contact", "new_customerid")).get("A");
  expect(record).toMatchObject({ new_score: "42", jobtitle: "xx", parentcustomerid: { table: "account" } });
  const codes = [2, 3].map((seq) => {
    const outcome = result.outcomes.get(seq);
    return outcome?.status === "rejected" ? outcome.problem.code : outcome?.status;
  });
  expect(codes).toEqual(["value.too_long", "lookup.missing"]);
  expect(
    compiled.limits
      ?.filter(({ code }) => code === "value.template")
      .map(({ field, test: { kind } }) => [field, kind]),
  ).toEqual([
    ["new_score", "elsewhere"],
    ["preferredcontactmethodcode", "elsewhere"],
    ["parentcustomerid", "elsewhere"],
    ["jobtitle", "elsewhere"],
  ]);
});

test("the fingerprint is the template's, and the columns are those that it names", async () => {
  await using bench = await openBench();
  const fieldsOf = async (text: string) => {
    const { fields } = await compile(bench, { ...people, fields: { jobtitle: template(text) } });
    return fields[0]!;
  };
  const one = await fieldsOf("{% assign first = title %}{{ first }} {{ number }}");
  expect(one.columns).toEqual([1, 0]);
  expect((await fieldsOf("{{ title }}")).fingerprint).not.toBe(one.fingerprint);
});

test("a row for which it fails is rejected alone", async () => {
  await using bench = await openBench();
  const fields = { jobtitle: template("{% for i in (1..age) %}xxxxxxxxxx{% endfor %}") };
  const compiled = await compile(bench, { ...people, fields });
  const result = await write(
    compiled,
    added([
      ["A", "", "3", null, null, null],
      ["B", "", "999999999", null, null, null],
    ]),
  );
  expect(tallied(result)).toEqual({ applied: 1, rejected: 1 });
  expect(result.outcomes.get(2)).toMatchObject({
    problem: {
      code: "value.template",
      message: "jobtitle: the template fails for this row: memory alloc limit exceeded.",
    },
  });
});

test.each([
  ["{{ title ", 'output "{{ title " not closed (line 1, column 1 of the template)'],
  ["a\n{{ title | capitalise }}", "undefined filter: capitalise (line 2, column 1 of the template)"],
  ["{% include 'secrets' %}", 'tag "include" not found (line 1, column 1 of the template)'],
  ["{% render 'secrets' %}", 'tag "render" not found (line 1, column 1 of the template)'],
])("%j is refused before anything runs, with its place", async (text, why) => {
  using folder = temporaryFolder();
  await using bench = await openBench();
  await inDuckdb(`${folder.path}/warehouse.duckdb`, "SELECT 1");
  const sync = syncSpec({
    match: [{ field: "new_customerid", column: "id" }],
    fields: [{ field: "jobtitle", whenNull: "clear", ...template(text) }],
    place: (...path) => ({ file: path.join(".") }),
  });
  const preparing = preparedOn({
    folder: folder.path,
    query: "SELECT 'A' AS id, 'x' AS title",
    primaryKey: ["id"],
    sync,
    destination: bench.destination,
  });
  const { problems } = await refusalOf(preparing);
  expect(problems.map(({ code, message, place }) => [code, message, place?.file])).toEqual([
    [
      "mapping.bad_template",
      `The template of 'jobtitle' cannot be read: ${why}.`,
      "fields.jobtitle.template",
    ],
  ]);
});

test("a column that the model does not have is named at the template; a run writes the text and a second one nothing", async () => {
  using folder = temporaryFolder();
  await using bench = await openBench();
  await inDuckdb(`${folder.path}/warehouse.duckdb`, "SELECT 1");
  const prepare = (text: string) =>
    preparedOn({
      folder: folder.path,
      query: "SELECT 'A' AS id, 'boss' AS title",
      primaryKey: ["id"],
      sync: syncSpec({
        match: [{ field: "new_customerid", column: "id" }],
        fields: [{ field: "jobtitle", whenNull: "clear", ...template(text) }],
        place: (...path) => ({ file: path.join(".") }),
      }),
      destination: bench.destination,
    });
  const { problems } = await refusalOf(prepare("{{ titl | upcase }}"));
  expect(problems).toMatchObject([
    {
      code: "model.unknown_column",
      remedy: 'Did you mean "title"?',
      place: { file: "fields.jobtitle.template" },
    },
  ]);
  const signal = running();
  const prepared = await prepare("{{ title | upcase }}");
  expect(await runSync(prepared, { signal })).toMatchObject({ applied: 1 });
  expect(await runSync(prepared, { signal })).toMatchObject({ applied: 0, requests: { writes: 0 } });
  const other = await prepare("The {{ title }}");
  expect(await runSync(other, { signal })).toMatchObject({ applied: 1, requests: { writes: 1 } });
  expect((await bench.stored("contact", "new_customerid")).get("A")).toMatchObject({ jobtitle: "The boss" });
});

test("nothing of the machine is within reach, and times are in UTC", () => {
  const render = (text: string, value: string) => {
    const parsed = parseTemplate(text);
    return "why" in parsed ? parsed : parsed.render(parsed.columns.map(() => [value, "text"] as const));
  };
  expect(render("{{ at | date: '%H:%M' }}", "2024-05-31T23:30:00Z")).toEqual({ text: "23:30" });
  expect(render("{{ a.constructor }}{{ a.length }}{{ process.env }}", "x")).toEqual({ text: "1" });
});
