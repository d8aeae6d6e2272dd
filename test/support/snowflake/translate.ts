/**
 * Snowflake's SQL as DuckDB's: names in capitals unless quoted, its functions, types and literals. It is strict:
 * what is in none of the tables is refused as Snowflake refuses what it does not know. Line breaks are kept, so
 * that DuckDB's errors point to the same lines.
 */
import { createHash } from "node:crypto";
import { castTo, FUNCTIONS, momentFormat, storedType } from "./functions.ts";
import { compilationError, SqlRefused, type Token, unexpected } from "./tokens.ts";

const KEYWORDS = new Set(
  `SELECT DISTINCT ALL FROM WHERE GROUP BY HAVING ORDER ASC DESC NULLS FIRST LAST LIMIT OFFSET AS ON USING JOIN LEFT RIGHT
  FULL OUTER INNER CROSS UNION EXCEPT INTERSECT WITH CASE WHEN THEN ELSE END AND OR NOT IN IS NULL TRUE FALSE BETWEEN
  LIKE ILIKE ESCAPE EXISTS OVER PARTITION ROWS BETWEEN UNBOUNDED PRECEDING FOLLOWING CURRENT ROW VALUES INSERT INTO
  UPDATE SET DELETE MERGE MATCHED QUALIFY GROUPING SETS`.split(/\s+/),
);

/** Words that nothing is called by unless it is quoted: "Reserved & limited keywords", those that ANSI reserves. */
const RESERVED = new Set(
  `ALTER ANY CHECK COLUMN CONNECT CONSTRAINT CREATE DROP FOR GRANT INCREMENT LATERAL MINUS NATURAL OF REGEXP REVOKE RLIKE
  SAMPLE SOME START TABLE TABLESAMPLE TO TRIGGER UNIQUE WHENEVER`.split(/\s+/),
);

const MARKS = new Set("( ) , . = < > <> != <= >= + - * / % ||".split(" "));

/** What the session answers for itself. */
export type Context = Readonly<Record<string, string | null>>;

/** A name that DuckDB, which does not tell small letters from capitals, tells from all others. */
export function encoded(name: string): string {
  if (!/[a-z]/.test(name)) return name;
  return `${name}~${createHash("sha256").update(name).digest("hex").slice(0, 8)}`;
}

export const decoded = (name: string): string => name.replace(/~[0-9a-f]{8}$/, "");

export const quoted = (name: string): string => `"${encoded(name).replaceAll('"', '""')}"`;

const literal = (text: string): string => {
  if (text.includes("\u0000"))
    return `'${text.replaceAll("'", "''").split("\u0000").join("' || chr(0) || '")}'`;
  return `'${text.replaceAll("'", "''")}'`;
};

const isSpace = (token: Token | undefined): boolean => token?.kind === "space";
const is = (token: Token | undefined, ...words: readonly string[]): boolean =>
  token !== undefined && (token.kind === "word" || token.kind === "mark") && words.includes(token.value);

/** The index of the next token that is no space. */
export function next(tokens: readonly Token[], from: number): number {
  let i = from;
  while (isSpace(tokens[i])) i += 1;
  return i;
}

/** The index of the parenthesis that closes the one at `open`. */
export function closing(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let i = open; i < tokens.length; i += 1) {
    if (is(tokens[i], "(")) depth += 1;
    if (is(tokens[i], ")") && --depth === 0) return i;
  }
  throw unexpected(tokens.at(-1)!);
}

/** Tokens between marks at the top level. */
export function split(tokens: readonly Token[], mark: string): Token[][] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (is(token, "(")) depth += 1;
    if (is(token, ")")) depth -= 1;
    if (depth === 0 && is(token, mark)) parts.push([]);
    else parts.at(-1)!.push(token);
  }
  return parts;
}

export const trimmed = (tokens: readonly Token[]): Token[] => {
  const kept = [...tokens];
  while (isSpace(kept[0])) kept.shift();
  while (isSpace(kept.at(-1))) kept.pop();
  return kept;
};

