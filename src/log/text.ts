/** A line of the log for a person. Pure. */
import { styleText } from "node:util";

const COLOURS = { debug: "gray", info: "cyan", warn: "yellow", error: "red" } as const;
const OWN = new Set(["level", "time", "msg"]);

/** `12:30:01 info  orders: run ended  rows=100 applied=3` */
export function lineOfText(line: string, isColoured: boolean): string {
  const entry = JSON.parse(line) as Record<string, unknown>;
  const level = String(entry.level);
  const colour = COLOURS[level as keyof typeof COLOURS] ?? "red";
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    isColoured ? styleText(style, text, { validateStream: false }) : text;
  const { sync } = entry;
  const more = Object.entries(entry)
    .filter(([key]) => !OWN.has(key) && key !== "sync")
    .map(([key, value]) => `${key}=${shown(value)}`);
  const time = String(entry.time).slice(11, 19);
  const said = `${sync === undefined ? "" : `${shown(sync)}: `}${printable(String(entry.msg ?? ""))}`;
  const tail = more.length > 0 ? `  ${paint("gray", more.join(" "))}` : "";
  return `${paint("gray", time)} ${paint(colour, level.padEnd(5))} ${said}${tail}\n`;
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return printable(/\s/.test(text) && typeof value === "string" ? JSON.stringify(text) : text);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters must not reach the terminal
const printable = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, " ");
