import { Args } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import type { RunResults } from "../cli/run-syncs.ts";
import { acceptFlag, unaccepted } from "../cli/sync-flags.ts";
import { SyncError } from "../core/errors.ts";

export default class Apply extends BaseCommand {
  static override summary = "Write just what a saved plan says, without asking the models again.";
  static override description =
    "Takes a file of `plan --out`. Refuses it (exit 2) and names what has moved when the organisation, the object, the model, the mapping, the destination's metadata or the state is not what it was; so a plan cannot be applied twice. What the warehouse holds by now does not matter: the next run sends it. Otherwise exits as `run` does.";
  static override examples = ["<%= config.bin %> <%= command.id %> contacts.plan"];
  static override args = {
    file: Args.string({ description: "A file that `plan --out` has written.", required: true }),
  };
  static override flags = { accept: acceptFlag };

  async run(): Promise<RunResults> {
    const { args, flags } = await this.parse(Apply);
    const session = await this.open(flags.project);
    const [{ prepare }, { runSyncs }, { readPlan }, { applySync, checkPlan }, { movedProblem }] =
      await Promise.all([
        import("../sync/prepare.ts"),
        import("../cli/run-syncs.ts"),
        import("../sync/plan-file.ts"),
        import("../sync/apply.ts"),
        import("../sync/plan-check.ts"),
      ]);
    const { head, syncs } = await readPlan(args.file);
    if (head.project !== session.project.name) {
      const now = `the project, which was ${head.project} and is ${session.project.name}`;
      throw new SyncError(movedProblem(syncs.map((plan) => plan.head.sync).join(", "), now));
    }
    session.makeStateFolder("write");
    const saved = [];
    for (const plan of syncs) {
      const [found] = session.syncs([plan.head.sync]);
      const { model, sync } = found!;
      const state = session.stateOf(model.warehouse);
      saved.push({ plan, prepared: await prepare(model, sync, session, state, this.signal) });
    }
    await checkPlan(saved);
    const { kinds, ...results } = await runSyncs(saved, this.shown, ({ plan, prepared }, options) =>
      applySync(prepared, plan, options),
    );
    this.exitWith(unaccepted(kinds, flags.accept));
    return results;
  }
}
