import { Args } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import { openProgress } from "../cli/progress.ts";
import { painter } from "../cli/render.ts";
import { kindsOf, showRun, summary } from "../cli/show-sync.ts";
import { allowedBy, syncFlags } from "../cli/sync-flags.ts";
import type { Prepared } from "../sync/prepare.ts";
import type { SyncRun } from "../sync/report.ts";
import type { SyncOptions } from "../sync/stage.ts";

export default class Run extends BaseCommand {
  static override summary = "Write what has changed since the last run.";
  static override description =
    "Several syncs run in the order of their lookups. Exits 0 when everything landed, 1 with rejected rows, 5 with deferred rows that the next run tries again.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> accounts contacts",
    "<%= config.bin %> <%= command.id %> contacts --allow removed",
    "<%= config.bin %> <%= command.id %> --full",
  ];
  static override strict = false;
  static override args = {
    sync: Args.string({ description: "Syncs to run; all of them when none is named." }),
  };
  static override flags = syncFlags;

  async run(): Promise<{ runs: readonly SyncRun[] }> {
    const { argv, flags } = await this.parse(Run);
    const session = await this.open(flags.project);
    const { openSyncs } = await import("../cli/open-syncs.ts");
    const paint = painter(process.stdout);
    session.makeStateFolder();
    const prepared = await openSyncs(session, argv as string[], this.signal);
    const runs: SyncRun[] = [];
    for (const sync of prepared) {
      if (this.signal.aborted) break;
      const result = await this.runOne(sync, { allow: allowedBy(flags.allow), full: flags.full });
      runs.push(result);
      this.log(`${showRun(result, paint)}\n`);
      if (result.stopped?.kind === "connection") break;
    }
    this.log(summary(runs));
    this.exitWith([...(this.signal.aborted ? (["aborted"] as const) : []), ...runs.flatMap(kindsOf)]);
    return { runs };
  }

  private async runOne(prepared: Prepared, options: Pick<SyncOptions, "allow" | "full">): Promise<SyncRun> {
    const { runSync } = await import("../sync/run.ts");
    using progress = openProgress(process.stderr, this.jsonEnabled());
    return await runSync(prepared, { ...options, signal: this.signal, onProgress: progress.update });
  }
}
