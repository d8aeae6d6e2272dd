/** Text for a terminal: numbers, tables, colours. Pure. */
import { styleText } from "node:util";
import stringWidth from "string-width";

type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

/** Colours where the stream is a terminal that wants them (https://no-color.org). */
export function painter(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Paint {
  const coloured = env.FORCE_COLOR
    ? env.FORCE_COLOR !== "0"
    : Boolean(stream.isTTY) && !env.NO_COLOR && env.TERM !== "dumb";
  return coloured ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text;
}

/** Columns of a line: the terminal's, else what `COLUMNS` says, else 100. */
export function widthOf(stream: { readonly columns?: number }, env: NodeJS.ProcessEnv = process.env): number {
  const told = stream.columns ?? Number.parseInt(env.COLUMNS ?? "", 10);
  return told > 0 ? Math.max(40, Math.min(told, 240)) : 100;
}

/** A text in so many columns of the terminal, cut with an ellipsis, and the columns that it takes. */
export function fitted(text: string, room: number): { readonly text: string; readonly width: number } {
  const width = stringWidth(text);
  if (width <= room) return { text, width };
  let cut = "";
  let taken = 0;
  for (const { segment } of letters.segment(text)) {
    const wide = stringWidth(segment);
    if (taken + wide > room - 1) break;
    cut += segment;
    taken += wide;
  }
  return { text: `${cut}…`, width: taken + 1 };
}

const letters = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Filled with spaces to so many columns. */
export const padded = (text: string, width: number): string =>
  text + " ".repeat(Math.max(0, width - stringWidth(text)));

/** A paragraph as lines of at most so many columns; a word that is longer stays whole. */
export function wrapped(text: string, width: number, first: string, rest: string): string[] {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of text.split(" ")) {
    if (!isEmpty && stringWidth(line) + 1 + stringWidth(word) > width) {
      lines.push(line);
      line = rest;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}

/** A primary key for a person. */
export const keyText = (key: readonly (string | null)[]): string =>
  key.map((part) => part ?? "null").join(", ");

/** `12,345` */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** `12,345 rows`, `1 row` */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${value === 1 ? noun : `${noun}s`}`;
}

type Cells = readonly (readonly (string | number)[])[];

/** Columns of equal width; numbers to the right. The first row is the head. */
export function table(rows: Cells): string {
  const texts = rows.map((row) => row.map((cell) => (typeof cell === "number" ? count(cell) : cell)));
  const widths = (texts[0] ?? []).map((_, i) => Math.max(...texts.map((row) => stringWidth(row[i] ?? ""))));
  const numeric = (rows[1] ?? []).map((cell) => typeof cell === "number");
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (numeric[i] ? cell.padStart(widths[i]!) : padded(cell, widths[i]!)))
      .join("  ")
      .trimEnd();
  const [head, ...body] = texts;
  if (head === undefined) return "";
  return [line(head), widths.map((width) => "─".repeat(width)).join("  "), ...body.map(line)].join("\n");
}

/**
 * A table in so many columns of the terminal: all of it where it fits, else without the numbers that are 0 in every
 * row, else each row as a paragraph that begins with its first cell.
 */
export function tableWithin(rows: Cells, width: number): string {
  const [head = [], ...body] = rows;
  const isTold = head.map((_, i) => !body.every((row) => row[i] === 0));
  for (const some of [rows, rows.map((row) => row.filter((_, i) => isTold[i]))]) {
    const text = table(some);
    if (text.split("\n").every((line) => stringWidth(line) <= width)) return text;
  }
  const paragraphs = body.map(([first = "", ...cells]) => {
    const said = cells.map((cell, i) => `${head[i + 1]} ${typeof cell === "number" ? count(cell) : cell}`);
    return [fitted(String(first), width).text, ...wrapped(said.join(", "), width, "  ", "  ")].join("\n");
  });
  return paragraphs.join("\n");
}

/** A value for a person: shortened, on one line, without control characters. */
export function shown(json: string | undefined, limit = 60): string {
  if (json === undefined) return "?";
  // Neither control characters nor those that turn the direction of writing may reach the terminal.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it is for
  const line = json.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, " ");
  return fitted(line, limit).text;
}
