import { Args, Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import { table } from "../cli/render.ts";
import { fail } from "../core/errors.ts";
import type { ObjectDescription, ObjectSummary } from "../ports.ts";

export default class Schema extends BaseCommand {
  static override summary = "Show what the destination has: its objects, or the fields of one.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> contact --json",
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
    const names = [...session.project.destinations.keys()];
    const name = flags.destination ?? (names.length === 1 ? names[0] : undefined);
    if (name === undefined) {
      throw fail.config(
        "cli.which_destination",
        "The project has several destinations.",
        `Name one by --destination: ${names.join(", ")}.`,
      );
    }
    const destination = await session.destination(name);
    if (args.object === undefined) {
      const objects = await destination.objects(this.signal);
      this.log(
        table([
          ["object", "entity set", "name"],
          ...objects.map((o) => [o.name, o.collection, o.displayName]),
        ]),
      );
      return { objects };
    }
    const object = await destination.describe(args.object, this.signal);
    this.log(showObject(object));
    return { object };
  }
}

function showObject(object: ObjectDescription): string {
  const keys = object.keys.map(({ name, fields, status }) => `  ${name}: ${fields.join(", ")} (${status})`);
  const writable = (creatable: boolean, updatable: boolean): string =>
    creatable ? (updatable ? "yes" : "on create") : updatable ? "on update" : "no";
  const fields = object.fields.map((field) => [
    field.name,
    field.type,
    writable(field.creatable, field.updatable),
    field.required ? "yes" : "",
    [
      field.limits,
      field.targets?.join(", "),
      field.choices?.map(({ value, label }) => `${value} ${label}`).join(", "),
    ]
      .filter(Boolean)
      .join("; "),
    field.displayName,
  ]);
  return [
    `${object.displayName}: ${object.name}, entity set ${object.collection}, primary id ${object.primaryId}`,
    `Bulk messages: ${object.bulk.join(", ") || "none"}`,
    "Alternate keys:",
    ...(keys.length > 0 ? keys : ["  none"]),
    "",
    table([["field", "type", "writable", "required", "limits and choices", "name"], ...fields]),
  ].join("\n");
}
