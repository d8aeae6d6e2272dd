import { querySyntax } from "./errors.ts";

/** The tokens of OData: key predicates, filters and orderings share them. */
export type TokenKind =
  | "text"
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

const RULES: readonly (readonly [TokenKind | "space", RegExp])[] = [
  ["space", /[ \t\r\n]+/y],
  ["guid", /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![\w-])/iy],
  ["moment", /\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,7})?)?(?:Z|[+-]\d\d:\d\d)?)?(?![\w-])/y],
  ["number", /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])/y],
  ["text", /'(?:[^']|'')*'/y],
  ["text", /"(?:[^"\\]|\\.)*"/y],
  ["enum", /[A-Za-z_][\w.]*'(?:[^']|'')*'/y],
  ["name", /[A-Za-z_][\w.]*/y],
  ["alias", /@[A-Za-z_]\w*/y],
  ["punctuation", /[(),=[\]/;:$]/y],
];

function unquoted(text: string): string {
  if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  try {
    return JSON.parse(text) as string;
  } catch {
    throw querySyntax();
  }
}

/** Splits text into tokens, the last one of kind `end`; throws 400 on a character that starts none. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  next: while (at < text.length) {
    for (const [kind, pattern] of RULES) {
      pattern.lastIndex = at;
      const match = pattern.exec(text)?.[0];
      if (match === undefined) continue;
      if (kind === "text") tokens.push({ kind, text: unquoted(match), at });
      else if (kind === "enum") {
        const quote = match.indexOf("'");
        tokens.push({ kind, type: match.slice(0, quote), text: unquoted(match.slice(quote)), at });
      } else if (kind !== "space") tokens.push({ kind, text: match, at });
      at += match.length;
      continue next;
    }
    throw querySyntax(`Syntax error at position ${at} in '${text.slice(0, 500)}'.`);
  }
  tokens.push({ kind: "end", text: "", at: text.length });
  return tokens;
}
