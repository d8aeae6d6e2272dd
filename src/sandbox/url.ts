import { payloadError, querySyntax } from "./errors.ts";
import { type Token, tokenize } from "./lexer.ts";
import type { Unverified } from "./unverified.ts";

/**
 * Addresses (pages: compose-http-requests-handle-errors; webapi/query/overview, "Parameter aliases";
 * use-alternate-key-reference-record).
 */

/** What stands between the parentheses of a path segment. */
export type KeyText =
  | { readonly kind: "none" }
  | { readonly kind: "value"; readonly token: Token }
  | { readonly kind: "named"; readonly parts: readonly (readonly [name: string, token: Token])[] };

export interface Segment {
  readonly name: string;
  readonly key: KeyText;
}

export interface Target {
  readonly segments: readonly Segment[];
  /** Query options by name, aliases (`@p`) among them, decoded. */
  readonly query: ReadonlyMap<string, string>;
}

export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw querySyntax();
  }
}

function parseKey(text: string): KeyText {
  const tokens = tokenize(text);
  if (tokens.length === 1) return { kind: "none" };
  const first = tokens[0] as Token;
  if (tokens.length === 2 && first.kind !== "name" && first.kind !== "punctuation") {
    return { kind: "value", token: first };
  }
  const parts: [string, Token][] = [];
  for (let at = 0; ; at += 4) {
    const [name, equals, value, comma] = tokens.slice(at, at + 4);
    if (name?.kind !== "name" || equals?.text !== "=" || !value || value.kind === "end") throw querySyntax();
    if (value.kind === "punctuation" || value.kind === "quoted") throw querySyntax();
    parts.push([name.text, value]);
    if (comma?.kind === "end") return { kind: "named", parts };
    if (comma?.text !== ",") throw querySyntax();
  }
}

/** Where a parenthesis that opens at `from` closes, quotes skipped. */
function closing(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (character === "'") {
      at = text.indexOf("'", at + 1);
      if (at < 0) break;
    } else if (character === "(") depth += 1;
    else if (character === ")" && --depth === 0) return at;
  }
  throw querySyntax();
}

const ABSOLUTE = /^(https?:\/\/[^/?#]*)?\/api\/data\/v9\.[0-2]\//i;
const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

/** The organisation answers with `.api` in its name and without it; so does this machine under both its names. */
const hostOf = (address: string): string =>
  (address.split("/", 3)[2] ?? "")
    .toLowerCase()
    .replace(/^localhost(?=:|$)/, "127.0.0.1")
    .replace(/^([^.]+)\.api\.(?=crm)/, "$1.");

/**
 * What an address says below the service root; one that is relative stays as it is (page:
 * execute-batch-operations-using-web-api).
 * @param root the root under which the request came
 */
export function belowRoot(rules: Unverified, root: string, address: string): string {
  const match = ABSOLUTE.exec(address);
  const isForeign = match?.[1] !== undefined && hostOf(match[1]) !== hostOf(root);
  if ((isForeign && rules.foreignHosts === "refused") || (!match && SCHEME.test(address))) {
    throw payloadError(
      "",
      `Microsoft.OData.ODataException: The address '${address.slice(0, 200)}' is not below the service root '${root}'.`,
    );
  }
  return match ? address.slice(match[0].length) : address;
}

/** Splits a decoded path: `accounts(accountnumber='A')/name` becomes two segments. */
export function parsePath(path: string): Segment[] {
  const segments: Segment[] = [];
  let at = 0;
  while (at < path.length) {
    const open = path.indexOf("(", at);
    const slash = path.indexOf("/", at);
    let end = slash < 0 ? path.length : slash;
    if (open >= 0 && open < end) {
      const close = closing(path, open);
      const name = path.slice(at, open);
      if (name === "") throw querySyntax();
      segments.push({ name, key: parseKey(path.slice(open + 1, close)) });
      end = close + 1;
      if (end < path.length && path[end] !== "/") throw querySyntax();
    } else if (end > at) {
      segments.push({ name: path.slice(at, end), key: { kind: "none" } });
    } else if (at > 0) {
      throw querySyntax();
    }
    at = end + 1;
  }
  return segments;
}

/** Query text to options; a name that comes twice is refused (OData 4.0 URL conventions, section 5.1). */
export function parseQuery(text: string): Map<string, string> {
  const query = new Map<string, string>();
  for (const pair of text.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decode((equals < 0 ? pair : pair.slice(0, equals)).replaceAll("+", " ")).trim();
    const value = equals < 0 ? "" : decode(pair.slice(equals + 1).replaceAll("+", " "));
    if (query.has(name)) throw querySyntax(`Query option '${name}' was specified more than once.`);
    query.set(name, value);
  }
  return query;
}

/** Parses what follows the service root, still encoded. */
export function parseTarget(raw: string): Target {
  const mark = raw.indexOf("?");
  const path = mark < 0 ? raw : raw.slice(0, mark);
  return {
    segments: parsePath(decode(path)),
    query: parseQuery(mark < 0 ? "" : raw.slice(mark + 1)),
  };
}
