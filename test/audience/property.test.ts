/**
 * Any history of models, modes, faults and people who meddle with the list: after each run that ended, the list is what
 * the modes' definitions say. The oracle is a set. `AUDIENCE_RUNS=200` lives through more histories.
 */

import { expect, test } from "vitest";
import { SyncError } from "../../src/core/errors.ts";
import type { Mode } from "../../src/core/spec.ts";
import { FAULT_NAMES } from "../../src/sandbox/faults/actions.ts";
import fc from "../support/seeded.ts";
import { AUDIENCE, openScene, type Scene } from "./support/scene.ts";

const PEOPLE = 7;
const RUNS = Number(process.env.AUDIENCE_RUNS ?? 3);

type Sync = "adding" | "removing" | "mirror" | "whole" | "upserting";
const MODES: Readonly<Record<Sync, Mode>> = {
  adding: "add",
  removing: "remove",
  mirror: "mirror",
  whole: "mirror",
  upserting: "upsert",
};

interface Step {
  readonly sync: Sync;
  readonly model: readonly number[];
  /** Whom somebody adds or takes off before the run. */
  readonly meddling: readonly number[];
  /** Seed of what goes wrong on the wire; 0 for nothing. */
  readonly trouble: number;
}

const people = fc.uniqueArray(fc.integer({ min: 0, max: PEOPLE - 1 }), { minLength: 1, maxLength: PEOPLE });
const step: fc.Arbitrary<Step> = fc.record({
  sync: fc.constantFrom<Sync>("adding", "removing", "mirror", "whole", "upserting"),
  model: people,
  meddling: fc.uniqueArray(fc.integer({ min: 0, max: PEOPLE - 1 }), { maxLength: 2 }),
  trouble: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 1_000_000 })),
});

async function trouble(scene: Scene, seed: number): Promise<void> {
  const url = `${scene.bench.sandbox.url}/sandbox/faults/random`;
  const body = JSON.stringify({
    seed,
    rate: [0.05, 0.15, 0.3][seed % 3],
    kinds: FAULT_NAMES,
    retryAfter: 0.02,
    delay: 30,
  });
  const reply = await fetch(url, seed === 0 ? { method: "DELETE" } : { method: "POST", body });
  expect(reply.ok).toBe(true);
}

/** What each sync has met, by its own account of its past models; what the list has to be after a run. */
function oracle() {
  const known = new Map<Sync, Set<number>>();
  return (list: ReadonlySet<number>, sync: Sync, model: readonly number[]): Set<number> => {
    const past = known.get(sync) ?? new Set<number>();
    const fresh = model.filter((who) => !past.has(who));
    const left = [...past].filter((who) => !model.includes(who));
    const others = [...known].filter(([other]) => other !== sync && other !== "removing");
    const isElsewhere = (who: number): boolean => others.some(([, ids]) => ids.has(who));
    const next = new Set(list);
    if (sync === "removing") for (const who of fresh) next.delete(who);
    else for (const who of fresh) next.add(who);
    if (sync === "mirror" || sync === "whole")
      for (const who of left) if (!isElsewhere(who)) next.delete(who);
    if (sync === "whole")
      for (const who of list)
        if (!model.includes(who) && !(left.includes(who) && isElsewhere(who))) next.delete(who);
    const forgets = sync === "mirror" || sync === "whole";
    known.set(sync, new Set(forgets ? model : [...past, ...model]));
    return next;
  };
}

test("after every run the list is what the mode says", async () => {
  let seen = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 6 }), async (steps) => {
      // Silence is given up soon.
      await using scene = await openScene({}, { deadline: 400, patience: 4000 });
      const ids = await scene.contacts(PEOPLE);
      const list = await scene.list();
      const expected = oracle();
      let members = new Set<number>();
      for (const { sync, model, meddling, trouble: seed } of steps) {
        for (const who of meddling) {
          const row = [...(await scene.bench.stored("listmember")).values()].find(
            ({ entityid }) => (entityid as { id: string }).id === ids[who],
          );
          if (row) await scene.api("DELETE", `listmembers(${row.id})`);
          else
            await scene.api("POST", `lists(${list})/Microsoft.Dynamics.CRM.AddMemberList`, {
              EntityId: ids[who],
            });
          if (row) members.delete(who);
          else members.add(who);
        }
        await scene.model(model.map((who) => `C-${who}`));
        const audience = { ...AUDIENCE, scope: sync === "whole" ? "all" : "managed" } as const;
        const spec = { name: sync, mode: MODES[sync], audience };
        const wanted = { allow: new Set(["removed"] as const) };
        await trouble(scene, seed);
        let run = await scene.run(spec, wanted).catch((error: unknown) => {
          if (error instanceof SyncError) return undefined;
          throw error;
        });
        await trouble(scene, 0);
        // What trouble has left open, the next run ends.
        if (run === undefined || run.stopped !== undefined || run.deferred + run.rejections.total > 0)
          run = await scene.run(spec, { ...wanted, retry: true });
        expect([run.stopped, run.deferred, run.rejections.total]).toEqual([undefined, 0, 0]);
        members = expected(members, sync, model);
        seen += run.applied;
        expect(await scene.members()).toEqual([...members].map((who) => `C-${who}`).sort());
        for (const { differences } of run.members ?? []) expect(differences).toBe(0);
      }
    }),
    { numRuns: RUNS },
  );
  expect(seen).toBeGreaterThan(0);
}, 1_200_000);
