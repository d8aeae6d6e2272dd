import { Args, Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import { destinationOf } from "../cli/destination.ts";
import { painter } from "../cli/render.ts";
import { showObject, showObjects } from "../cli/show-object.ts";
import type { ObjectDescription, ObjectSummary } from "../ports.ts";

export default class Schema extends BaseCommand {
  static override summary = "Show what the destination has: its objects, or the fields of one.";
  static override description =
    "Of an object it shows the fields with their types, limits, choices and targets, what can be written and when, and the alternate keys with the state of their index.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> contact --json",
    "<%= config.bin %> <%= command.id %> Account",
  ];
  static override args = {
    object: Args.string({
      description: "Logical name, entity set or display name; all objects when absent.",
    }),
  };
  static override flags = {
    destination: Flags.string({ char: "d", summary: "Destination, when the project has several." }),
  };

  async run(): Promise<{ objects: readonly ObjectSummary[] } | { object: ObjectDescription }> {
    const { args, flags } = await this.parse(Schema);
    const session = await this.open(flags.project);
    const destination = await destinationOf(session, flags.destination);
    if (args.object === undefined) {
      const objects = await destination.objects(this.signal);
      this.log(showObjects(objects));
      return { objects };
    }
    const object = await destination.describe(args.object, this.signal);
    this.log(showObject(object, painter(process.stdout)));
    return { object };
  }
}
