/** Small readers of client text, each in one pass: what a client sends may be long and may be meant to be slow. */

/** Splits at a separator that stands outside double quotes; a quote that does not close reaches to the end. */
export function splitUnquoted(text: string, separator: string): string[] {
  const parts: string[] = [];
  let quoted = false;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '"') quoted = !quoted;
    else if (!quoted && text[at] === separator) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
}

/** Text without the one pair of double quotes around it. */
export const unquote = (text: string): string =>
  text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;

/** Text without what it ends with, however often that is there. */
export function trimEndOf(text: string, ending: string): string {
  let end = text.length;
  while (text.endsWith(ending, end) && end >= ending.length) end -= ending.length;
  return end === text.length ? text : text.slice(0, end);
}

/**
 * Whether text has the form of a LIKE pattern: `%` is any text, `_` any one character. Both are compared as they are.
 */
export function isLike(text: string, pattern: string): boolean {
  const [first = "", ...rest] = pattern.split("%");
  if (!fitsAt(text, first, 0)) return false;
  const last = rest.pop();
  if (last === undefined) return text.length === first.length;
  let at = first.length;
  for (const piece of rest) {
    at = findPiece(text, piece, at);
    if (at < 0) return false;
    at += piece.length;
  }
  return text.length - last.length >= at && fitsAt(text, last, text.length - last.length);
}

function fitsAt(text: string, piece: string, at: number): boolean {
  if (at + piece.length > text.length) return false;
  if (!piece.includes("_")) return text.startsWith(piece, at);
  for (let index = 0; index < piece.length; index++) {
    if (piece[index] !== "_" && piece[index] !== text[at + index]) return false;
  }
  return true;
}

/** Where a piece without `%` is found first: the leftmost place leaves most for what follows. */
function findPiece(text: string, piece: string, from: number): number {
  if (!piece.includes("_")) return text.indexOf(piece, from);
  for (let at = from; at + piece.length <= text.length; at++) if (fitsAt(text, piece, at)) return at;
  return -1;
}
