/** Text for a terminal: numbers, tables, colours. Pure. */
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

/** Colours where the stream is a terminal that wants them (https://no-color.org). */
export function painter(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Paint {
  const coloured = env.FORCE_COLOR
    ? env.FORCE_COLOR !== "0"
    : Boolean(stream.isTTY) && !env.NO_COLOR && env.TERM !== "dumb";
  return coloured ? (style, text) => styleText(style, text) : (_, text) => text;
}

/** `12,345` */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** `12,345 rows`, `1 row` */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${value === 1 ? noun : `${noun}s`}`;
}

/** Columns of equal width; numbers to the right. The first row is the head. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const texts = rows.map((row) => row.map((cell) => (typeof cell === "number" ? count(cell) : cell)));
  const widths = (texts[0] ?? []).map((_, i) => Math.max(...texts.map((row) => row[i]?.length ?? 0)));
  const numeric = (rows[1] ?? []).map((cell) => typeof cell === "number");
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (numeric[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd();
  const [head, ...body] = texts;
  if (head === undefined) return "";
  return [line(head), widths.map((width) => "─".repeat(width)).join("  "), ...body.map(line)].join("\n");
}

/** A value for a person: shortened, on one line, without control characters. */
export function shown(json: string | undefined, limit = 60): string {
  if (json === undefined) return "?";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters must not reach the terminal
  const line = json.replace(/[\u0000-\u001f\u007f-\u009f]/g, " ");
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}
