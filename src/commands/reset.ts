import { Args, Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import { counted } from "../cli/render.ts";
import { fail } from "../core/errors.ts";
import type { ResetResult } from "../sync/reset.ts";

export default class Reset extends BaseCommand {
  static override summary = "Forget what a sync has written; the next run starts from an empty snapshot.";
  static override description =
    "Says how many records become unmanaged and asks first: what has left the model by then is never removed. The records stay as they are, and so does the history of runs. To compare everything again and still know what to remove, use `run --full`.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> contacts",
    "<%= config.bin %> <%= command.id %> contacts --yes",
  ];
  static override args = { sync: Args.string({ description: "The sync to reset.", required: true }) };
  static override flags = {
    yes: Flags.boolean({ char: "y", summary: "Do not ask." }),
  };

  async run(): Promise<ResetResult> {
    const { args, flags } = await this.parse(Reset);
    const session = await this.open(flags.project);
    const [{ openSyncs }, { resetSync }] = await Promise.all([
      import("../cli/open-syncs.ts"),
      import("../sync/reset.ts"),
    ]);
    const [prepared] = await openSyncs(session, [args.sync], this.signal);
    const { sync, compiled } = prepared!;
    const result = await resetSync(prepared!, async (records) => {
      const many = records === null ? "an unknown number of records" : counted(records, "record");
      const what = `${sync.name} manages ${many} of ${compiled.object}. They become unmanaged: what has left the model by the next run is not removed any more.`;
      if (flags.yes) return true;
      if (!process.stdin.isTTY || this.jsonEnabled()) {
        throw fail.config("reset.not_confirmed", what, "If that is meant, run it again with --yes.");
      }
      return this.isConfirmed(`${what}\nForget the state of ${sync.name}? (yes/no) `);
    });
    this.log(
      result.forgotten
        ? `Forgotten: ${result.records === null ? "all records" : counted(result.records, "record")} of ${result.object} are unmanaged; the next run of ${result.sync} starts from an empty snapshot.`
        : result.records === 0
          ? `${result.sync} manages no records: there is nothing to forget.`
          : "Nothing was forgotten.",
    );
    return result;
  }

  private async isConfirmed(question: string): Promise<boolean> {
    const { createInterface } = await import("node:readline/promises");
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    try {
      const answer = await terminal.question(question, { signal: this.signal });
      return /^y(es)?$/i.test(answer.trim());
    } finally {
      terminal.close();
    }
  }
}
