import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Args, Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import { destinationOf } from "../cli/destination.ts";
import { type JsonSchema, objectTypes } from "../cli/object-types.ts";
import type { ObjectDescription } from "../ports.ts";

interface WrittenTypes {
  readonly object: string;
  readonly name: string;
  readonly typescript: string;
  readonly schema: JsonSchema;
  /** Where they were written, with --out. */
  readonly files?: readonly string[];
}

export default class Types extends BaseCommand {
  static override summary = "Write TypeScript types and a JSON Schema of objects.";
  static override description =
    "Fields have the names that a mapping uses; choices are unions of their numbers, with the labels in comments. Without --out the types are printed.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> contact account --out types",
    "<%= config.bin %> <%= command.id %> contact > contact.ts",
  ];
  static override strict = false;
  static override args = {
    object: Args.string({
      description: "Objects, by logical name, entity set or display name.",
      required: true,
    }),
  };
  static override flags = {
    destination: Flags.string({ char: "d", summary: "Destination, when the project has several." }),
    out: Flags.string({
      char: "o",
      summary: "Folder to write NAME.ts and NAME.schema.json of each object to.",
    }),
  };

  async run(): Promise<{ types: readonly WrittenTypes[] }> {
    const { argv, flags } = await this.parse(Types);
    const session = await this.open(flags.project);
    const destination = await destinationOf(session, flags.destination);
    const objects = new Map<string, ObjectDescription>();
    for (const wanted of argv as string[]) {
      const object = await destination.describe(wanted, this.signal);
      objects.set(object.name, object);
    }
    const types: WrittenTypes[] = [];
    for (const object of objects.values()) {
      const made = await objectTypes(object);
      const files = flags.out === undefined ? undefined : await this.write(flags.out, object.name, made);
      types.push({ ...made, ...(files ? { files } : {}) });
      this.log(files ? `${object.displayName}: ${files.join(", ")}` : made.typescript);
    }
    return { types };
  }

  private async write(
    folder: string,
    object: string,
    { typescript, schema }: Pick<WrittenTypes, "typescript" | "schema">,
  ): Promise<string[]> {
    const name = object.replace(/[^A-Za-z0-9_-]/g, "_");
    const files = [join(folder, `${name}.ts`), join(folder, `${name}.schema.json`)] as const;
    await mkdir(folder, { recursive: true });
    await writeFile(files[0], typescript);
    await writeFile(files[1], `${JSON.stringify(schema, null, 2)}\n`);
    return [...files];
  }
}
