import { querySyntax } from "./errors.ts";

/**
 * The tokens of OData (OData 4.0 ABNF): key predicates, filters and orderings share them (page: webapi/query/overview).
 * Each is read in one pass: a request may hold megabytes of quotes.
 */
export type TokenKind =
  | "text"
  /** In double quotes: only lists of values take it (page: webapi/query/filter-rows, "Manage single quotes"). */
  | "quoted"
  | "number"
  | "guid"
  | "moment"
  | "name"
  | "alias"
  | "enum"
  | "punctuation"
  | "end";

export interface Token {
  readonly kind: TokenKind;
  /** For text and enums the value without quotes. */
  readonly text: string;
  /** For enums the type before the quotes. */
  readonly type?: string;
  readonly at: number;
}

const SPACE = /[ \t\r\n]+/y;
const NAME = /[A-Za-z_][\w.]*/y;
const RULES: readonly (readonly [TokenKind, RegExp])[] = [
  ["guid", /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![\w-])/iy],
  ["moment", /\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,7})?)?(?:Z|[+-]\d\d:\d\d)?)?(?![\w-])/y],
  ["number", /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])/y],
  ["name", NAME],
  ["alias", /@[A-Za-z_]\w*/y],
  ["punctuation", /[(),=[\]/;:$]/y],
];

/** Where a text in single quotes ends that begins at `from`: a doubled quote is one of its own. */
function endOfText(text: string, from: number): number | undefined {
  for (let at = text.indexOf("'", from + 1); at >= 0; at = text.indexOf("'", at + 2)) {
    if (text[at + 1] !== "'") return at + 1;
  }
  return undefined;
}

/** Where a JSON text ends that begins at `from`. */
function endOfQuoted(text: string, from: number): number | undefined {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === '"') return at + 1;
  }
  return undefined;
}

const inside = (text: string, from: number, end: number): string =>
  text.slice(from + 1, end - 1).replaceAll("''", "'");

function jsonText(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    throw querySyntax();
  }
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** The token at a place and where it ends; undefined when none begins there. */
function tokenAt(text: string, at: number): readonly [Token, number] | undefined {
  if (text[at] === "'") {
    const end = endOfText(text, at);
    return end === undefined ? undefined : [{ kind: "text", text: inside(text, at, end), at }, end];
  }
  if (text[at] === '"') {
    const end = endOfQuoted(text, at);
    return end === undefined ? undefined : [{ kind: "quoted", text: jsonText(text.slice(at, end)), at }, end];
  }
  for (const [kind, pattern] of RULES) {
    const match = matchAt(pattern, text, at);
    if (match === undefined) continue;
    const next = at + match.length;
    const end = kind === "name" && text[next] === "'" ? endOfText(text, next) : undefined;
    if (end !== undefined) return [{ kind: "enum", type: match, text: inside(text, next, end), at }, end];
    return [{ kind, text: match, at }, next];
  }
  return undefined;
}

/** Splits text into tokens, the last one of kind `end`; throws 400 on a character that starts none. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    at += matchAt(SPACE, text, at)?.length ?? 0;
    if (at >= text.length) break;
    const found = tokenAt(text, at);
    if (!found) throw querySyntax(`Syntax error at position ${at} in '${text.slice(0, 500)}'.`);
    tokens.push(found[0]);
    at = found[1];
  }
  tokens.push({ kind: "end", text: "", at: text.length });
  return tokens;
}
