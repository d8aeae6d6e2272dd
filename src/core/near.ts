import { distance } from "fastest-levenshtein";

/** At most three of the names that somebody may have meant by a word, the closest first. */
export function near(word: string, names: Iterable<string>): string[] {
  const wanted = word.toLowerCase();
  const most = Math.min(3, Math.max(1, Math.floor(wanted.length / 3)));
  const scored: { name: string; score: number }[] = [];
  for (const name of new Set(names)) {
    const candidate = name.toLowerCase();
    const score = candidate.includes(wanted) && wanted.length >= 4 ? 1 : distance(wanted, candidate);
    if (score <= most) scored.push({ name, score });
  }
  return scored
    .sort((a, b) => a.score - b.score || a.name.localeCompare(b.name))
    .slice(0, 3)
    .map(({ name }) => name);
}

/** The name that was probably meant; `undefined` when none is near. */
export function nearest(word: string, names: Iterable<string>): string | undefined {
  return near(word, names)[0];
}

/** `Did you mean 'a' or 'b'?`, or nothing. */
export function didYouMean(word: string, names: Iterable<string>): string {
  const found = near(word, names).map((name) => `'${name}'`);
  return found.length === 0 ? "" : `Did you mean ${found.join(" or ")}?`;
}
