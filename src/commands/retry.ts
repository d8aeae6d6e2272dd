import { Args, Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import type { RunResults } from "../cli/run-syncs.ts";
import { acceptFlag, keysOf, requireOneSync, unaccepted } from "../cli/sync-flags.ts";

export default class Retry extends BaseCommand {
  static override summary = "Try rejected and deferred rows again, at once.";
  static override description =
    "A run that looks at every row that was rejected, whether its next try is due or not. With --key, the rows with those primary keys alone are written again, whole, whatever is known of them: so a record that somebody else removed is made again.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> contacts",
    "<%= config.bin %> <%= command.id %> contacts --key C-000042",
    '<%= config.bin %> <%= command.id %> lines --key \'["SO-1", "2"]\'',
  ];
  static override strict = false;
  static override args = {
    sync: Args.string({ description: "Syncs to retry; all of them when none is named." }),
  };
  static override flags = {
    key: Flags.string({
      summary: "Primary key of a row; a JSON list where it has several columns. May be repeated.",
      multiple: true,
      multipleNonGreedy: true,
    }),
    accept: acceptFlag,
  };

  async run(): Promise<RunResults> {
    const { argv, flags } = await this.parse(Retry);
    const session = await this.open(flags.project);
    requireOneSync("--key", flags.key, session.syncs(argv as string[]));
    const [{ openSyncs }, { runSyncs }, { runSync }] = await Promise.all([
      import("../cli/open-syncs.ts"),
      import("../cli/run-syncs.ts"),
      import("../sync/run.ts"),
    ]);
    session.makeStateFolder("write");
    const prepared = await openSyncs(session, argv as string[], this.signal);
    const { kinds, ...results } = await runSyncs(
      prepared.map((sync) => ({ prepared: sync })),
      this.shown,
      ({ prepared }, options) => {
        const only = flags.key && keysOf(flags.key, prepared.model.primaryKey);
        return runSync(prepared, { ...options, retry: true, ...(only ? { only } : {}) });
      },
    );
    this.exitWith(unaccepted(kinds, flags.accept));
    return results;
  }
}
