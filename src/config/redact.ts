/** Taking secrets out of text. */

/** Shorter values are not looked for: they would match in places that have nothing to do with them. */
const SHORTEST = 4;
const MASK = "***";
/** The password of an address, whoever wrote it. */
const USERINFO = /\b([a-z][a-z0-9+.-]*:\/\/[^/?#\s:@"']*):(?!\*\*\*@)[^/?#\s@"']+@/gi;

/** What a header `Authorization` holds, should something repeat it. */
const CREDENTIALS = /\b(bearer) +[a-z0-9._~+/-]{20,}=*/gi;

/**
 * Every spelling in which a secret may turn up: as it is, percent-encoded, form-encoded, escaped for JSON, in
 * base64 (also inside a longer text, as `user:password` is sent), line by line, and the password of an address.
 */
export function spellings(secret: string): string[] {
  if (secret.length < SHORTEST) return [];
  const all = secret.split(/\r?\n/);
  const lines = all.length < 2 ? [] : all.filter((line) => line.length >= 16 && !line.startsWith("-----"));
  const plain = [secret, ...lines, ...passwordsIn(secret)];
  return [...new Set(plain.flatMap(encodings))].filter((text) => text.length >= SHORTEST);
}

function encodings(text: string): string[] {
  const percent = encodeURIComponent(Buffer.from(text).toString());
  const strict = percent.replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const form = new URLSearchParams({ "": text }).toString().slice(1);
  const lower = [percent, strict, form].map((t) => t.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()));
  return [text, percent, strict, form, ...lower, JSON.stringify(text).slice(1, -1), ...base64(text)];
}

/** The base64 of a text at each of the three places it can start at, without what depends on its neighbours. */
function base64(text: string): string[] {
  return [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]);
    const all = bytes.toString("base64").replace(/=+$/, "");
    const core = all.slice(Math.ceil((before * 8) / 6), bytes.length % 3 === 0 ? undefined : -1);
    const found = before === 0 ? [all, core] : [core];
    return found
      .filter((part) => part === all || part.length >= 8)
      .flatMap((part) => [part, part.replaceAll("+", "-").replaceAll("/", "_")]);
  });
}

function passwordsIn(text: string): string[] {
  if (!URL.canParse(text)) return [];
  const { password } = new URL(text);
  const found = [password, decoded(password)];
  return found.filter((part) => part.length >= SHORTEST);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Replaces every occurrence of the given spellings, every password of an address and what signs in by a header with `***`. */
export function redactAll(text: string, secrets: Iterable<string>): string {
  const needles = [...secrets];
  let safe = text.replace(USERINFO, `$1:${MASK}@`).replace(CREDENTIALS, `$1 ${MASK}`);
  // What stands around a mask may spell a secret anew; each turn makes the text shorter, so this ends.
  for (let spans = occurrences(safe, needles); spans.length > 0; spans = occurrences(safe, needles)) {
    let out = "";
    let end = 0;
    for (const [from, to] of spans) {
      if (from >= end) out += safe.slice(end, from) + MASK;
      end = Math.max(end, to);
    }
    safe = out + safe.slice(end);
  }
  return safe;
}

/** Where the needles stand in a text, overlapping ones too, in order. */
function occurrences(text: string, needles: readonly string[]): [from: number, to: number][] {
  const spans: [number, number][] = [];
  for (const needle of needles)
    for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + 1))
      spans.push([at, at + needle.length]);
  return spans.sort((a, b) => a[0] - b[0]);
}
