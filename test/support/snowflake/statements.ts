/** What kind of statement stands there, and the statement as DuckDB's: queries, DML, and the DDL that is known here. */
import { storedType } from "./functions.ts";
import { SqlRefused, type Token, tokensOf, unexpected } from "./tokens.ts";
import { type Context, closing, next, quoted, split, translate, trimmed, typeAt } from "./translate.ts";

export type Statement =
  | { readonly kind: "query"; readonly sql: string }
  | { readonly kind: "insert" | "update" | "delete" | "merge"; readonly sql: string }
  | { readonly kind: "ddl"; readonly sql: string; readonly message: string; readonly reads: boolean }
  | { readonly kind: "begin" | "commit" | "rollback" }
  | {
      readonly kind: "alter session";
      readonly parameters: Readonly<Record<string, string | number | boolean>>;
    };

const DML = { INSERT: "insert", UPDATE: "update", DELETE: "delete", MERGE: "merge" } as const;

/** "Query text size limit": a statement has at most 1 MB. */
const MOST_BYTES = 1024 * 1024;

export function statementOf(sqlText: string, context: Context): Statement {
  if (Buffer.byteLength(sqlText) > MOST_BYTES) {
    throw new SqlRefused("000001", "42601", "SQL compilation error:\nThe statement is larger than 1 MB.");
  }
  const tokens = trimmed(tokensOf(sqlText));
  while (tokens.at(-1)?.text === ";") tokens.splice(-1);
  const ended = split(tokens, ";").length;
  if (ended > 1) {
    throw new SqlRefused(
      "000008",
      "0A000",
      `Actual statement count ${ended} did not match the desired statement count 1.`,
    );
  }
  const words = tokens.filter(({ kind }) => kind !== "space");
  const [first, second] = words;
  if (first === undefined)
    throw new SqlRefused("000900", "42601", "SQL compilation error:\nEmpty SQL statement.");
  switch (first.value) {
    case "SELECT":
    case "WITH":
    case "(":
      return { kind: "query", sql: translate(tokens, context) };
    case "INSERT":
    case "UPDATE":
    case "DELETE":
    case "MERGE":
      return { kind: DML[first.value], sql: translate(tokens, context) };
    case "BEGIN":
    case "COMMIT":
    case "ROLLBACK":
      if (second !== undefined && second.value !== "TRANSACTION") throw unexpected(second);
      return { kind: first.value.toLowerCase() as "begin" };
    case "ALTER":
      if (second?.value === "SESSION") return alterSession(words.slice(2));
      return alterTable(words);
    case "CREATE":
      return create(tokens, context);
    case "DROP":
      return drop(words);
    case "TRUNCATE":
      return ddl(
        `TRUNCATE ${names(words.slice(second?.value === "TABLE" ? 2 : 1))}`,
        "Statement executed successfully.",
      );
    default:
      throw unexpected(first);
  }
}

const ddl = (sql: string, message: string, reads = false): Statement => ({
  kind: "ddl",
  sql,
  message,
  reads,
});

/** Names with dots between, to the end of the tokens. */
function names(words: readonly Token[]): string {
  for (const word of words) {
    if (!(word.kind === "word" || word.kind === "quoted" || word.text === ".")) throw unexpected(word);
  }
  return words.map((word) => (word.text === "." ? "." : quoted(word.value))).join("");
}

function alterSession(words: readonly Token[]): Statement {
  const [set, ...rest] = words;
  if (set?.value !== "SET") throw unexpected(set!);
  const parameters: Record<string, string | number | boolean> = {};
  for (const part of split(rest, ",")) {
    const [name, equals, value] = part;
    if (part.length !== 3 || equals?.text !== "=") throw unexpected(part[0] ?? set);
    parameters[name!.value] =
      value!.kind === "number"
        ? Number(value!.text)
        : value!.kind === "word"
          ? value!.value === "TRUE"
          : value!.value;
  }
  return { kind: "alter session", parameters };
}

function alterTable(words: readonly Token[]): Statement {
  const rename = words.findIndex(({ value }) => value === "RENAME");
  if (words[1]?.value !== "TABLE" || words[rename + 1]?.value !== "TO")
    throw unexpected(words[1] ?? words[0]!);
  const target = words.slice(rename + 2).filter(({ text }) => text !== ".");
  return ddl(
    `ALTER TABLE ${names(words.slice(2, rename))} RENAME TO ${quoted(target.at(-1)!.value)}`,
    "Statement executed successfully.",
  );
}

function drop(words: readonly Token[]): Statement {
  const [, what, ...rest] = words;
  if (what?.value !== "TABLE" && what?.value !== "SCHEMA") throw unexpected(what ?? words[0]!);
  const exists = rest[0]?.value === "IF" && rest[1]?.value === "EXISTS";
  const name = names(exists ? rest.slice(2) : rest);
  const cascade = what.value === "SCHEMA" ? " CASCADE" : "";
  return ddl(
    `DROP ${what.value} ${exists ? "IF EXISTS " : ""}${name}${cascade}`,
    `${name} successfully dropped.`,
  );
}

function create(tokens: readonly Token[], context: Context): Statement {
  let i = next(tokens, 1);
  let replace = "";
  const word = (): string | undefined => tokens[i]?.value;
  const step = (count = 1): void => {
    for (let n = 0; n < count; n += 1) i = next(tokens, i + 1);
  };
  if (word() === "OR") {
    step(2);
    replace = " OR REPLACE";
  }
  // Transient tables lack fail-safe storage, temporary ones end with the session: neither is told here.
  if (word() === "TRANSIENT") step();
  const what = tokens[i]!;
  if (what.value !== "TABLE" && what.value !== "SCHEMA") throw unexpected(what);
  step();
  let unless = "";
  if (word() === "IF") {
    step(3);
    unless = " IF NOT EXISTS";
  }
  const start = i;
  while (
    i < tokens.length &&
    (tokens[i]!.kind === "quoted" ||
      tokens[i]!.text === "." ||
      (tokens[i]!.kind === "word" && word() !== "AS"))
  )
    step();
  const name = names(tokens.slice(start, i).filter(({ kind }) => kind !== "space"));
  const made = `Table ${name} successfully created.`;
  if (what.value === "SCHEMA") return ddl(`CREATE${replace} SCHEMA${unless} ${name}`, made);
  if (word() === "AS") {
    const select = translate(tokens.slice(next(tokens, i + 1)), context);
    return ddl(`CREATE${replace} TABLE${unless} ${name} AS ${select}`, made, true);
  }
  if (tokens[i]?.text !== "(") throw unexpected(tokens[i] ?? what);
  const columns = split(tokens.slice(i + 1, closing(tokens, i)), ",").map((part) =>
    columnDefinition(trimmed(part)),
  );
  return ddl(`CREATE${replace} TABLE${unless} ${name} (${columns.join(", ")})`, made);
}

function columnDefinition(tokens: readonly Token[]): string {
  const [name] = tokens;
  const [type, end] = typeAt(tokens, next(tokens, 1));
  const stored = storedType(type);
  if (name === undefined || stored === undefined) {
    throw new SqlRefused("002040", "42601", `SQL compilation error:\nUnsupported data type '${type}'.`);
  }
  const rest = trimmed(tokens.slice(end)).filter(({ kind }) => kind !== "space");
  const constraint = rest.map(({ value }) => value).join(" ");
  // A primary key is written down and not enforced, but for its being NOT NULL.
  if (!["", "NOT NULL", "PRIMARY KEY"].includes(constraint)) throw unexpected(rest[0]!);
  return `${quoted(name.value)} ${stored} ${constraint === "" ? "" : "NOT NULL"}`;
}
