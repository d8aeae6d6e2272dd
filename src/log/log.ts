/**
 * The log: what happens, on stderr, so that stdout is for results. Text for a person on a terminal, JSON lines
 * elsewhere. No line holds a secret, nor, unless asked for, a value of a row.
 */
import { type Logger, pino, stdTimeFunctions } from "pino";
import { maskValues } from "./mask.ts";
import { lineOfText } from "./text.ts";

export type Log = Pick<Logger, "debug" | "info" | "warn" | "error" | "isLevelEnabled"> & {
  child(fields: Readonly<Record<string, unknown>>): Log;
};

export const LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type Level = (typeof LEVELS)[number];
export const FORMATS = ["auto", "text", "json"] as const;
export type Format = (typeof FORMATS)[number];

export interface LogOptions {
  readonly level: Level;
  readonly format: Exclude<Format, "auto">;
  readonly isColoured?: boolean;
  /** Messages keep the values they quote. */
  readonly values?: boolean;
  /** Takes secrets out of a text. */
  readonly redact: (text: string) => string;
  readonly write: (line: string) => void;
}

/** Fields whose text may quote values. */
const SPEAKING = ["problem", "reason", "remedy"];

export function openLog({
  level,
  format,
  isColoured = false,
  values = false,
  redact,
  write,
}: LogOptions): Log {
  const masked = (fields: Record<string, unknown>): Record<string, unknown> => {
    if (values) return fields;
    const speaking = SPEAKING.filter((key) => typeof fields[key] === "string");
    const texts = speaking.map((key) => [key, maskValues(String(fields[key]))]);
    return { ...fields, ...Object.fromEntries(texts) };
  };
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: masked },
    },
    {
      write: (line: string) => {
        const safe = redact(line);
        write(format === "json" ? safe : lineOfText(safe, isColoured));
      },
    },
  );
}

/** How the log is written, from the variables; a command's flags have set them. */
export function logSettings(
  env: Readonly<Record<string, string | undefined>>,
  stream: { readonly isTTY?: boolean },
  quiet: boolean,
): Pick<LogOptions, "level" | "format" | "values" | "isColoured"> {
  const level = known(LEVELS, env.BACKHAUL_LOG_LEVEL) ?? (quiet ? "warn" : "info");
  const format = known(FORMATS, env.BACKHAUL_LOG_FORMAT) ?? "auto";
  return {
    level,
    format: format === "auto" ? (stream.isTTY ? "text" : "json") : format,
    values: env.BACKHAUL_LOG_VALUES === "1",
    isColoured: Boolean(stream.isTTY) && !env.NO_COLOR && env.TERM !== "dumb",
  };
}

const known = <T extends string>(words: readonly T[], word: string | undefined): T | undefined =>
  words.find((one) => one === word);
