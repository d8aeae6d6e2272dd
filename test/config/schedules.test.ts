import { expect, test } from "vitest";
import { edit, problemsOf } from "./project.ts";

const sync = (schedule: string) =>
  edit("models/customers.yml", "mode: upsert", `mode: upsert\n    schedule: ${schedule}`);

test.each([
  ['{ cron: "61 * * * *" }', "config.wrong_value", /"cron" should be a cron line/],
  ['{ cron: "0 0 30 2 *" }', "config.wrong_value", /"cron" should be a cron line/],
  ['{ cron: "* * * * * *" }', "config.wrong_value", /"cron" should be a cron line/],
  ['{ cron: "* * * * *", timezone: Europe/Berlim }', "config.wrong_value", /IANA time zone/],
  ["{ jitter: 5m }", "config.missing_key", /One of "?cron"? or "?after"? is missing/],
  ['{ cron: "* * * * *", quiet: ["25:00-26:00"] }', "config.wrong_value", /22:00-06:00/],
  ['{ cron: "* * * * *", jitter: soon }', "config.wrong_value", /30s, 5m, 2h or 1d/],
  ['{ cron: "* * * * *", quiet: ["07:00-07:00"] }', "config.conflict", /nothing would ever run/],
  [
    '{ cron: "* * * * *", quiet: ["Mon-Fri 00:00-24:00", "Fri-Sun 20:00-20:00"] }',
    "config.conflict",
    /ever run/,
  ],
  ["{ after: [nobody] }", "config.unknown_name", /There is no sync "nobody"/],
  ["{ after: [customers_to_contacts] }", "config.conflict", /wait for each other/],
])("%s", async (schedule, code, message) => {
  const problems = await problemsOf(sync(schedule));
  expect(problems.map((problem) => problem.code)).toEqual([code]);
  expect(problems[0]!.message + (problems[0]!.remedy ?? "")).toMatch(message);
  expect(problems[0]!.place).toMatchObject({ file: "models/customers.yml", line: expect.any(Number) });
});

test.each([
  ['[{ type: slack, url: "https://hooks.slack.com/x" }]', "config.literal_secret"],
  ['[{ type: pager, url: "${env:X}" }]', "config.wrong_value"],
  ['[{ type: slack, url: "${env:X}", syncs: [nobody] }]', "config.unknown_name"],
  ["[{ type: dataverse, destination: nowhere, object: x, fields: { a: text } }]", "config.unknown_name"],
  ['[{ type: slack, url: "${env:X}", when: { rejected: 200 } }]', "config.wrong_type"],
])("alerts: %s", async (alerts, code) => {
  const files = edit("backhaul.yml", "project: acme", `project: acme\nalerts: ${alerts}`);
  expect((await problemsOf(files)).map((problem) => problem.code)).toEqual([code]);
});
