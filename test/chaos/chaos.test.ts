/**
 * Random faults at rates up to 30 %, silence and half answers among them, in every mode, with kills and a model that
 * changes in between: afterwards one run in peace leaves the stored rows equal to the model, nothing doubled, nobody
 * rejected who had not to be; and every run ends. `BACKHAUL_CHAOS_SEEDS=5000` lives through more stories,
 * `BACKHAUL_CHAOS_FIRST=17 BACKHAUL_CHAOS_SEEDS=1` through one of them again.
 */

import { expect, test } from "vitest";
import { newFuse } from "../engine/fuse.ts";
import fc from "../support/seeded.ts";
import { story } from "./story.ts";
import { live, mostRequests, openGround, type Tally } from "./world.ts";

const SEEDS = Number(process.env.BACKHAUL_CHAOS_SEEDS ?? 200);
const FIRST = Number(process.env.BACKHAUL_CHAOS_FIRST ?? 1);
/** Stories that go on at once: most of their time is waiting for answers that never come. */
const LANES = Number(process.env.BACKHAUL_CHAOS_LANES ?? 6);
/** Milliseconds that are spent on making a failed story shorter. */
const SHRINKING = 20_000;

test(`${SEEDS} stories of trouble end well`, async () => {
  const tally: Tally = {};
  const failures: string[] = [];
  let next = FIRST;
  const lane = async (): Promise<void> => {
    await using ground = await openGround();
    const options = { fuse: newFuse(), journalOutcomes: 1000 };
    while (next < FIRST + SEEDS && failures.length < 8) {
      const seed = next++;
      let until = Number.POSITIVE_INFINITY;
      const property = fc.asyncProperty(fc.noBias(story), async (told) => {
        // What is not tried any more passes for good, so that the shortest so far is told.
        if (performance.now() > until) return;
        await live(ground, options, told, tally).catch((error: unknown) => {
          until = Math.min(until, performance.now() + SHRINKING);
          throw error;
        });
      });
      const found = await fc.check(property, { seed, numRuns: 1 });
      if (!found.failed) continue;
      const [shortest] = found.counterexample ?? [];
      const told = `seed ${seed}: ${String(found.errorInstance)}\n${JSON.stringify(shortest)}`;
      process.stderr.write(`${told}\n${(found.errorInstance as Error)?.stack ?? ""}\n`);
      failures.push(told);
    }
  };
  await Promise.all(Array.from({ length: Math.min(LANES, SEEDS) }, lane));
  if (process.env.BACKHAUL_CHAOS_SEEDS)
    process.stdout.write(
      `${JSON.stringify({ ...tally, most: mostRequests.seen, processor: process.cpuUsage().user / 1e6 }, null, 1)}\n`,
    );
  expect(failures).toEqual([]);
  if (SEEDS >= 100)
    for (const kind of ["kills", "hangAfterCommit", "truncated"])
      expect(tally[kind], kind).toBeGreaterThan(0);
}, 72_000_000);
