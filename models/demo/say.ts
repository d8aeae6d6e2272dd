/** The demo's one way to the screen. */
import { painter } from "../../src/cli/render.ts";

const paint = painter(process.stdout);

export function say(text = ""): void {
  process.stdout.write(`${text}\n`);
}

export function heading(text: string): void {
  say(`\n${paint("bold", `── ${text} ──`)}`);
}

/** A command as the user would type it. */
export function command(text: string): void {
  say(`${paint("cyan", `$ ${text}`)}\n`);
}

export const good = (text: string): string => paint("green", text);
export const bad = (text: string): string => paint("red", text);
