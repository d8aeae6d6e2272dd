import { Args, Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import { openProgress } from "../cli/progress.ts";
import { painter, widthOf } from "../cli/render.ts";
import { showPlan } from "../cli/show-plan.ts";
import { kindsOf, nextStepsOfPlans } from "../cli/show-sync.ts";
import { allowedBy, fieldsNamed, keysOf, requireOneSync, syncFlags } from "../cli/sync-flags.ts";
import type { SyncPlan } from "../sync/report.ts";

export default class Plan extends BaseCommand {
  static override summary = "Show what a run would write; write nothing.";
  static override description =
    "Runs the models, compares them with the snapshots and shows every kind of change with examples; removals by key and name, the first hundred or as many as --limit says. Exits 1 when rows would be rejected, 4 when a guard would stop the run.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> contacts --json",
    "<%= config.bin %> <%= command.id %> contacts --allow removed",
    "<%= config.bin %> <%= command.id %> contacts --limit 20 --columns emailaddress1,jobtitle",
    "<%= config.bin %> <%= command.id %> contacts --only-keys C-000042",
    "<%= config.bin %> <%= command.id %> contacts --out contacts.plan",
  ];
  static override strict = false;
  static override args = {
    sync: Args.string({ description: "Syncs to plan; all of them when none is named." }),
  };
  static override flags = {
    ...syncFlags,
    limit: Flags.integer({
      summary: "Examples of each kind of change; of removals, a hundred at least.",
      min: 0,
      default: 3,
    }),
    columns: Flags.string({ summary: "Fields, or columns of the model, to show of each example: a,b,c." }),
    out: Flags.string({
      char: "o",
      summary:
        "File to save the whole plan to, for `apply`. It holds the rows that change: it is for its owner alone.",
    }),
  };

  async run(): Promise<{ plans: readonly SyncPlan[] }> {
    const { argv, flags } = await this.parse(Plan);
    const onlyKeys = flags["only-keys"];
    const session = await this.open(flags.project);
    requireOneSync("--only-keys", onlyKeys, session.syncs(argv as string[]));
    session.makeStateFolder("read");
    const { openSyncs } = await import("../cli/open-syncs.ts");
    const { planSyncs } = await import("../sync/plan.ts");
    const view = { paint: painter(process.stdout), width: widthOf(process.stdout), limit: flags.limit };
    const prepared = await openSyncs(session, argv as string[], this.signal);
    const fields = flags.columns === undefined ? undefined : fieldsNamed(flags.columns, prepared);
    const only = onlyKeys && keysOf(onlyKeys, prepared[0]!.model.primaryKey, "--only-keys");
    const plans: SyncPlan[] = [];
    using progress = openProgress(process.stderr, this.jsonEnabled());
    const allow = allowedBy(flags.allow);
    using writer =
      flags.out === undefined
        ? undefined
        : (await import("../sync/plan-file.ts")).writePlan(flags.out, {
            project: session.project.name,
            created: new Date().toISOString(),
            allow: [...allow],
          });
    const options = {
      signal: this.signal,
      onProgress: progress.update,
      allow,
      full: flags.full,
      ...(only ? { only } : {}),
      ...(writer ? { writer } : {}),
      samples: { limit: flags.limit, ...(fields ? { fields } : {}) },
    };
    for await (const plan of planSyncs(prepared, options)) {
      plans.push(plan);
      progress[Symbol.dispose]();
      this.log(`${showPlan(plan, view)}\n`);
    }
    if (writer) {
      writer.end();
      this.log(`Saved to ${flags.out}. Apply it by: backhaul apply ${flags.out}`);
    }
    for (const line of nextStepsOfPlans(plans, view)) this.log(line);
    this.exitWith(plans.flatMap(kindsOf));
    return { plans };
  }
}
