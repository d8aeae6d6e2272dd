import { elasticVersion } from "./elastic.ts";
import { Refusal } from "./errors.ts";
import { splitUnquoted, unquote } from "./scan.ts";
import type { Unverified } from "./unverified.ts";

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

/** What each kind of request can do for a client; `odata.continue-on-error` is for batches, which repeat nothing. */
const READS = ["odata.include-annotations", "odata.maxpagesize"];
const HONOURED = {
  set: new Set([...READS, "odata.track-changes"]),
  // Page: page-results: beside $top a page size is ignored.
  top: new Set(["odata.include-annotations", "odata.track-changes"]),
  row: new Set(READS),
  write: new Set(["return", "odata.include-annotations"]),
  metadata: new Set(["odata.include-annotations"]),
} as const;

export type Honouring = keyof typeof HONOURED;

/** Asked once per row and name: a long list is looked through once per name. */
function annotationTest(list: string): (name: string) => boolean {
  const patterns = list.split(",").map((pattern) => pattern.trim());
  const known = new Map<string, boolean>();
  return (name) => {
    let wanted = known.get(name);
    if (wanted === undefined) {
      wanted = patterns.some((pattern) =>
        pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name,
      );
      known.set(name, wanted);
    }
    return wanted;
  };
}

const NAME = /^[\w.-]+$/;
const PAGE_SIZE = /^0*[1-9]\d{0,8}$/;

/** Whether a value says something that can be done: what is not understood is not repeated. */
const isUnderstood = (name: string, value: string): boolean =>
  name === "return"
    ? value === "representation"
    : name === "odata.maxpagesize"
      ? PAGE_SIZE.test(value)
      : name === "odata.include-annotations"
        ? value !== ""
        : true;

/**
 * Reads `Prefer` (page: compose-http-requests): preferences separated by commas, a value perhaps in double quotes,
 * parameters behind a semicolon passed over. Of a name that comes twice the first counts (RFC 7240, section 2).
 * @param request what is asked, which decides what can be honoured and so what `Preference-Applied` repeats
 */
export function parsePreferences(header: string | undefined, request?: Honouring): Preferences {
  const values = new Map<string, string>();
  const applied: string[] = [];
  for (const item of splitUnquoted(header ?? "", ",")) {
    const [text = ""] = splitUnquoted(item, ";");
    const equals = text.indexOf("=");
    const written = (equals < 0 ? text : text.slice(0, equals)).trim();
    const given = equals < 0 ? "" : text.slice(equals + 1).trim();
    const name = written.toLowerCase();
    const value = unquote(given);
    if (!NAME.test(written) || values.has(name) || !isUnderstood(name, value)) continue;
    values.set(name, value);
    if (request && HONOURED[request].has(name)) applied.push(equals < 0 ? written : `${written}=${given}`);
  }
  const annotations = values.get("odata.include-annotations");
  const pageSize = request === "top" ? undefined : values.get("odata.maxpagesize");
  return {
    representation: values.has("return"),
    continueOnError:
      values.has("odata.continue-on-error") && values.get("odata.continue-on-error") !== "false",
    trackChanges: values.has("odata.track-changes"),
    maxPageSize: pageSize === undefined ? undefined : Number(pageSize),
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
export function parseCondition(rules: Unverified, header: string | undefined): Condition {
  if (header === undefined || header.trim() === "" || header.trim() === "null") return { is: "none" };
  if (header.trim() === "*") return { is: "any" };
  const match = /^(?:W\/)?"?(\d+)"?$/.exec(header.trim());
  const version = match ? Number(match[1]) : elasticVersion(header.trim());
  if (version === undefined && rules.unreadableCondition === "refused") {
    throw new Refusal(400, "0x80060888", "The value of If-Match or If-None-Match is no version of a row.");
  }
  return { is: "version", version: version ?? -1 };
}
