/**
 * The quickstart: one company, one sandbox, and the real command line on the project in `models/`: check, plan,
 * run, a day of changes, plan and run again. It checks what it shows, and exits 0 only when all of it held.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { count } from "../src/cli/render.ts";
import { addressFile, type SandboxReady } from "../src/cli/sandbox.ts";
import type { SyncPlan } from "../src/sync/report.ts";
import { changeWarehouse, EXPECTED_REJECTIONS, fillWarehouse, vipsIn } from "./company.ts";
import { runForJson, runShown, type Show, ShowEnded, STOPS, startSandbox } from "./demo/processes.ts";
import { forgetReceived, membersOf, received } from "./demo/received.ts";
import { latestRun, type RunRecord } from "./demo/records.ts";
import { bad, command, heading, say } from "./demo/say.ts";
import { summary, tellChanges, tellVerdict } from "./demo/tell.ts";
import * as verify from "./demo/verify.ts";
import { without } from "./demo/vips.ts";

/** The sample project's syncs that write records, with their objects, parents first. */
const SYNCS = [
  ["accounts", "account"],
  ["contacts", "contact"],
] as const;
/** The one that keeps a marketing list, and the list. */
const LIST_SYNC = "vips";
const LIST = "VIP customers";
const NAMES = [...SYNCS.map(([sync]) => sync), LIST_SYNC] as const;

/** Rows are rejected on purpose. */
const REJECTED = [1];

async function main(): Promise<void> {
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort(new ShowEnded("Stopped."));
  for (const name of STOPS) process.on(name, onSignal);
  try {
    await play({
      bin: fileURLToPath(new URL("../src/bin.js", import.meta.url)),
      project: project(),
      signal: interrupt.signal,
    });
  } catch (error) {
    if (!(error instanceof ShowEnded)) throw error;
    say(`\n${bad(error.message)}`);
    process.exitCode = interrupt.signal.aborted ? 130 : 1;
  } finally {
    for (const name of STOPS) process.off(name, onSignal);
  }
}

/** The folder of the project: `models/` of the repository, or the one that `--project` names. */
function project(): string {
  const folder = asked() ?? fileURLToPath(new URL("../../models", import.meta.url));
  if (!existsSync(join(folder, "backhaul.yml")))
    throw new ShowEnded(`There is no backhaul.yml in ${folder}.`);
  return folder;
}

function asked(): string | undefined {
  try {
    return parseArgs({ options: { project: { type: "string", short: "p" } } }).values.project;
  } catch (error) {
    throw new ShowEnded(`${(error as Error).message} The quickstart takes --project DIR and nothing else.`);
  }
}

