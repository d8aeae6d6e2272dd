import { expect, test } from "vitest";
import { EXPECTED_REJECTIONS, type ExpectedRejection } from "../../models/company.ts";
import type { RunRecord } from "../../models/demo/records.ts";
import * as verify from "../../models/demo/verify.ts";
import { noOperations } from "../../src/core/change.ts";
import type { SyncPlan } from "../../src/sync/report.ts";

const REJECTS = EXPECTED_REJECTIONS.filter(({ sync }) => sync === "contacts").map(({ key, code }) => ({
  run: "r1",
  key: [key],
  code,
}));

const RUN: RunRecord = {
  run: "r1",
  rows: 100 + REJECTS.length,
  applied: 100,
  deferred: 0,
  seconds: 1,
  rejected: REJECTS.length,
  requests: { reads: 1, writes: 1 },
  rejects: REJECTS,
};

const rejections = (
  rejects: RunRecord["rejects"],
  expected: readonly ExpectedRejection[] = EXPECTED_REJECTIONS,
) => verify.rejectionDifferences("first", "contacts", expected, { ...RUN, rejects });

test("the expected rejections are no difference, in any order", () => {
  expect(rejections([...REJECTS].reverse())).toEqual([]);
});

test("a rejection that is missing, one too many, and one for another reason are differences", () => {
  expect(rejections(REJECTS.slice(1))).toHaveLength(1);
  expect(rejections([...REJECTS, { run: "r1", key: ["C-000001"], code: "value.too_long" }])).toHaveLength(1);
  expect(rejections([{ ...REJECTS[0]!, code: "value.out_of_range" }, ...REJECTS.slice(1)])).toHaveLength(2);
});

test("one copy of a double key alone is a difference", () => {
  const copy = REJECTS.findIndex(({ code }) => code === "key.double");
  expect(rejections(REJECTS.filter((_, i) => i !== copy))).toHaveLength(1);
});

test("a row that did not land is a difference", () => {
  expect(verify.landedDifferences("contacts", RUN)).toEqual([]);
  expect(verify.landedDifferences("contacts", { ...RUN, applied: 99 })).toHaveLength(1);
  expect(verify.landedDifferences("contacts", { ...RUN, deferred: 1 })).toHaveLength(1);
});

const CHANGED = new Map([
  ["C-1", new Set(["jobtitle"])],
  ["C-2", new Set(["jobtitle", "birthdate"])],
]);
const PLAN = {
  sync: "contacts",
  operations: { ...noOperations(), update: 2 },
  fields: { jobtitle: 2, birthdate: 1 },
} as unknown as SyncPlan;

test("a plan with other fields, other rows or new records is a difference", () => {
  const differences = (plan: Partial<SyncPlan>) => verify.planDifferences({ ...PLAN, ...plan }, CHANGED);
  expect(differences({})).toEqual([]);
  expect(differences({ fields: { jobtitle: 2 } })).toHaveLength(1);
  expect(differences({ fields: { jobtitle: 2, birthdate: 1, firstname: 1 } })).toHaveLength(1);
  expect(differences({ operations: { ...noOperations(), update: 3 } })).toHaveLength(1);
  expect(differences({ operations: { ...noOperations(), update: 2, upsert: 1 } })).toHaveLength(1);
});

test("a run that does other than its plan said is a difference", () => {
  const plan = {
    sync: "contacts",
    operations: { ...noOperations(), upsert: 100 },
    rejections: { total: REJECTS.length, byCode: {}, listed: [] },
  } as unknown as SyncPlan;
  expect(verify.predictionDifferences(plan, RUN)).toEqual([]);
  expect(verify.predictionDifferences(plan, { ...RUN, applied: 99 })).toHaveLength(1);
  expect(verify.predictionDifferences(plan, { ...RUN, rejected: 99 })).toHaveLength(1);
});

test("a second run that wrote other rows, and a last plan with something left, are differences", () => {
  expect(verify.writtenDifferences("contacts", { ...RUN, applied: 2 }, CHANGED)).toEqual([]);
  expect(verify.writtenDifferences("contacts", { ...RUN, applied: 3 }, CHANGED)).toHaveLength(1);
  expect(verify.leftoverDifferences(PLAN)).toHaveLength(1);
  expect(verify.leftoverDifferences({ ...PLAN, operations: noOperations() })).toEqual([]);
});

test("a field, a row or a record that the CRM was sent beyond the changed ones, or not sent, is a difference", () => {
  const differences = (...sent: (readonly [string, readonly string[]])[]) =>
    verify.receivedDifferences(
      "contacts",
      new Map(sent.map(([key, fields]) => [key, new Set(fields)])),
      CHANGED,
    );
  const [one, two] = [["C-1", ["jobtitle"]] as const, ["C-2", ["birthdate", "jobtitle"]] as const];
  expect(differences(one, two)).toEqual([]);
  expect(differences(one)).toHaveLength(1);
  expect(differences(one, ["C-2", ["jobtitle"]])).toHaveLength(1);
  expect(differences(["C-1", ["jobtitle", "firstname"]], two)).toHaveLength(1);
  expect(differences(one, two, ["C-3", ["firstname"]])).toHaveLength(1);
});

test("a member who is missing, or one too many, is a difference", () => {
  const due = new Set(["C-1", "C-2"]);
  expect(verify.memberDifferences("then", new Set(["C-2", "C-1"]), due)).toEqual([]);
  expect(verify.memberDifferences("then", new Set(["C-1"]), due)).toHaveLength(1);
  expect(verify.memberDifferences("then", new Set(["C-1", "C-2", "C-3"]), due)).toHaveLength(1);
});

test("a plan that lets others in or off, and a run that writes more than that, are differences", () => {
  const sample = (kind: string, key: string) => ({ kind, key: [key], record: "", fields: [] });
  const plan = {
    sync: "vips",
    samples: [sample("add_member", "C-1"), sample("remove_member", "C-2")],
  } as unknown as SyncPlan;
  const differences = (enter: readonly string[], leave: readonly string[], applied: number) =>
    verify.turnoverDifferences(plan, { ...RUN, applied }, enter, leave);
  expect(differences(["C-1"], ["C-2"], 2)).toEqual([]);
  expect(differences(["C-3"], ["C-2"], 2)).toHaveLength(1);
  expect(differences(["C-1"], [], 1)).toHaveLength(1);
  expect(differences(["C-1"], ["C-2"], 3)).toHaveLength(1);
});