export function translate(tokens: readonly Token[], context: Context): string {
  /** What has been written since the operand of a `::` began. */
  const out: string[] = [];
  let operand = 0;
  let i = 0;
  const write = (text: string): void => {
    operand = out.length;
    out.push(text);
  };
  while (i < tokens.length) {
    const token = tokens[i]!;
    const after = next(tokens, i + 1);
    if (token.kind === "space") {
      out.push(token.text.replaceAll(/[^\n]+/g, " "));
      i += 1;
    } else if (is(token, "INFORMATION_SCHEMA") && is(tokens[i + 1], ".")) {
      if (context.CURRENT_DATABASE === null) {
        const what =
          "This session does not have a current database. Call 'USE DATABASE', or use a qualified name.";
        throw new SqlRefused("090105", "22000", `Cannot perform SELECT. ${what}`);
      }
      write(catalogView(tokens[i + 2]));
      i += 3;
    } else if (token.kind === "word" && is(tokens[after], "(") && !isNoCall(tokens, i)) {
      const end = closing(tokens, after);
      write(call(token, tokens.slice(after + 1, end), tokens, end, context));
      i = end + 1;
    } else if (token.kind === "word") {
      // A part of a qualified name is one operand with what stands before it.
      if (RESERVED.has(token.value)) throw unexpected(token);
      if (KEYWORDS.has(token.value) && !is(tokens[i - 1], ".")) write(token.value);
      else name(token.value);
      i += 1;
    } else if (token.kind === "quoted") {
      name(token.value);
      i += 1;
    } else if (is(token, "(")) {
      const end = closing(tokens, i);
      // Nothing that writes stands in parentheses.
      if (is(tokens[after], "INSERT", "UPDATE", "DELETE", "MERGE")) throw unexpected(tokens[after]!);
      write(`(${translate(tokens.slice(i + 1, end), context)})`);
      i = end + 1;
    } else if (is(token, "::")) {
      const [type, end] = typeAt(tokens, after);
      const x = out.splice(operand).join("");
      out.push(cast(token, type, x.trim()));
      i = end;
    } else if (token.kind === "string") {
      write(literal(token.value));
      i += 1;
    } else if (token.kind === "number") {
      write(token.text);
      i += 1;
    } else if (MARKS.has(token.text)) {
      if (token.text === ".") out.push(".");
      else write(token.text);
      i += 1;
    } else {
      throw unexpected(token);
    }
  }
  return out.join("");

  function name(value: string): void {
    if (is(tokens[i - 1], ".")) out.push(quoted(value));
    else write(quoted(value));
  }
}

/** The current database's tables or schemas, by the names that they have for the user. */
function catalogView(token: Token | undefined): string {
  const plain = (column: string): string => `regexp_replace(${column}, '~[0-9a-f]{8}$', '') AS ${column}`;
  switch (token?.value) {
    case "TABLES":
      return `(SELECT ${plain("table_schema")}, ${plain("table_name")} FROM information_schema.tables WHERE table_catalog = current_database()) AS "TABLES"`;
    case "SCHEMATA":
      return `(SELECT ${plain("schema_name")} FROM information_schema.schemata WHERE catalog_name = current_database()) AS "SCHEMATA"`;
    case "OBJECT_PRIVILEGES":
      return `${GRANTS} AS "OBJECT_PRIVILEGES"`;
    default:
      throw unexpected(token!);
  }
}

/** Where the account's grants are kept: a table of DuckDB's own database. */
export const GRANTS = '"memory".main.grants';

/** A keyword, or the alias of a table that names its columns too. */
const isNoCall = (tokens: readonly Token[], i: number): boolean =>
  isKeywordHere(tokens, i) ||
  is(
    tokens.slice(0, i).findLast((token) => !isSpace(token)),
    "AS",
  );

function isKeywordHere(tokens: readonly Token[], i: number): boolean {
  const token = tokens[i]!;
  if (!KEYWORDS.has(token.value)) return false;
  return !(
    token.value in FUNCTIONS &&
    /^(LEFT|RIGHT)$/.test(token.value) &&
    !is(tokens[next(tokens, i + 1)], "JOIN")
  );
}

function cast(token: Token, type: string, x: string): string {
  const made = castTo(type, x);
  if (made === undefined)
    throw compilationError(token, "002040", "42601", `Unsupported data type '${type}'.`);
  return made;
}

/** A type that starts at a token, as one text, and where it ends. */
export function typeAt(tokens: readonly Token[], start: number): [type: string, end: number] {
  const first = tokens[start];
  if (first?.kind !== "word") throw unexpected(first ?? tokens.at(-1)!);
  let end = start + 1;
  let name = first.value;
  if (name === "DOUBLE" && is(tokens[next(tokens, end)], "PRECISION")) {
    name = "DOUBLE PRECISION";
    end = next(tokens, end) + 1;
  }
  const open = next(tokens, end);
  if (!is(tokens[open], "(")) return [name, end];
  const close = closing(tokens, open);
  const parameters = tokens.slice(open + 1, close).filter((token) => !isSpace(token));
  return [`${name}(${parameters.map(({ value }) => value).join("")})`, close + 1];
}

