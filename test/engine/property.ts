/** The property of convergence, for one place of the state. */
import fc, { seedOf } from "../support/seeded.ts";
import type { FusedOptions } from "./fuse.ts";
import { history } from "./history.ts";
import type { Place } from "./places.ts";
import { live, type Tally } from "./world.ts";

const ALL = Number(process.env.BACKHAUL_PROPERTY_RUNS ?? 500);
/** Places of the state that share the cases. */
const PLACES = 4;

/** @param usual seed of this place */
export async function converges(place: Place, options: FusedOptions, usual: number): Promise<Tally> {
  const tally: Tally = {};
  const seed = seedOf(usual);
  process.stdout.write(`${place.name}: seed ${seed} (BACKHAUL_SEED repeats it, or is random)\n`);
  await fc.assert(
    fc.asyncProperty(history, async (story) => {
      options.fuse.disarm();
      await using site = await place.site(options);
      await live(site, options, story, tally);
      tally[`${story.mode.mode} ${story.mode.onRemoved}`] =
        (tally[`${story.mode.mode} ${story.mode.onRemoved}`] ?? 0) + 1;
    }),
    {
      seed,
      numRuns: Math.ceil(ALL / PLACES),
      // Told at once: the other place still has minutes to go.
      reporter(details) {
        if (!details.failed) return;
        const report = fc.defaultReportMessage(details) ?? "";
        process.stderr.write(`${place.name}: ${report}\n${String(details.errorInstance)}\n`);
        throw new Error(report, { cause: details.errorInstance });
      },
    },
  );
  if (process.env.BACKHAUL_PROPERTY_RUNS) process.stdout.write(`${place.name}: ${JSON.stringify(tally)}\n`);
  return tally;
}
