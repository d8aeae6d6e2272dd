import { Args } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import { type Explanation, explanationOf } from "../cli/explanation.ts";
import { painter, widthOf } from "../cli/render.ts";
import { showExplanation } from "../cli/show-explanation.ts";
import { keysOf } from "../cli/sync-flags.ts";

export default class Explain extends BaseCommand {
  static override summary =
    "Tell the life of one row: its values, its mapping, what a run would do, what has been.";
  static override description =
    "Asks the model for the one row, compares it with what was last written, and plans it as a run would; then lists from the history when it was written or rejected, why, and under which request id of the service. Writes nothing, and reads beside a run that goes on.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> contacts C-000042",
    "<%= config.bin %> <%= command.id %> contacts C-000042 jobtitle",
    '<%= config.bin %> <%= command.id %> lines \'["SO-1", "2"]\' --json',
  ];
  static override args = {
    sync: Args.string({ description: "The sync that the row belongs to.", required: true }),
    key: Args.string({
      description: "Primary key of the row; a JSON list where it has several columns.",
      required: true,
    }),
    field: Args.string({ description: "A field of the destination, or a column of the model, alone." }),
  };

  async run(): Promise<Explanation> {
    const { args, flags } = await this.parse(Explain);
    const session = await this.open(flags.project);
    const { openSyncs } = await import("../cli/open-syncs.ts");
    const [prepared] = await openSyncs(session, [args.sync], this.signal);
    const [key] = keysOf([args.key], prepared!.model.primaryKey, "the key as");
    const explanation = await explanationOf(session, prepared!, key!, args.field, this.signal);
    this.log(
      showExplanation(explanation, { paint: painter(process.stdout), width: widthOf(process.stdout) }),
    );
    return explanation;
  }
}
