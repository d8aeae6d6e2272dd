/** The flags that plan and run share: what is planned with them is what runs with them. */
import { Flags } from "@oclif/core";
import { type ErrorKind, fail } from "../core/errors.ts";
import { didYouMean } from "../core/near.ts";
import type { Allow, Allowed } from "../sync/guard.ts";
import type { Prepared } from "../sync/prepare.ts";

export const syncFlags = {
  allow: Flags.option({
    options: ["removed", "changed"] as const,
    multiple: true,
    multipleNonGreedy: true,
    summary: "Let more rows be removed, or changed, than the guard allows. May be repeated.",
  })(),
  full: Flags.boolean({
    summary:
      "Read every known record again and write what differs; what has left the model is still removed.",
  }),
  "only-keys": Flags.string({
    summary:
      "The row with this primary key alone, whole, for a test; a JSON list where it has several columns. May be repeated.",
    multiple: true,
    multipleNonGreedy: true,
    helpValue: "KEY",
  }),
};

/** What run, retry and apply share. */
export const acceptFlag = Flags.option({
  options: ["rejected"] as const,
  multiple: true,
  multipleNonGreedy: true,
  summary: "Exit 0 in spite of rejected rows, which are reported all the same.",
})();

/** The kinds that decide the exit code, without those that the user accepts. */
export const unaccepted = (
  kinds: readonly ErrorKind[],
  accepted: readonly "rejected"[] | undefined,
): ErrorKind[] => kinds.filter((kind) => !accepted?.some((known) => known === kind));

/** Chosen rows are of one sync. */
export function requireOneSync(
  flag: string,
  given: readonly string[] | undefined,
  syncs: readonly unknown[],
): void {
  if (given === undefined || syncs.length === 1) return;
  throw fail.config("cli.usage", `${flag} goes with one sync.`, "Name the sync that the rows belong to.");
}

export const allowedBy = (allow: readonly Allow[] | undefined): Allowed => new Set(allow);

/** Keys as they are given on the command line: a text, or a JSON list where the key has several columns. */
export function keysOf(
  texts: readonly string[],
  primaryKey: readonly string[],
  flag = "--key",
): readonly string[][] {
  return texts.map((text) => {
    if (primaryKey.length === 1) return [text];
    const parts = listIn(text);
    if (parts?.length === primaryKey.length) return parts.map(String);
    throw fail.config(
      "cli.usage",
      `The primary key has ${primaryKey.length} columns (${primaryKey.join(", ")}); ${text} is no list of as many.`,
      `Write ${flag} '${JSON.stringify(primaryKey)}', with the values.`,
    );
  });
}

function listIn(text: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The fields that a list of fields and columns means, in any of the syncs. */
export function fieldsNamed(text: string, syncs: readonly Prepared[]): ReadonlySet<string> {
  const meant = new Set<string>();
  const known = new Map<string, string[]>();
  for (const { sync } of syncs) {
    const pairs = [
      ...sync.match.map(({ field, column }) => ({ field, column })),
      ...sync.fields.map(({ field, source }) => ({
        field,
        column: "column" in source ? source.column : field,
      })),
    ];
    for (const { field, column } of pairs)
      for (const name of [field, column]) known.set(name, [...(known.get(name) ?? []), field]);
  }
  for (const name of text.split(",").map((part) => part.trim())) {
    const fields = known.get(name);
    if (fields === undefined) {
      throw fail.config(
        "cli.usage",
        `No sync of these maps "${name}".`,
        didYouMean(name, known.keys()) || `There are ${[...known.keys()].join(", ")}.`,
      );
    }
    for (const field of fields) meant.add(field);
  }
  return meant;
}
