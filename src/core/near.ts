import { closest, distance } from "fastest-levenshtein";

/** The allowed word that was probably meant; `undefined` when none is near. */
export function nearest(word: string, allowed: Iterable<string>): string | undefined {
  const words = [...allowed];
  if (words.length === 0) return undefined;
  const folded = new Map(words.map((candidate) => [candidate.toLowerCase(), candidate]));
  const found = closest(word.toLowerCase(), [...folded.keys()]);
  return distance(word.toLowerCase(), found) <= Math.min(3, Math.max(1, Math.floor(word.length / 3)))
    ? folded.get(found)
    : undefined;
}
