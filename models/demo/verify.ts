/** Compares what happened with what had to happen; each function gives the differences, as sentences. Pure. */
import type { SyncPlan } from "../../src/sync/report.ts";
import type { ExpectedRejection } from "./bad-rows.ts";
import type { RunRecord } from "./records.ts";

/** Exactly the expected keys, each for the expected reason. */
export function rejectionDifferences(
  when: string,
  sync: string,
  expected: readonly ExpectedRejection[],
  { rejects }: RunRecord,
): string[] {
  const wanted = expected.filter((row) => row.sync === sync).map(({ key, code }) => spelled(key, code));
  const got = rejects.map(({ key, code }) => spelled(key[0] ?? null, code));
  return [
    ...without(wanted, got).map(
      (row) => `${when} run of ${sync}: ${row} was expected to be rejected, and was not.`,
    ),
    ...without(got, wanted).map(
      (row) => `${when} run of ${sync}: ${row} was rejected, and should not have been.`,
    ),
  ];
}

/** Every other row landed. */
export function landedDifferences(sync: string, run: RunRecord): string[] {
  const { applied, deferred, rows, rejected } = run;
  if (applied === rows - rejected && deferred === 0) return [];
  return [
    `first run of ${sync}: of ${rows} rows ${applied} were written and ${rejected} rejected; ${rows - rejected} should have been written.`,
  ];
}

/** The first run did what its plan had said. */
export function predictionDifferences(plan: SyncPlan, run: RunRecord): string[] {
  const planned = writesOf(plan);
  const differences: string[] = [];
  if (planned !== run.applied) {
    differences.push(`first plan of ${plan.sync}: it had ${planned} writes, the run made ${run.applied}.`);
  }
  if (plan.rejections.total !== run.rejected) {
    differences.push(
      `first plan of ${plan.sync}: it had ${plan.rejections.total} rejections, the run ${run.rejected}.`,
    );
  }
  return differences;
}

type Changed = ReadonlyMap<string, ReadonlySet<string>>;

/** The plan of the second run holds the changed fields of the changed rows, and nothing else. */
export function planDifferences(plan: SyncPlan, changed: Changed): string[] {
  const wanted = new Map<string, number>();
  for (const fields of changed.values())
    for (const field of fields) wanted.set(field, (wanted.get(field) ?? 0) + 1);
  const names = [...new Set([...wanted.keys(), ...Object.keys(plan.fields)])].sort();
  const { create, update, upsert } = plan.operations;
  return [
    ...(update === changed.size && create + upsert === 0
      ? []
      : [
          `second plan of ${plan.sync}: ${changed.size} rows changed, yet it has ${update} updates and ${create + upsert} new records.`,
        ]),
    ...names
      .filter((field) => (wanted.get(field) ?? 0) !== (plan.fields[field] ?? 0))
      .map(
        (field) =>
          `second plan of ${plan.sync}: ${field} changed in ${wanted.get(field) ?? 0} rows, yet it writes ${plan.fields[field] ?? 0}.`,
      ),
  ];
}

/** The second run wrote the changed rows. */
export function writtenDifferences(
  sync: string,
  { applied, deferred }: RunRecord,
  changed: Changed,
): string[] {
  if (applied === changed.size && deferred === 0) return [];
  return [
    `second run of ${sync}: ${changed.size} rows changed, yet ${applied} were written and ${deferred} deferred.`,
  ];
}

/** The CRM was sent the changed fields of the changed rows, and nothing else: its own account against ours. */
export function receivedDifferences(sync: string, received: Changed, changed: Changed): string[] {
  const keys = [...new Set([...received.keys(), ...changed.keys()])].sort();
  return keys
    .map((key) => [key, fieldList(received.get(key)), fieldList(changed.get(key))] as const)
    .filter(([, got, due]) => got !== due)
    .map(([key, got, due]) => `second run of ${sync}: ${key} was sent ${got}; changed had ${due}.`);
}

const fieldList = (fields: ReadonlySet<string> | undefined): string =>
  fields === undefined || fields.size === 0 ? "nothing" : [...fields].sort().join(", ");

/** Nothing is left to write. */
export function leftoverDifferences(plan: SyncPlan): string[] {
  const left = writesOf(plan);
  return left === 0 ? [] : [`last plan of ${plan.sync}: ${left} rows are left to write.`];
}

const writesOf = ({ operations }: SyncPlan): number => Object.values(operations).reduce((a, b) => a + b, 0);

/** A list has those members who have to be on it, and nobody else. */
export function memberDifferences(
  when: string,
  members: ReadonlySet<string>,
  due: ReadonlySet<string>,
): string[] {
  return [
    ...[...due].filter((one) => !members.has(one)).map((one) => `${when}: ${one} has to be on the list.`),
    ...[...members].filter((one) => !due.has(one)).map((one) => `${when}: ${one} has no place on the list.`),
  ].sort();
}

/** The plan of the second run names who enters and who leaves, and the run makes it so. */
export function turnoverDifferences(
  plan: SyncPlan,
  { applied }: RunRecord,
  enter: readonly string[],
  leave: readonly string[],
): string[] {
  const named = (kind: string): string =>
    plan.samples
      .filter((sample) => sample.kind === kind)
      .map(({ key }) => key[0])
      .sort()
      .join(", ");
  return [
    ...(named("add_member") === enter.join(", ")
      ? []
      : [
          `second plan of ${plan.sync}: it lets ${named("add_member")} in; ${enter.join(", ")} had to enter.`,
        ]),
    ...(named("remove_member") === leave.join(", ")
      ? []
      : [
          `second plan of ${plan.sync}: it takes ${named("remove_member")} off; ${leave.join(", ")} had to leave.`,
        ]),
    ...(applied === enter.length + leave.length
      ? []
      : [
          `second run of ${plan.sync}: ${enter.length + leave.length} had to come or go, yet it wrote ${applied}.`,
        ]),
  ];
}

const spelled = (key: string | null, code: string): string => `${key ?? "a row without a key"} (${code})`;

/** What is in `all` more often than in `some`. */
function without(all: readonly string[], some: readonly string[]): string[] {
  const left = [...some];
  return all.filter((item) => {
    const at = left.indexOf(item);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
