/**
 * The demo's child processes: the real command line, and the sandbox that serves it. Children live in sessions of
 * their own, so that Ctrl-C reaches each of them once, through us.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import type { SandboxReady } from "../../src/cli/sandbox.ts";

/** The signals that end the show. */
export const STOPS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Why the demo cannot go on; the message is for the user. */
export class ShowEnded extends Error {}

export interface Show {
  /** Path of the built command line. */
  readonly bin: string;
  readonly project: string;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Runs a command with its output where ours goes; ends the show on an exit code that was not expected. */
export async function runShown(
  show: Show,
  args: readonly string[],
  expected: readonly number[],
): Promise<void> {
  const child = spawnCli(show, args, ["ignore", "inherit", "inherit"]);
  requireCode(show, args, await ended(child), expected);
}

/** Runs a command under `--json`, unseen, and gives what it printed. */
export async function runForJson<T>(
  show: Show,
  args: readonly string[],
  expected: readonly number[],
): Promise<T> {
  const child = spawnCli(show, [...args, "--json"], ["ignore", "pipe", "inherit"]);
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  const code = await ended(child);
  if (!expected.includes(code ?? -1) && text !== "") process.stderr.write(text);
  requireCode(show, args, code, expected);
  return JSON.parse(text) as T;
}

function requireCode(
  { signal }: Show,
  args: readonly string[],
  code: number | null,
  expected: readonly number[],
): void {
  signal.throwIfAborted();
  if (code !== null && expected.includes(code)) return;
  const how = code === null ? "was ended by a signal" : `ended with exit code ${code}`;
  throw new ShowEnded(`backhaul ${args[0]} ${how}; expected was ${expected.join(" or ")}.`);
}

/** Starts the command line, unless Ctrl-C was faster: what is started is waited for. */
function spawnCli(
  { bin, project, signal }: Show,
  args: readonly string[],
  stdio: ("ignore" | "inherit" | "pipe")[],
): ChildProcess {
  signal.throwIfAborted();
  const env = { ...process.env, BACKHAUL_LOG_FORMAT: "text" }; // the show is for a person, wherever it is read
  return spawn(process.execPath, [bin, ...args, "--project", project], { stdio, env, detached: true });
}

/** The exit code, once all output is in; null for a signal. Passes every Ctrl-C on: the second one is urgent. */
async function ended(child: ChildProcess): Promise<number | null> {
  const pass = (): void => {
    child.kill("SIGINT");
  };
  for (const name of STOPS) process.on(name, pass);
  try {
    return await new Promise((done, failed) => {
      child.once("error", failed);
      child.once("close", (code) => done(code));
    });
  } finally {
    for (const name of STOPS) process.off(name, pass);
  }
}

export interface RunningSandbox extends AsyncDisposable {
  readonly ready: SandboxReady;
}

/** Starts the sandbox on the data file where `url: sandbox` looks for it. It ends with us, however we end. */
export async function startSandbox({ bin, signal }: Show, data: string): Promise<RunningSandbox> {
  signal.throwIfAborted();
  mkdirSync(dirname(data), { recursive: true, mode: 0o700 });
  const child = spawn(
    process.execPath,
    [bin, "sandbox", "--port", "0", "--json", "--data", data, "--while-stdin"],
    { stdio: ["pipe", "pipe", "pipe"], detached: true },
  );
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    complaint += part;
  });
  const closed = new Promise<void>((done) => child.once("close", () => done()));
  const close = async (): Promise<void> => {
    child.stdin.end();
    await closed;
  };
  for await (const line of createInterface({ input: child.stdout })) {
    if (signal.aborted) {
      await close();
      signal.throwIfAborted();
    }
    return { ready: JSON.parse(line) as SandboxReady, [Symbol.asyncDispose]: close };
  }
  await closed;
  throw new ShowEnded(`The sandbox did not start: ${complaint.trim() || "it gave no reason"}`);
}
