import { elasticVersion } from "./elastic.ts";

/** Request headers, names in lower case. */
export type Headers = Readonly<Record<string, string | undefined>>;

export interface Preferences {
  readonly representation: boolean;
  readonly continueOnError: boolean;
  readonly trackChanges: boolean;
  readonly maxPageSize: number | undefined;
  /** Whether an annotation of this name was asked for. */
  readonly annotation: (name: string) => boolean;
  readonly allAnnotations: boolean;
  /** What `Preference-Applied` repeats, or undefined (page: compose-http-requests). */
  readonly applied: string | undefined;
}

const PART = /([\w.-]+)(?:\s*=\s*("[^"]*"|[^,;]*))?\s*(?:;[^,]*)?(?:,|$)/g;
const HONOURED = new Set([
  "return",
  "odata.include-annotations",
  "odata.maxpagesize",
  "odata.continue-on-error",
  "odata.track-changes",
]);

function annotationTest(list: string): (name: string) => boolean {
  const patterns = list.split(",").map((pattern) => pattern.trim());
  return (name) =>
    patterns.some((pattern) =>
      pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name,
    );
}

export function parsePreferences(header: string | undefined): Preferences {
  const values = new Map<string, string>();
  const applied: string[] = [];
  for (const match of (header ?? "").matchAll(PART)) {
    const name = match[1]!.toLowerCase();
    const value = (match[2] ?? "").trim().replace(/^"|"$/g, "");
    values.set(name, value);
    if (HONOURED.has(name))
      applied.push(match[2] === undefined ? match[1]! : `${match[1]}=${match[2].trim()}`);
  }
  const annotations = values.get("odata.include-annotations");
  const pageSize = Number(values.get("odata.maxpagesize"));
  return {
    representation: values.get("return") === "representation",
    continueOnError:
      values.has("odata.continue-on-error") && values.get("odata.continue-on-error") !== "false",
    trackChanges: values.has("odata.track-changes"),
    maxPageSize: Number.isInteger(pageSize) && pageSize > 0 ? pageSize : undefined,
    annotation: annotations === undefined ? () => false : annotationTest(annotations),
    allAnnotations: annotations === "*",
    applied: applied.length > 0 ? applied.join(",") : undefined,
  };
}

export type Condition =
  | { readonly is: "none" }
  | { readonly is: "any" }
  | { readonly is: "version"; readonly version: number };

/** `If-Match` or `If-None-Match`; the literal word `null` is no condition (page: compose-http-requests). */
export function parseCondition(header: string | undefined): Condition {
  if (header === undefined || header.trim() === "" || header.trim() === "null") return { is: "none" };
  if (header.trim() === "*") return { is: "any" };
  const match = /^(?:W\/)?"?(\d+)"?$/.exec(header.trim());
  const version = match ? Number(match[1]) : elasticVersion(header.trim());
  return { is: "version", version: version ?? -1 };
}
