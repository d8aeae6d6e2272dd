import { Args, Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import { counted, type Paint, painter } from "../cli/render.ts";
import { showData } from "../cli/show-data.ts";
import { type Problem, SyncError } from "../core/errors.ts";
import type { DataTests } from "../sync/data-tests.ts";
import type { Prepared } from "../sync/prepare.ts";

interface CheckedSync {
  readonly sync: string;
  readonly model: string;
  readonly object: string;
  readonly warehouse: { readonly name: string; readonly version: string };
  readonly destination: { readonly name: string; readonly url: string; readonly organization: string };
  readonly fields: number;
  readonly warnings: readonly string[];
  data?: DataTests;
}

/** Fields of the mapping; what a row owes beside them has a name that no field can have. */
const fieldsOf = ({ fields }: Prepared["compiled"]): number =>
  fields.filter(({ field }) => !field.startsWith("@")).length;

export default class Check extends BaseCommand {
  static override summary = "Check config, connections and mappings against the live schema; write nothing.";
  static override description =
    "Looks at the state too: a primary key or a match that is not what it was is refused here as a run would refuse it. With --data every model is asked once for the rows that its mapping would reject were all of them new: counted by reason in the warehouse, before anything is read from the destination for them. Exits with 1 when there are any.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> contacts",
    "<%= config.bin %> <%= command.id %> --data",
  ];
  static override flags = {
    data: Flags.boolean({
      description: "Count in the warehouse the rows that would be rejected, by reason.",
    }),
  };
  static override strict = false;
  static override args = {
    sync: Args.string({ description: "Syncs to check; all of them when none is named." }),
  };

  async run(): Promise<{ syncs: readonly CheckedSync[] }> {
    const { argv, flags } = await this.parse(Check);
    const session = await this.open(flags.project);
    session.makeStateFolder("write");
    const { prepare } = await import("../sync/prepare.ts");
    const paint = painter(process.stdout);
    const syncs: CheckedSync[] = [];
    const ready: { readonly checked: CheckedSync; readonly prepared: Prepared }[] = [];
    const problems: Problem[] = [];
    for (const { model, sync } of session.syncs(argv as string[])) {
      try {
        const prepared = await prepare(model, sync, session, session.stateOf(model.warehouse), this.signal);
        const { version } = await prepared.warehouse.check(this.signal);
        const unusable = await this.stateProblems(prepared);
        if (unusable.length > 0) throw new SyncError(unusable);
        const { compiled, identity } = prepared;
        const checked: CheckedSync = {
          sync: sync.name,
          model: model.name,
          object: compiled.object,
          warehouse: { name: model.warehouse, version },
          destination: { name: sync.destination, url: identity.url, organization: identity.organization },
          fields: fieldsOf(compiled),
          warnings: compiled.warnings,
        };
        syncs.push(checked);
        ready.push({ checked, prepared });
        const target = `${compiled.audience?.title ?? compiled.object} at ${identity.url}`;
        this.log(
          `${paint("green", "✓")} ${sync.name}: ${model.name} (${version}) → ${target}, ${counted(fieldsOf(compiled), "field")}`,
        );
        for (const warning of compiled.warnings) this.log(paint("yellow", `  note: ${warning}`));
      } catch (error) {
        if (!(error instanceof SyncError)) throw error;
        const known = new Set(problems.map((problem) => JSON.stringify(problem)));
        problems.push(...error.problems.filter((problem) => !known.has(JSON.stringify(problem))));
        this.log(`${paint("red", "✗")} ${sync.name}`);
      }
    }
    const { sharedProblems } = await import("../sync/shared.ts");
    problems.push(...sharedProblems(ready.map(({ prepared }) => prepared)));
    if (problems.length > 0) throw new SyncError(problems);
    if (flags.data) await this.testData(ready, paint);
    return { syncs };
  }

  /** One query for each model. */
  private async testData(
    ready: readonly { readonly checked: CheckedSync; readonly prepared: Prepared }[],
    paint: Paint,
  ): Promise<void> {
    const { testData } = await import("../sync/data-tests.ts");
    for (const model of new Set(ready.map(({ prepared }) => prepared.model))) {
      const own = ready.filter(({ prepared }) => prepared.model === model);
      const found = await testData(
        own.map(({ prepared }) => prepared),
        this.signal,
      );
      for (const [i, { checked }] of own.entries()) {
        checked.data = found[i]!;
        this.log(`\n${paint("bold", `${checked.sync}: ${checked.model} → ${checked.object}`)}`);
        this.log(showData(checked.data, paint));
      }
    }
    const rejects = ready.some(({ checked }) => (checked.data?.rejected ?? 0) > 0);
    this.exitWith(rejects ? ["rejected"] : []);
  }

  /** What keeps the next run from using the state. A run that goes on meanwhile has seen to that itself. */
  private async stateProblems(prepared: Prepared): Promise<Problem[]> {
    const [{ missingRights, peekRecord }, { identityDrift, identityProblems }] = await Promise.all([
      import("../sync/open.ts"),
      import("../state/record.ts"),
    ]);
    const lacking = await missingRights(prepared);
    if (lacking.length > 0) return lacking;
    const record = await peekRecord(prepared).catch((error: unknown) => {
      if (error instanceof SyncError && error.code === "state.locked") return undefined;
      throw error;
    });
    if (record === undefined) return [];
    return identityProblems(identityDrift(record, prepared.layout)).map((problem) => {
      const isKey = problem.code === "state.primary_key_changed";
      return { ...problem, place: isKey ? { file: prepared.model.file } : prepared.sync.place("match") };
    });
  }
}
