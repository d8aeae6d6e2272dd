/** Replacing references by what they stand for, as late as possible, and keeping that out of every text. */
import { readFileSync, statSync } from "node:fs";
import { resolve as resolvePath } from "node:path";
import { type Place, type Problem, SyncError } from "../core/errors.ts";
import { redactAll, spellings } from "./redact.ts";
import { type Piece, parseReferences } from "./reference.ts";
import { isMapping } from "./walk.ts";
import type { Path } from "./yaml.ts";

const MOST_BYTES = 1024 * 1024;

export interface Secrets {
  /**
   * A copy of a config in which every `${env:NAME}` and `${file:path}` is replaced. Throws one `config` error
   * with every reference that leads nowhere; `place` says where in the user's file a path stands.
   */
  resolve<T>(config: T, place?: (...path: Path) => Place): T;
  /** The text with `***` for everything that came through a reference, in any common encoding. */
  redact(text: string): string;
}

/** `folder` is the project's: relative paths of `${file:…}` start there. */
export function openSecrets(env: Readonly<Record<string, string | undefined>>, folder: string): Secrets {
  const known = new Set<string>();
  const remember = (value: string) => {
    if (!isPlainAddress(value)) for (const spelling of spellings(value)) known.add(spelling);
    return value;
  };
  return {
    resolve<T>(config: T, place?: (...path: Path) => Place): T {
      const problems: Problem[] = [];
      const text = (value: string, path: Path): string => {
        const pieces = parseReferences(value).map((piece) => {
          if (piece.kind === "text") return piece.text;
          const found = lookUp(piece, env, folder);
          if ("value" in found) return remember(found.value);
          problems.push({ kind: "config", ...found, ...(place ? { place: place(...path) } : {}) });
          return "";
        });
        return pieces.join("");
      };
      const replaced = replace(config, [], text);
      if (problems.length > 0) throw new SyncError(problems);
      return replaced as T;
    },
    redact: (text) => redactAll(text, known),
  };
}

/** An address without a password or a query is no secret, and errors have to name it. */
function isPlainAddress(value: string): boolean {
  return /^https?:\/\/[^/?#@\s]+\/?$/i.test(value);
}

function replace(value: unknown, path: Path, text: (value: string, path: Path) => string): unknown {
  if (typeof value === "string") return text(value, path);
  if (Array.isArray(value)) return value.map((item, index) => replace(item, [...path, index], text));
  if (!isMapping(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, replace(inner, [...path, key], text)]),
  );
}

type Found = { readonly value: string } | Pick<Problem, "code" | "message" | "remedy">;

function lookUp(
  piece: Exclude<Piece, { kind: "text" }>,
  env: Readonly<Record<string, string | undefined>>,
  folder: string,
): Found {
  switch (piece.kind) {
    case "env": {
      const value = Object.hasOwn(env, piece.name) ? env[piece.name] : undefined;
      if (value) return { value };
      const state = value === undefined ? "not set" : "empty";
      return missing(
        `The environment variable ${piece.name} is ${state}.`,
        `Set ${piece.name} before the command.`,
      );
    }
    case "file":
      return readSecret(piece.path, resolvePath(folder, piece.path));
    case "bad":
      return { code: "config.bad_reference", message: "This is no reference.", remedy: REFERENCE_HELP };
  }
}

/** How a reference is written. */
export const REFERENCE_HELP = `Write \${env:NAME} or \${file:path}, or $\${ for the characters themselves.`;

function readSecret(name: string, path: string): Found {
  try {
    const found = statSync(path);
    if (!found.isFile())
      return missing(`The secret file "${name}" is not a file.`, "Name the file of one secret.");
    if (found.size > MOST_BYTES)
      return missing(`The secret file "${name}" is larger than 1 MB.`, "Name the file of one secret.");
    const value = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path)).replace(/\r?\n$/, "");
    return value === ""
      ? missing(`The secret file "${name}" is empty.`, "Put the secret into it.")
      : { value };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT")
      return missing(`There is no secret file "${name}".`, "Correct the path, or create it.");
    if (code === "ERR_ENCODING_INVALID_ENCODED_DATA")
      return missing(`The secret file "${name}" is not text in UTF-8.`, "Save it in the encoding UTF-8.");
    return missing(`The secret file "${name}" cannot be read (${code}).`, "Let this user read it.");
  }
}

function missing(message: string, remedy: string): Found {
  return { code: "config.secret_missing", message, remedy };
}
