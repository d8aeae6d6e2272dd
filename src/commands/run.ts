import { Args } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import { allowedBy, syncFlags } from "../cli/sync-flags.ts";
import type { SyncRun } from "../sync/report.ts";

export default class Run extends BaseCommand {
  static override summary = "Write what has changed since the last run.";
  static override description =
    "Several syncs run in the order of their lookups. Exits 0 when everything landed, 1 with rejected rows, 4 when a guard stopped it, 5 with deferred rows that the next run tries again.";
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
    const [{ openSyncs }, { runSyncs }, { runSync }] = await Promise.all([
      import("../cli/open-syncs.ts"),
      import("../cli/run-syncs.ts"),
      import("../sync/run.ts"),
    ]);
    session.makeStateFolder();
    const prepared = await openSyncs(session, argv as string[], this.signal);
    const wanted = { allow: allowedBy(flags.allow), full: flags.full };
    const { runs, kinds } = await runSyncs(
      prepared.map((sync) => ({ prepared: sync })),
      this.shown,
      (item, options) => runSync(item.prepared, { ...options, ...wanted }),
    );
    this.exitWith(kinds);
    return { runs };
  }
}
