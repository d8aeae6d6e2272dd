/** YAML with the place of every key and value. */
import {
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  Parser,
  parseDocument,
  type Scalar,
  visit,
  type YAMLError,
} from "yaml";
import { type Place, type Problem, SyncError } from "../core/errors.ts";

export type Path = readonly (string | number)[];

/** A parsed file of the user's. */
export interface Source {
  /** Relative to the project's folder. */
  readonly file: string;
  readonly data: unknown;
  /** Where the key (or, for `value`, the value) at a path stands; what is not there stands where its parent does. */
  place(path: Path, part?: "key" | "value"): Place;
}

/** Parses one YAML document. Throws every problem of its syntax as `config.yaml`. */
export function parseYaml(text: string, file: string): Source {
  const lines = new LineCounter();
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const problem = (message: string, remedy: string, offset = 0): Problem => ({
    kind: "config",
    code: "config.yaml",
    message,
    remedy,
    place: at(offset),
  });
  if (depthOf(text) > DEEPEST) throw new SyncError(problem("The file is nested too deeply.", "Flatten it."));
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    logLevel: "error",
  });
  const broken = [...document.errors, ...document.warnings];
  const first = broken.find((error) => error.code !== "DUPLICATE_KEY");
  const told = broken.filter((error) => error.code === "DUPLICATE_KEY" || error === first);
  if (told.length > 0)
    throw new SyncError(told.map((error) => problem(...explain(error, text), error.pos[0])));
  const inexact = inexactNumbers(document).map((node) =>
    problem(`The number ${node.source} cannot be held exactly.`, "Put it in quotes.", node.range?.[0]),
  );
  if (inexact.length > 0) throw new SyncError(inexact);
  let data: unknown;
  try {
    data = document.toJS();
  } catch (cause) {
    const said = /unresolved alias/i.test(String(cause))
      ? problem("An alias (*name) has no anchor (&name) before it.", "Put text that starts with * in quotes.")
      : problem("The file's aliases unfold into too much.", "Write out what the aliases stand for.");
    throw new SyncError(said, cause);
  }
  return { file, data, place: (path, part = "key") => at(offsetOf(document, path, part)) };
}

/** Far more than the language has, far less than what exhausts the stack of the composer, which recurses. */
const DEEPEST = 100;

/** How deeply a text is nested, found without recursion. */
function depthOf(text: string): number {
  let deepest = 0;
  const open: [token: CST.Token, depth: number][] = [...new Parser().parse(text)].map((token) => [token, 0]);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [token, depth] = next;
    deepest = Math.max(deepest, depth);
    const items = "items" in token ? token.items : [];
    const inner = items.flatMap(({ key, value }: CST.CollectionItem) => [key, value]);
    if (token.type === "document") inner.push(token.value);
    for (const part of inner) if (part) open.push([part, depth + 1]);
  }
  return deepest;
}

function explain(error: YAMLError, text: string): [message: string, remedy: string] {
  switch (error.code) {
    case "DUPLICATE_KEY": {
      const key = /^["']?([\w$.-]*)/.exec(text.slice(error.pos[0]))?.[1] ?? "";
      return [`The key "${key}" stands twice in one mapping.`, "Keep one of them."];
    }
    case "TAB_AS_INDENT":
      return ["The line is indented with a tab.", "Indent with spaces."];
    case "BAD_INDENT":
      return ["The line's indentation fits nothing above it.", "Align it with the keys it belongs to."];
    case "MULTIPLE_DOCS":
      return ["The file holds several documents.", "Give each its own file."];
    case "TAG_RESOLVE_FAILED":
      return ["Tags such as !name mean nothing here.", "Leave the tag out."];
    case "NON_STRING_KEY":
      return ["A key must be text.", "Put text that starts with [, { or * in quotes."];
    default:
      // The parser's own words, without what it quotes of the file: that may be part of a secret.
      return [
        `This is no YAML: ${error.message.replace(/:? ".*$/s, "")}.`,
        "Correct the line, or the one above it.",
      ];
  }
}

/** Numbers that a binary float would change. */
function inexactNumbers(document: Document): Scalar[] {
  const found: Scalar[] = [];
  visit(document, {
    Scalar(key, node) {
      if (key === "key" || typeof node.value !== "number" || node.source === undefined) return;
      const decimal = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(node.source);
      if (decimal ? digits(node.source) !== digits(String(node.value)) : !Number.isSafeInteger(node.value))
        if (Number.isFinite(node.value) || decimal) found.push(node);
    },
  });
  return found;
}

/** The significant digits and the power of ten of a decimal number, so that 1.50, 15e-1 and 1.5 are one. */
function digits(number: string): string {
  const [mantissa = "", exponent = "0"] = number.toLowerCase().replace(/^\+/, "").split("e");
  const [whole = "", fraction = ""] = mantissa.replace("-", "").split(".");
  const all = (whole + fraction).replace(/^0+/, "");
  const kept = all.replace(/0+$/, "");
  if (kept === "") return "0";
  const power = Number(exponent) - fraction.length + (all.length - kept.length);
  return `${mantissa.startsWith("-") ? "-" : ""}${kept}e${power}`;
}

function offsetOf(document: Document, path: Path, part: "key" | "value"): number {
  let node: Node | null | undefined = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const [depth, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    const last = depth === path.length - 1;
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find((item) => keyOf(item) === String(step));
      if (pair === undefined) return offset;
      node = pair.value as Node | null;
      const named = (pair.key as Node).range?.[0] ?? offset;
      offset = last && part === "value" ? (node?.range?.[0] ?? named) : named;
    } else if (isSeq(node)) {
      node = node.items[Number(step)] as Node | undefined;
      offset = node?.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}

function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}
