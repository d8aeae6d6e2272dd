import { Args, Flags, type Interfaces } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import type { RunResults } from "../cli/run-syncs.ts";
import type { Session } from "../cli/session.ts";
import { acceptFlag, allowedBy, keysOf, requireOneSync, syncFlags, unaccepted } from "../cli/sync-flags.ts";

type Given = Interfaces.InferredFlags<typeof Run.flags>;

/** Syncs beside each other: each has a database of its own that compares. */
const PARALLEL = 2;

export default class Run extends BaseCommand {
  static override summary = "Write what has changed since the last run.";
  static override description =
    "Several syncs run in the order of their lookups, beside each other where none needs the other; what fails keeps from running only what depends on it. Exits 0 when everything landed, 1 with rejected rows, 4 when a guard stopped it, 5 with deferred rows that the next run tries again; `<%= config.bin %> --help` lists all exit codes.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> accounts contacts",
    "<%= config.bin %> <%= command.id %> contacts --allow removed",
    "<%= config.bin %> <%= command.id %> contacts --only-keys C-000042",
    "<%= config.bin %> <%= command.id %> --full --accept rejected",
  ];
  static override strict = false;
  static override args = {
    sync: Args.string({ description: "Syncs to run; all of them when none is named." }),
  };
  static override flags = {
    ...syncFlags,
    accept: acceptFlag,
    alert: Flags.boolean({
      summary: "Tell the alerts of backhaul.yml, as `schedule` does: for cron, Airflow and the like.",
      exclusive: ["only-keys"],
    }),
    parallel: Flags.integer({
      summary: "Syncs that run beside each other at most; each takes memory of its own.",
      min: 1,
      max: 16,
      default: PARALLEL,
    }),
  };

  async run(): Promise<RunResults> {
    const { argv, flags } = await this.parse(Run);
    const names = argv as string[];
    const session = await this.open(flags.project);
    if (!flags.alert) return this.write(session, names, flags);
    const { withAlerts } = await import("../cli/alert-runs.ts");
    const given = { session, names, log: this.logger, signal: this.signal };
    return withAlerts(given, () => this.write(session, names, flags));
  }

  private async write(session: Session, names: readonly string[], flags: Given): Promise<RunResults> {
    const onlyKeys = flags["only-keys"];
    requireOneSync("--only-keys", onlyKeys, session.syncs(names));
    const [{ openSyncs }, { runSyncs }, { runSync }] = await Promise.all([
      import("../cli/open-syncs.ts"),
      import("../cli/run-syncs.ts"),
      import("../sync/run.ts"),
    ]);
    session.makeStateFolder("write");
    const prepared = await openSyncs(session, names, this.signal);
    const only = onlyKeys && keysOf(onlyKeys, prepared[0]!.model.primaryKey, "--only-keys");
    const wanted = { allow: allowedBy(flags.allow), full: flags.full, ...(only ? { only } : {}) };
    const { kinds, ...results } = await runSyncs(
      prepared.map((sync) => ({ prepared: sync })),
      this.shown,
      (item, options) => runSync(item.prepared, { ...options, ...wanted }),
      flags.parallel,
    );
    this.exitWith(unaccepted(kinds, flags.accept));
    return results;
  }
}
