/** A command in this process: as quick as the work it does, for tests that are about what it does and says. */
import { fileURLToPath } from "node:url";
import { format } from "node:util";
import { Config } from "@oclif/core/config";
import { backhaul, type CliOptions, type Ended } from "./cli.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

interface Runnable {
  run(argv: string[], options: Config): Promise<unknown>;
}

let config: Promise<Config> | undefined;

/** One at a time: it takes the process's output, environment and exit code for itself. */
export async function inProcess(
  load: () => Promise<{ readonly default: unknown }>,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended & { readonly code: number }> {
  config ??= Config.load(root) as Promise<Config>;
  const printer = console as { log: (...parts: unknown[]) => void };
  const before = {
    env: process.env,
    write: process.stdout.write,
    warn: process.stderr.write,
    exitCode: process.exitCode,
    log: printer.log,
  };
  let stdout = "";
  let stderr = "";
  const taking =
    (take: (text: string) => void): typeof process.stdout.write =>
    (text: string | Uint8Array, ...more: unknown[]): boolean => {
      take(typeof text === "string" ? text : Buffer.from(text).toString("utf8"));
      (more.find((item) => typeof item === "function") as (() => void) | undefined)?.();
      return true;
    };
  process.env = { ...process.env, NO_COLOR: "1", ...env };
  process.exitCode = 0;
  process.stdout.write = taking((text) => {
    stdout += text;
  });
  process.stderr.write = taking((text) => {
    stderr += text;
  });
  // The test runner has taken the console, through which oclif prints.
  printer.log = (...parts) => {
    stdout += `${format(...parts)}\n`;
  };
  // A command lets go of its parent's channel, which is all that may keep a test's process alive.
  const alive = setInterval(() => {}, 1_000);
  const listeners = process.listeners("disconnect");
  try {
    const { default: command } = await load();
    await (command as Runnable).run([...args], await config);
    const code = Number(process.exitCode ?? 0);
    return {
      code,
      signal: null,
      stdout,
      stderr,
      get json() {
        return JSON.parse(stdout);
      },
    };
  } finally {
    clearInterval(alive);
    process.channel?.ref();
    for (const listener of process.listeners("disconnect"))
      if (!listeners.includes(listener)) process.off("disconnect", listener);
    process.stdout.write = before.write;
    process.stderr.write = before.warn;
    printer.log = before.log;
    process.env = before.env;
    process.exitCode = before.exitCode;
  }
}

/** As `backhaul()`, in this process. One at a time. */
export const here = ([name, ...args]: readonly string[], { env }: CliOptions = {}): Promise<Ended> =>
  inProcess(() => import(`../../src/commands/${name}.ts`), args, env);

/**
 * As `backhaul()`: each command the first time as it is shipped, with `--json` and without, and then in this process,
 * which need not be started anew. One at a time.
 */
export function shippedOnce(): typeof backhaul {
  const seen = new Set<string>();
  return (args, options) => {
    const way = `${args[0]} ${args.includes("--json")}`;
    const isNew = !seen.has(way);
    seen.add(way);
    return isNew ? backhaul(args, options) : here(args, options);
  };
}