function call(
  name: Token,
  inside: readonly Token[],
  tokens: readonly Token[],
  end: number,
  context: Context,
): string {
  const args = trimmed(inside).length === 0 ? [] : split(inside, ",").map(trimmed);
  const written = (): string[] => args.map((arg) => translate(arg, context));
  const lines = "\n".repeat(
    tokens.slice(tokens.indexOf(name), end).filter(({ text }) => text.includes("\n")).length,
  );
  const keepLines = (sql: string): string => sql + lines.slice(sql.split("\n").length - 1);
  if (Object.hasOwn(context, name.value) && args.length === 0) {
    const value = context[name.value];
    return value === null ? "CAST(NULL AS VARCHAR)" : literal(value!);
  }
  switch (name.value) {
    case "CAST":
    case "TRY_CAST": {
      const [x, type] = castParts(name, inside);
      const value = translate(x, context);
      if (name.value === "CAST") return keepLines(cast(name, typeAt(type, 0)[0], value));
      const target = storedType(typeAt(type, 0)[0]);
      if (target === undefined) throw unexpected(type[0]!);
      return keepLines(`TRY_CAST(sf_string(${value}) AS ${target})`);
    }
    case "TO_VARCHAR":
    case "TO_CHAR":
      return keepLines(text(name, written(), args[1]));
    case "TO_DATE":
    case "TRY_TO_DATE": {
      const format = formatOf(name, args[1]) ?? "%Y-%m-%d";
      const [x] = written();
      return name.value === "TO_DATE"
        ? `CAST(strptime(sf_string(${x}), '${format}') AS DATE)`
        : `CAST(try_strptime(sf_string(${x}), '${format}') AS DATE)`;
    }
    case "TO_TIMESTAMP_NTZ":
    case "TRY_TO_TIMESTAMP_NTZ": {
      if (args[1] !== undefined && args[1][0]?.value !== "AUTO") throw unexpected(args[1][0]!);
      return `${name.value.startsWith("TRY") ? "TRY_CAST" : "CAST"}(sf_string(${written()[0]}) AS TIMESTAMP)`;
    }
    case "CONVERT_TIMEZONE": {
      const [a, b, x] = written();
      if (x === undefined) return `(sf_instant(${b}) AT TIME ZONE ${a})`;
      return `((CAST(${x} AS TIMESTAMP) AT TIME ZONE ${a}) AT TIME ZONE ${b})`;
    }
    case "DATE_PART":
      if (args[0]?.[0]?.value !== "EPOCH_MILLISECOND") throw unexpected(args[0]?.[0] ?? name);
      return `CAST(epoch_ms(${translate(args[1]!, context)}) AS DECIMAL(38,0))`;
    // Of a column, alone in its place: the rows whose role the session has. Roles here inherit nothing.
    case "IS_ROLE_IN_SESSION":
      return `(${written()[0]} = ${context.CURRENT_ROLE === null ? "NULL" : literal(context.CURRENT_ROLE!)})`;
    case "TABLE": {
      const [generator, , rowCount, , arrow, , count] = args[0] ?? [];
      if (!is(generator, "GENERATOR")) throw unexpected(generator ?? name);
      const number = [rowCount, arrow, count, ...(args[0] ?? [])].find((token) => token?.kind === "number");
      return `(SELECT range AS "SEQ" FROM range(CAST(${number?.text} AS BIGINT)))`;
    }
  }
  const writer = FUNCTIONS[name.value];
  if (writer === undefined) {
    throw compilationError(name, "002140", "42601", `Unknown function ${name.value}`);
  }
  if (/^(ROW_NUMBER|RANK|DENSE_RANK)$/.test(name.value)) requireOrder(name, tokens, end);
  const [distinct] = args[0] ?? [];
  if (is(distinct, "DISTINCT", "*")) return keepLines(`${name.value}(${translate(inside, context)})`);
  return keepLines(writer(written()));
}

function castParts(name: Token, inside: readonly Token[]): [Token[], Token[]] {
  const parts = split(inside, "AS");
  if (parts.length !== 2) throw unexpected(name);
  return [trimmed(parts[0]!), trimmed(parts[1]!)];
}

function text(name: Token, [x]: readonly string[], format: readonly Token[] | undefined): string {
  if (format === undefined) return `sf_text(${x})`;
  const model = format[0]?.value ?? "";
  if (model === "HEX") return `hex(${x})`;
  if (model === "FM9.9999999999999999EEEEE") return `printf('%.16e', ${x})`;
  return `strftime(sf_moment(${x}), '${formatOf(name, format)}')`;
}

function formatOf(name: Token, format: readonly Token[] | undefined): string | undefined {
  if (format === undefined) return undefined;
  const made =
    format.length === 1 && format[0]?.kind === "string" ? momentFormat(format[0].value) : undefined;
  if (made === undefined) {
    throw new SqlRefused("100096", "22007", `Can't parse the format '${format[0]?.value}' of ${name.value}`);
  }
  return made;
}

/** "Window function type [ROW_NUMBER] requires ORDER BY in window specification." */
function requireOrder(name: Token, tokens: readonly Token[], end: number): void {
  const over = next(tokens, end + 1);
  const open = next(tokens, over + 1);
  const ordered =
    is(tokens[over], "OVER") &&
    is(tokens[open], "(") &&
    tokens.slice(open, closing(tokens, open)).some((token) => is(token, "ORDER"));
  if (!ordered) {
    throw compilationError(
      name,
      "002303",
      "0A000",
      `Window function type [${name.value}] requires ORDER BY in window specification.`,
    );
  }
}
