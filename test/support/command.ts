/** A command in this process: as quick as the work it does, for tests that are about its output. */
import { fileURLToPath } from "node:url";
import { format } from "node:util";
import { Config } from "@oclif/core/config";

const root = fileURLToPath(new URL("../../", import.meta.url));

interface Runnable {
  run(argv: string[], options: Config): Promise<unknown>;
}

export interface Commanded {
  readonly code: number;
  readonly stdout: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it as they like
  readonly json: any;
}

let config: Promise<Config> | undefined;

/** One at a time: it takes the process's output, environment and exit code for itself. */
export async function inProcess(
  load: () => Promise<{ readonly default: unknown }>,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Commanded> {
  config ??= Config.load(root) as Promise<Config>;
  const printer = console as { log: (...parts: unknown[]) => void };
  const before = {
    env: process.env,
    write: process.stdout.write,
    exitCode: process.exitCode,
    log: printer.log,
  };
  let stdout = "";
  process.env = { ...process.env, NO_COLOR: "1", ...env };
  process.exitCode = 0;
  process.stdout.write = ((text: string | Uint8Array, ...more: unknown[]): boolean => {
    stdout += typeof text === "string" ? text : Buffer.from(text).toString("utf8");
    (more.find((item) => typeof item === "function") as (() => void) | undefined)?.();
    return true;
  }) as typeof process.stdout.write;
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
      stdout,
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
    printer.log = before.log;
    process.env = before.env;
    process.exitCode = before.exitCode;
  }
}
