/** Splits `multipart/mixed` (RFC 2046, 5.1) by the boundary that its `Content-Type` names. Pure. */

export interface Part {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export function boundaryOf(contentType: string): string | null {
  if (!/^multipart\/mixed\b/i.test(contentType)) return null;
  const found = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
  return found?.[1] ?? found?.[2] ?? null;
}

/** The parts of a body; a last part that is cut off, without a boundary behind it, is left out. */
export function multipart(contentType: string, body: string): Part[] {
  const boundary = boundaryOf(contentType);
  if (boundary === null) return [];
  const delimiter = `--${boundary}`;
  const parts: Part[] = [];
  let start = lineAfter(body, find(body, delimiter, 0), delimiter.length);
  while (start >= 0) {
    const end = find(body, delimiter, start);
    if (end < 0) break;
    const text = body.slice(start, end).replace(/\r?\n$/, "");
    const part = headersOf(text);
    parts.push({ headers: part.headers, body: part.body });
    if (body.startsWith("--", end + delimiter.length)) break;
    start = lineAfter(body, end, delimiter.length);
  }
  return parts;
}

/** The next delimiter that stands at the start of a line and is not the start of a longer one. */
function find(body: string, delimiter: string, from: number): number {
  for (let at = body.indexOf(delimiter, from); at >= 0; at = body.indexOf(delimiter, at + 1)) {
    const opens = at === 0 || body[at - 1] === "\n";
    const after = body.slice(at + delimiter.length, at + delimiter.length + 2);
    if (opens && (after === "" || after === "--" || /^[ \t\r\n]/.test(after))) return at;
  }
  return -1;
}

function lineAfter(body: string, at: number, skip: number): number {
  if (at < 0) return -1;
  const end = body.indexOf("\n", at + skip);
  return end < 0 ? -1 : end + 1;
}

/** Header lines up to the empty one, and what follows it. */
export function headersOf(text: string): { headers: Record<string, string>; body: string } {
  const headers: Record<string, string> = {};
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf("\n", at);
    const line = (end < 0 ? text.slice(at) : text.slice(at, end)).replace(/\r$/, "");
    at = end < 0 ? text.length : end + 1;
    if (line === "") break;
    const colon = line.indexOf(":");
    if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { headers, body: text.slice(at) };
}
