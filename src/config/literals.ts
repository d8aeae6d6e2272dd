/** Refusing secrets that are written into the config, and references where nothing replaces them. */
import { type Finding, finding } from "./problems.ts";
import { type Piece, parseReferences } from "./reference.ts";
import type { Schema } from "./schema.ts";
import { REFERENCE_HELP } from "./secrets.ts";
import { parts } from "./walk.ts";
import type { Path, Source } from "./yaml.ts";

/** Keys of `backhaul.yml` below which references are replaced. */
const RESOLVED = new Set(["warehouses", "destinations", "schedule", "alerts"]);

/** Literal secrets, broken references and misplaced ones of a file. */
export function literalFindings(source: Source, schema: Schema, isProject: boolean): Finding[] {
  const found: Finding[] = [];
  for (const part of parts(schema, source.data)) {
    if (typeof part.value !== "string") continue;
    const pieces = parseReferences(part.value);
    const resolved = isProject && RESOLVED.has(String(part.path[0]));
    const reason = resolved ? refusal(pieces, part.schema, part.path) : misplaced(pieces);
    if (reason !== undefined) found.push(finding(source, part.path, ...reason));
  }
  return found;
}

type Reason = [code: string, message: string, remedy: string];

function refusal(pieces: readonly Piece[], schema: Schema, path: Path): Reason | undefined {
  const key = String(path.findLast((step) => typeof step === "string"));
  if (pieces.some(({ kind }) => kind === "bad"))
    return [
      "bad_reference",
      `"${key}" holds something that starts like a reference and is none.`,
      REFERENCE_HELP,
    ];
  const variable = key.toUpperCase().replace(/\W/g, "_");
  if (schema.secret && (pieces.length === 0 || pieces.some(({ kind }) => kind === "text")))
    return [
      "literal_secret",
      `"${key}" is a secret, and secrets are not written into the config.`,
      `Put it into the environment and write "\${env:${variable}}", or into a file and write "\${file:path}".`,
    ];
  if (hasLiteralPassword(pieces))
    return [
      "literal_secret",
      `"${key}" holds a password, and secrets are not written into the config.`,
      `Put the whole address into the environment and write "\${env:${variable}}".`,
    ];
  return undefined;
}

/** Whether an address holds a password in clear: `scheme://user:password@host`, or `?password=`. */
function hasLiteralPassword(pieces: readonly Piece[]): boolean {
  // References become a character that stands in no address, so that what is left of a password is literal.
  const text = pieces.map((piece) => (piece.kind === "text" ? piece.text : "\0")).join("");
  const userinfo = /^\s*[a-z][a-z0-9+.-]*:\/\/([^/?#]*)@/i.exec(text)?.[1] ?? "";
  const password = userinfo.includes(":") ? userinfo.slice(userinfo.indexOf(":") + 1) : "";
  const query = [...text.matchAll(/[?&](?:ssl)?(?:password|pwd|passphrase|token|secret)=([^&#]*)/gi)].map(
    ([, value]) => value,
  );
  return [password, ...query].some((value) => value !== undefined && value.replaceAll("\0", "") !== "");
}

function misplaced(pieces: readonly Piece[]): Reason | undefined {
  if (!pieces.some(({ kind }) => kind === "env" || kind === "file")) return undefined;
  return [
    "bad_reference",
    "A reference stands where none is replaced.",
    "References belong below warehouses, destinations, schedule and alerts of backhaul.yml; write the value itself here.",
  ];
}
