import { Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import { historyFlags } from "../cli/history.ts";
import { painter, widthOf } from "../cli/render.ts";
import { showRuns } from "../cli/show-history.ts";
import type { RunEntry } from "../state/history.ts";

const SHOWN = 20;

export default class Runs extends BaseCommand {
  static override summary = "List the runs that ended, the newest first.";
  static override description =
    "Reads the history where the state lies, as long as `state.retention` keeps it; a run that goes on meanwhile is not disturbed.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --sync contacts --since 7d --json",
    "<%= config.bin %> <%= command.id %> --failed --limit 5",
  ];
  static override flags = {
    ...historyFlags,
    failed: Flags.boolean({
      summary: "Only runs that did not end well: stopped, ended early, or with rejected rows.",
    }),
  };

  async run(): Promise<{ runs: readonly RunEntry[] }> {
    const { flags } = await this.parse(Runs);
    const session = await this.open(flags.project);
    const { filterOf, historyOf } = await import("../cli/history.ts");
    const filter = filterOf(flags, flags.limit ?? SHOWN);
    const runs: RunEntry[] = [];
    const isWanted = flags.failed
      ? (run: RunEntry): boolean =>
          run.stopped !== undefined || Number(run.rejected ?? 0) + Number(run.waiting ?? 0) > 0
      : undefined;
    for await (const run of historyOf(session, filter, (reader, wanted) => reader.runs(wanted), isWanted))
      runs.push(run);
    if (runs.length === 0 && flags.sync !== undefined) session.syncs([flags.sync]); // a name that nothing has is said
    this.log(showRuns(runs, { paint: painter(process.stdout), width: widthOf(process.stdout) }));
    return { runs };
  }
}
