/** The flags that plan and run share: what is planned with them is what runs with them. */
import { Flags } from "@oclif/core";
import { fail } from "../core/errors.ts";
import type { Allow, Allowed } from "../sync/guard.ts";

export const syncFlags = {
  allow: Flags.option({
    options: ["removed", "changed"] as const,
    multiple: true,
    multipleNonGreedy: true,
    summary: "Let more rows be removed, or changed, than the guard allows. May be repeated.",
  })(),
  full: Flags.boolean({
    summary: "Write every row again, whole; what has left the model is still removed.",
  }),
};

export const allowedBy = (allow: readonly Allow[] | undefined): Allowed => new Set(allow);

/** Keys as they are given on the command line: a text, or a JSON list where the key has several columns. */
export function keysOf(texts: readonly string[], primaryKey: readonly string[]): readonly string[][] {
  return texts.map((text) => {
    if (primaryKey.length === 1) return [text];
    const parts = listIn(text);
    if (parts?.length === primaryKey.length) return parts.map(String);
    throw fail.config(
      "cli.usage",
      `The primary key has ${primaryKey.length} columns (${primaryKey.join(", ")}); ${text} is no list of as many.`,
      `Write --key '${JSON.stringify(primaryKey)}', with the values.`,
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
