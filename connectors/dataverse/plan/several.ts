/** Several records where one was looked for. Pure. */

/** Several records where one was looked for, by their ids. */
export interface Several {
  readonly several: readonly string[];
}

export const isSeveral = <T>(found: T | Several): found is Several =>
  typeof found === "object" && found !== null && "several" in found;

const MOST_NAMED = 5;

/** Ids in words: the first few of many. */
export function named({ several }: Several): string {
  const more = several.length - MOST_NAMED;
  return `${several.slice(0, MOST_NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
