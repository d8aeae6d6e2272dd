import { Args } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import { painter } from "../cli/render.ts";
import { type Problem, SyncError } from "../core/errors.ts";

interface CheckedSync {
  readonly sync: string;
  readonly model: string;
  readonly object: string;
  readonly warehouse: { readonly name: string; readonly version: string };
  readonly destination: { readonly name: string; readonly url: string; readonly organization: string };
  readonly fields: number;
  readonly warnings: readonly string[];
}

export default class Check extends BaseCommand {
  static override summary = "Check config, connections and mappings against the live schema; write nothing.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> contacts",
  ];
  static override strict = false;
  static override args = {
    sync: Args.string({ description: "Syncs to check; all of them when none is named." }),
  };

  async run(): Promise<{ syncs: readonly CheckedSync[] }> {
    const { argv, flags } = await this.parse(Check);
    const session = await this.open(flags.project);
    const { prepare } = await import("../sync/prepare.ts");
    const paint = painter(process.stdout);
    const syncs: CheckedSync[] = [];
    const problems: Problem[] = [];
    for (const { model, sync } of session.syncs(argv as string[])) {
      try {
        const prepared = await prepare(model, sync, session, session.stateOf(model.warehouse), this.signal);
        const { version } = await prepared.warehouse.check(this.signal);
        const { compiled, identity } = prepared;
        syncs.push({
          sync: sync.name,
          model: model.name,
          object: compiled.object,
          warehouse: { name: model.warehouse, version },
          destination: { name: sync.destination, url: identity.url, organization: identity.organization },
          fields: compiled.fields.length,
          warnings: compiled.warnings,
        });
        const target = `${compiled.object} at ${identity.url}`;
        this.log(
          `${paint("green", "✓")} ${sync.name}: ${model.name} (${version}) → ${target}, ${compiled.fields.length} fields`,
        );
        for (const warning of compiled.warnings) this.log(paint("yellow", `  note: ${warning}`));
      } catch (error) {
        if (!(error instanceof SyncError)) throw error;
        const known = new Set(problems.map((problem) => JSON.stringify(problem)));
        problems.push(...error.problems.filter((problem) => !known.has(JSON.stringify(problem))));
        this.log(`${paint("red", "✗")} ${sync.name}`);
      }
    }
    if (problems.length > 0) throw new SyncError(problems);
    return { syncs };
  }
}