async function play(show: Show): Promise<void> {
  const started = Date.now();
  const warehouse = join(show.project, "warehouse.duckdb");
  const data = join(show.project, ".backhaul", "sandbox", "data.jsonl");
  const place = relative(process.cwd(), show.project) || ".";
  const typed = (verb: string): string => `npx backhaul ${verb} --project ${place}`;

  heading("A company and a CRM");
  await startFromNothing(show.project, data, place);
  const begun = Date.now();
  const rows = await fillWarehouse(warehouse);
  say(
    `Filled ${join(place, "warehouse.duckdb")}: ${count(rows.accounts)} accounts, ${count(rows.people)} people, ${count(rows.orders)} orders, in ${((Date.now() - begun) / 1_000).toFixed(1)} s.`,
  );
  await using sandbox = await startSandbox(show, data);
  const { organization, url } = sandbox.ready;
  say(`Started a Dataverse sandbox at ${url}; its rows are kept in ${join(place, ".backhaul", "sandbox")}.`);
  const results = (): RunRecord[] => NAMES.map((sync) => latestRun(show.project, organization, sync));

  heading("Check: config, connections, mapping against the live schema");
  command(typed("check"));
  await runShown(show, ["check"], [0]);

  heading("Plan: what a run would write");
  command(typed("plan"));
  await runShown(show, ["plan"], REJECTED);
  const predicted = await plans(show);

  heading("Run: accounts, then the contacts that look them up, then the list that they are on");
  command(typed("run"));
  await runShown(show, ["run"], REJECTED);
  const first = results();
  const onList = await membersOf(url, LIST);
  const before = await vipsIn(warehouse);

  heading("A day later");
  await forgetReceived(url);
  const changes = await changeWarehouse(warehouse);
  const after = await vipsIn(warehouse);
  const turnover = { enter: without(after, before), leave: without(before, after) };
  tellChanges(changes, turnover);

  heading("Plan again: just those fields of just those rows, and who enters and leaves the list");
  command(typed("plan"));
  await runShown(show, ["plan"], REJECTED);
  const planned = await plans(show);

  heading("Run again");
  command(typed("run"));
  await runShown(show, ["run"], REJECTED);
  const second = results();
  const sent = await received(url);
  const last = await plans(show);

  heading("What came of it");
  say(summary(NAMES, first, second));
  const differences = [
    ...SYNCS.flatMap(([sync, object], i) => [
      ...verify.rejectionDifferences("first", sync, EXPECTED_REJECTIONS, first[i]!),
      ...verify.landedDifferences(sync, first[i]!),
      ...verify.rejectionDifferences("second", sync, EXPECTED_REJECTIONS, second[i]!),
      ...verify.writtenDifferences(sync, second[i]!, changes[sync]),
      ...verify.receivedDifferences(sync, sent.get(object) ?? new Map(), changes[sync]),
    ]),
    ...predicted.flatMap((plan, i) => verify.predictionDifferences(plan, first[i]!)),
    ...SYNCS.flatMap(([sync], i) => verify.planDifferences(planned[i]!, changes[sync])),
    ...verify.memberDifferences("after the first run", onList, before),
    ...verify.memberDifferences("after the second run", await membersOf(url, LIST), after),
    ...verify.turnoverDifferences(planned.at(-1)!, second.at(-1)!, turnover.enter, turnover.leave),
    ...last.flatMap(verify.leftoverDifferences),
  ];
  if (differences.length > 0) {
    const shown = differences.slice(0, 20).map((line) => `  ${line}`);
    const more =
      differences.length > shown.length ? [`  … and ${differences.length - shown.length} more`] : [];
    throw new ShowEnded(["This is not what had to happen:", ...shown, ...more].join("\n"));
  }
  tellVerdict(changes, after.size, (Date.now() - started) / 1_000, place);
}

/** The plans of all syncs, for the checks at the end; a plan writes nothing, so that it may be asked for twice. */
async function plans(show: Show): Promise<readonly SyncPlan[]> {
  const { plans } = await runForJson<{ plans: readonly SyncPlan[] }>(show, ["plan"], REJECTED);
  return NAMES.map((sync) => {
    const plan = plans.find((one) => one.sync === sync);
    if (plan === undefined) throw new ShowEnded(`backhaul plan said nothing about ${sync}.`);
    return plan;
  });
}

/** Removes what an earlier show left, and nothing else. */
async function startFromNothing(folder: string, data: string, place: string): Promise<void> {
  await refuseIfServed(addressFile(data));
  const mine = ["warehouse.duckdb", "warehouse.duckdb.wal", ".backhaul"].filter((name) =>
    existsSync(join(folder, name)),
  );
  for (const name of mine) rmSync(join(folder, name), { recursive: true, force: true });
  if (mine.length > 0)
    say(`Starting from nothing: removed ${mine.map((name) => join(place, name)).join(" and ")}.`);
}

/** A sandbox that somebody else runs on this data is not ours to take away. */
async function refuseIfServed(address: string): Promise<void> {
  if (!existsSync(address)) return;
  const { url, pid } = JSON.parse(readFileSync(address, "utf8")) as SandboxReady;
  const answers = await fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
    () => true,
    () => false,
  );
  if (answers) {
    throw new ShowEnded(
      `A sandbox of this project is running at ${url} (process ${pid}): stop it first, then start again.`,
    );
  }
}

await main();
