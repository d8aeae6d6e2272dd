/** Snowflake's SQL as tokens, with where each stands: "Identifiers" and "String constants" of its SQL reference. */
export interface Token {
  readonly kind: "space" | "word" | "quoted" | "string" | "number" | "mark";
  /** As it was written. */
  readonly text: string;
  /** A name or a string without its marks. */
  readonly value: string;
  /** From 1. */
  readonly line: number;
  /** From 0. */
  readonly position: number;
}

/** The server's own way to refuse. */
export class SqlRefused extends Error {
  readonly code: string;
  readonly sqlState: string;

  constructor(code: string, sqlState: string, message: string) {
    super(message);
    this.code = code;
    this.sqlState = sqlState;
  }
}

const at = ({ line, position }: Pick<Token, "line" | "position">): string =>
  `error line ${line} at position ${position}`;

export const compilationError = (token: Token, code: string, sqlState: string, what: string): SqlRefused =>
  new SqlRefused(code, sqlState, `SQL compilation error: ${at(token)}\n${what}`);

export const unexpected = (token: Token): SqlRefused =>
  new SqlRefused(
    "001003",
    "42000",
    `SQL compilation error:\nsyntax ${at(token)} unexpected '${token.text}'.`,
  );

const PATTERNS: readonly (readonly [Token["kind"], RegExp])[] = [
  ["space", /\s+|--[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\//y],
  ["word", /[A-Za-z_][A-Za-z0-9_$]*/y],
  ["quoted", /"(?:[^"]|"")*"/y],
  ["string", /'(?:[^'\\]|''|\\[\s\S])*'/y],
  ["number", /\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+/y],
  ["mark", /::|\|\||<>|!=|<=|>=|=>|[(),.;=<>+\-*/%[\]{}:?@$!]/y],
];

export function tokensOf(sql: string): Token[] {
  const tokens: Token[] = [];
  let offset = 0;
  let line = 1;
  let lineStart = 0;
  while (offset < sql.length) {
    let found: Token | undefined;
    for (const [kind, pattern] of PATTERNS) {
      pattern.lastIndex = offset;
      const text = pattern.exec(sql)?.[0];
      if (text === undefined) continue;
      found = { kind, text, value: meant(kind, text), line, position: offset - lineStart };
      break;
    }
    if (found === undefined) {
      throw unexpected({ kind: "mark", text: sql[offset]!, value: "", line, position: offset - lineStart });
    }
    tokens.push(found);
    for (const { index } of found.text.matchAll(/\n/g)) {
      line += 1;
      lineStart = offset + index + 1;
    }
    offset += found.text.length;
  }
  return tokens;
}

function meant(kind: Token["kind"], text: string): string {
  if (kind === "word") return text.toUpperCase();
  if (kind === "quoted") return text.slice(1, -1).replaceAll('""', '"');
  if (kind !== "string") return text;
  return text
    .slice(1, -1)
    .replaceAll(
      /''|\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\([\s\S])/g,
      (all, u, x, one: string | undefined) => {
        if (all === "''") return "'";
        if (u ?? x) return String.fromCharCode(Number.parseInt(u ?? x, 16));
        return ESCAPES[one!] ?? one!;
      },
    );
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  "0": "\u0000",
};
