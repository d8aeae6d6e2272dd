/** The sandbox behind `url: sandbox`: one is started for the command, unless one already serves the project. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { fail } from "../core/errors.ts";

/** What `backhaul sandbox --json` prints when it is ready, and keeps beside its data while it runs. */
export interface SandboxReady {
  readonly url: string;
  readonly pid: number;
  readonly organization: string;
  readonly tenant: string;
  readonly client_id: string;
  readonly client_secret: string;
}

export interface ProjectSandbox extends AsyncDisposable {
  /** What takes the place of `url: sandbox` in the destination's config. */
  readonly config: {
    readonly url: string;
    readonly authority: string;
    readonly resource: string;
    readonly users: readonly [];
    readonly auth: {
      readonly type: "client_secret";
      readonly tenant: string;
      readonly client_id: string;
      readonly client_secret: string;
    };
  };
}

/** How long a running sandbox may take to say who it is. */
const ANSWER_MS = 3_000;

/** How long one that another command has just started may take until it serves. */
const OTHER_MS = 5_000;

/** Where a running sandbox says how to reach it. */
export const addressFile = (data: string): string => `${data}.address`;

/** @param folder the sandbox's own folder, `.backhaul/sandbox` */
export async function runningSandbox(folder: string): Promise<ProjectSandbox> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const data = join(folder, "data.jsonl");
  const running = await borrow(data);
  if (running !== undefined) return running;
  const bin = fileURLToPath(new URL("../bin.js", import.meta.url));
  const child = spawn(
    process.execPath,
    [bin, "sandbox", "--json", "--port", "0", "--data", data, "--while-stdin"],
    {
      stdio: ["pipe", "pipe", "pipe"],
      detached: true, // Ctrl-C is for the run; the sandbox ends when its input does
    },
  );
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  let output = "";
  const ready = new Promise<SandboxReady>((done) => {
    child.stdout.on("data", (text: Buffer) => {
      output += text.toString("utf8");
      const line = /^\{"url".*$/m.exec(output)?.[0];
      if (line !== undefined && output.includes("\n")) done(JSON.parse(line) as SandboxReady);
    });
  });
  child.stderr.resume();
  const first = await Promise.race([ready, ended]);
  if (first === undefined) {
    // One that was starting at the same time serves the project in a moment.
    for (const until = Date.now() + OTHER_MS; isInUse(output); await sleep(100)) {
      const other = await borrow(data);
      if (other !== undefined) return other;
      if (Date.now() > until) break;
    }
    throw fail.connection(
      "sandbox.failed",
      `The sandbox did not start: ${complaint(output)}`,
      "Run backhaul sandbox by hand to see why.",
    );
  }
  return connectTo(first, async () => {
    child.stdin.end();
    // It stays for the others that have borrowed it, and ends with the last of them.
    while (!(await Promise.race([ended.then(() => true), sleep(100, false)]))) {
      if (!isBorrowed(data)) continue;
      child.unref();
      child.stdout.destroy();
      child.stderr.destroy();
      return;
    }
  });
}

function connectTo(ready: SandboxReady, close: () => Promise<void>): ProjectSandbox {
  const { url, tenant, client_id, client_secret } = ready;
  const auth = { type: "client_secret", tenant, client_id, client_secret } as const;
  return { config: { url, authority: url, resource: url, users: [], auth }, [Symbol.asyncDispose]: close };
}

function read(file: string): SandboxReady | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as SandboxReady;
  } catch {
    return undefined;
  }
}

const borrowing = ".borrowed-by-";

/**
 * The sandbox that another command has started, kept from ending as long as it is in use here. It is claimed before
 * its address is read, and it takes its address away before it looks for claims.
 */
async function borrow(data: string): Promise<ProjectSandbox | undefined> {
  const claim = `${data}${borrowing}${process.pid}`;
  writeFileSync(claim, "");
  const ready = await serving(addressFile(data));
  if (ready !== undefined) return connectTo(ready, async () => rmSync(claim, { force: true }));
  rmSync(claim, { force: true });
  return undefined;
}

/** Whether a command that is still running uses the sandbox of this data file. */
export function isBorrowed(data: string): boolean {
  const prefix = `${basename(data)}${borrowing}`;
  return readdirSync(dirname(data)).some((name) => {
    if (!name.startsWith(prefix)) return false;
    const isUsed = isAlive(Number(name.slice(prefix.length)));
    if (!isUsed) rmSync(join(dirname(data), name), { force: true });
    return isUsed;
  });
}

/**
 * The sandbox that an address file speaks of, if it is there: a killed one leaves the file behind, and its process id
 * and its port may be another program's by now.
 */
async function serving(file: string): Promise<SandboxReady | undefined> {
  const ready = read(file);
  if (ready === undefined || !isAlive(ready.pid)) return undefined;
  try {
    const reply = await fetch(`${ready.url}/sandbox/`, { signal: AbortSignal.timeout(ANSWER_MS) });
    const { organizationId } = (await reply.json()) as { organizationId?: string };
    return organizationId === ready.organization ? ready : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Whether a sandbox did not start because another one has its data. */
const isInUse = (output: string): boolean => output.includes('"sandbox.in_use"');

/** The reason in what a sandbox that failed has printed under `--json`. */
function complaint(output: string): string {
  try {
    const { error } = JSON.parse(output) as { error: { problems: readonly { message: string }[] } };
    return error.problems[0]?.message ?? "it gave no reason.";
  } catch {
    return "it gave no reason.";
  }
}
