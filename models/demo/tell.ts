/** What the demo says in the middle and at the end. */
import { join } from "node:path";
import { count, counted, table } from "../../src/cli/render.ts";
import { EXPECTED_REJECTIONS } from "./bad-rows.ts";
import type { Changes } from "./changes.ts";
import type { RunRecord } from "./records.ts";
import { good, say } from "./say.ts";

/** What the day changed, as the CRM has to hear about it. */
export function tellChanges(
  { accounts, contacts }: Changes,
  { enter, leave }: { readonly enter: readonly string[]; readonly leave: readonly string[] },
): void {
  say(
    `In the warehouse ${counted(accounts.size, "account")} and ${counted(contacts.size, "contact")} differ now:`,
  );
  for (const [name, changed] of [
    ["accounts", accounts],
    ["contacts", contacts],
  ] as const) {
    const fields = [...fieldCounts(changed)].map(([field, n]) => `${field} (${n})`);
    say(`  ${name}: ${fields.join(", ")}`);
  }
  say(`  vips: ${enter.length} have earned enough to be on the list, ${leave.length} no more`);
  say(
    "Other edits mean nothing to the CRM: a choice in another language, a fraction of a second, a null to skip.",
  );
}

function fieldCounts(changed: ReadonlyMap<string, ReadonlySet<string>>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const fields of changed.values())
    for (const field of fields) counts.set(field, (counts.get(field) ?? 0) + 1);
  return counts;
}

/** The short table at the end. */
export function summary(
  syncs: readonly string[],
  first: readonly RunRecord[],
  second: readonly RunRecord[],
): string {
  const line = (when: string, i: number, run: RunRecord): (string | number)[] => [
    when,
    syncs[i]!,
    run.rows,
    run.applied,
    run.requests.reads + run.requests.writes,
    run.seconds,
    run.rejected,
  ];
  return table([
    ["run", "sync", "rows", "written", "requests", "seconds", "rejected"],
    ...first.map((run, i) => line("first", i, run)),
    ...second.map((run, i) => line("second", i, run)),
  ]);
}

/** What was checked, and what to try next. */
export function tellVerdict(
  { accounts, contacts }: Changes,
  vips: number,
  seconds: number,
  place: string,
): void {
  const rejected = EXPECTED_REJECTIONS.map(
    ({ sync, key, why }) => `  ${sync}  ${(key ?? "(null)").padEnd(9)}  ${why}`,
  );
  say(`\n${good("✓")} Rejected were these ${rejected.length} rows and only these, in both runs:`);
  say([...new Set(rejected)].join("\n"));
  say(`${good("✓")} The first run did what its plan had said.`);
  say(
    `${good("✓")} The second run wrote ${count(accounts.size + contacts.size)} rows; the sandbox received their changed fields and nothing else.`,
  );
  say(
    `${good("✓")} The marketing list has the ${count(vips)} members whom the orders name, after either run, and nobody else.`,
  );
  say(`${good("✓")} A third plan is empty: the CRM holds what the models say.`);
  say(`\nDone in ${seconds.toFixed(1)} s. The sandbox keeps its rows; go on with, for example:`);
  say(`  npx backhaul schema contact --project ${place}`);
  say(
    `  npx backhaul plan --project ${place}       after a change of your own to ${join(place, "contacts.sql")}`,
  );
}
