/**
 * fast-check with a seed: the same in each run unless `BACKHAUL_SEED` names another one or says `random`, so that a
 * change is judged by the cases that were there before it. Runs by hand look further.
 */
import fc from "fast-check";

const wanted = process.env.BACKHAUL_SEED;

/** @param usual where nothing else is wanted: tests beside one another try other cases */
export function seedOf(usual: number): number {
  if (wanted === undefined) return usual;
  return wanted === "random" ? Date.now() | 0 : Number(wanted);
}

fc.configureGlobal({ seed: seedOf(1) });
export default fc;
