import { Args, Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import { destinationName } from "../cli/destination.ts";
import { mappingYaml } from "../cli/mapping-yaml.ts";
import { type Proposal, propose } from "../cli/propose.ts";
import { sampleRows } from "../cli/sample.ts";
import type { Session } from "../cli/session.ts";
import { fail } from "../core/errors.ts";
import { didYouMean } from "../core/near.ts";
import type { ModelSpec } from "../core/spec.ts";
import type { Destination, ObjectDescription } from "../ports.ts";

/** Rows that the proposal looks at. */
const SAMPLE = 1000;
/** Objects that lookups point at, and that are described to find their keys. */
const MOST_PARENTS = 12;

export interface ProposedMapping extends Proposal {
  readonly model: string;
  readonly sync: string;
  readonly destination: string;
  readonly object: string;
  /** Rows that were looked at. */
  readonly rows: number;
  readonly yaml: string;
}

export default class MapCommand extends BaseCommand {
  static override summary = "Propose a mapping of a model to an object, as YAML ready to paste.";
  static override description =
    "Compares the names and types of the model's columns with the object's fields and looks at a sample of the values. Each line says how sure it is.";
  static override examples = ["<%= config.bin %> <%= command.id %> customers contact"];
  static override args = {
    model: Args.string({ description: "A model of the project.", required: true }),
    object: Args.string({
      description: "Logical name, entity set or display name of the object.",
      required: true,
    }),
  };
  static override flags = {
    destination: Flags.string({ char: "d", summary: "Destination, when the project has several." }),
  };

  async run(): Promise<ProposedMapping> {
    const { args, flags } = await this.parse(MapCommand);
    const session = await this.open(flags.project);
    const model = modelNamed(session, args.model);
    const destination = destinationName(session, flags.destination);
    const [warehouse, target] = await Promise.all([
      session.warehouse(model.warehouse),
      session.destination(destination),
    ]);
    const object = await target.describe(args.object, this.signal);
    const columns = await warehouse.columns({ text: model.query, file: model.queryFile }, this.signal);
    const known = columns.filter(({ kind }) => kind !== undefined);
    const [rows, parents] = await Promise.all([
      sampleRows(warehouse, model, known, { rows: SAMPLE, signal: this.signal }),
      this.parentsOf(object, target),
    ]);
    const proposal = propose({ columns, primaryKey: model.primaryKey, rows, object, parents });
    const proposed = {
      ...proposal,
      sync: syncName(session, model, object),
      destination,
      object: object.name,
    };
    const ways = [...object.keys.map(({ fields }) => fields.join(" + ")), object.primaryId].join(", ");
    const yaml = mappingYaml({ ...proposed, hasSyncs: model.syncs.length > 0, ways });
    this.log(yaml.trimEnd());
    return { model: model.name, ...proposed, rows: rows.length, yaml };
  }

  private async parentsOf(object: ObjectDescription, destination: Destination) {
    const names = new Set(object.fields.flatMap(({ targets = [], creatable }) => (creatable ? targets : [])));
    const parents = new Map<string, ObjectDescription>([[object.name, object]]);
    for (const name of [...names].slice(0, MOST_PARENTS)) {
      if (parents.has(name)) continue;
      const parent = await destination.describe(name, this.signal).catch(() => undefined);
      if (parent) parents.set(name, parent);
    }
    return parents;
  }
}

function modelNamed({ project }: Session, name: string): ModelSpec {
  const found = project.models.find((model) => model.name === name);
  if (found) return found;
  const names = project.models.map((model) => model.name);
  throw fail.config(
    "cli.unknown_model",
    `There is no model "${name}" in this project.`,
    didYouMean(name, names) ||
      (names.length > 0 ? `It has ${names.join(", ")}.` : "Add a model file below models/."),
  );
}

/** A name that no sync of the project has. */
function syncName({ project }: Session, model: ModelSpec, object: ObjectDescription): string {
  const taken = new Set(project.models.flatMap(({ syncs }) => syncs.map(({ name }) => name)));
  const names = [model.name, `${model.name}_to_${object.name}`, `${model.name}_to_${object.name}_2`];
  return names.find((name) => !taken.has(name)) ?? `${model.name}_to_${object.name}_${taken.size}`;
}
