import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The command line as it is shipped, in a process of its own. */
export const BIN = fileURLToPath(new URL("../../dist/src/bin.js", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The output as JSON; throws where it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it as they like
  readonly json: any;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly onStart?: (child: ChildProcess) => void;
}

export function backhaul(args: readonly string[], { env = {}, onStart }: CliOptions = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const { DEBUG: _, ...inherited } = process.env;
    const child = spawn(process.execPath, [BIN, ...args], { env: { ...inherited, NO_COLOR: "1", ...env } });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (text: Buffer) => {
      stdout += text.toString("utf8");
    });
    child.stderr.on("data", (text: Buffer) => {
      stderr += text.toString("utf8");
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      resolve({
        code,
        signal,
        stdout,
        stderr,
        get json() {
          return JSON.parse(stdout);
        },
      });
    });
    onStart?.(child);
  });
}

export interface RunningSandbox extends AsyncDisposable {
  readonly url: string;
  readonly organization: string;
  readonly tenant: string;
  readonly client_id: string;
  readonly client_secret: string;
  readonly child: ChildProcess;
  /** An authorized request to the Web API; the path starts behind `/api/data/v9.2/`. */
  api(path: string, init?: RequestInit): Promise<Response>;
  /** All rows of an entity set, page by page. */
  rows(path: string): Promise<Record<string, unknown>[]>;
  /** A request to the sandbox's own admin path. */
  admin(path: string, init?: RequestInit): Promise<Response>;
}

/** Starts `backhaul sandbox` on a free port. */
export async function sandboxProcess(...args: readonly string[]): Promise<RunningSandbox> {
  const child = spawn(process.execPath, [BIN, "sandbox", "--port", "0", "--json", "--while-stdin", ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`the sandbox ended with ${code}`)));
  });
  const ready = JSON.parse(line);
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: ready.client_id,
    client_secret: ready.client_secret,
    scope: `${ready.url}/.default`,
  });
  const reply = await fetch(`${ready.url}/${ready.tenant}/oauth2/v2.0/token`, { method: "POST", body: form });
  const { access_token } = (await reply.json()) as { access_token: string };
  const api = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(path.startsWith("http") ? path : `${ready.url}/api/data/v9.2/${path}`, {
      ...init,
      headers: {
        authorization: `Bearer ${access_token}`,
        accept: "application/json",
        "content-type": "application/json",
        "odata-version": "4.0",
        "odata-maxversion": "4.0",
        ...init.headers,
      },
    });
  return {
    ...ready,
    child,
    api,
    async rows(path) {
      const all: Record<string, unknown>[] = [];
      for (let next: string | undefined = path; next !== undefined; ) {
        const page = (await (await api(next)).json()) as {
          value: Record<string, unknown>[];
          "@odata.nextLink"?: string;
        };
        all.push(...page.value);
        next = page["@odata.nextLink"];
      }
      return all;
    },
    admin: (path, init) => fetch(`${ready.url}/sandbox/${path}`, init),
    async [Symbol.asyncDispose]() {
      const ended = new Promise((done) => child.once("exit", done));
      child.stdin.end();
      await ended;
    },
  };
}

/** Writes files below a folder; keys are paths. */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

/** The `destinations:` entry of a project on a running sandbox, and the variables that it names. */
export const DESTINATION = `
  dynamics:
    type: dataverse
    url: "\${env:SANDBOX_URL}"
    authority: "\${env:SANDBOX_URL}"
    auth: { type: client_secret, tenant: "\${env:TENANT}", client_id: "\${env:CLIENT_ID}", client_secret: "\${env:CLIENT_SECRET}" }
`;

export function sandboxEnv(sandbox: RunningSandbox): Record<string, string> {
  return {
    SANDBOX_URL: sandbox.url,
    TENANT: sandbox.tenant,
    CLIENT_ID: sandbox.client_id,
    CLIENT_SECRET: sandbox.client_secret,
  };
}

/** A project with one sync from a table `orders` of its DuckDB warehouse to `new_order`. */
export function orderProject(options: { readonly destination?: string } = {}): Record<string, string> {
  const more = options.destination === undefined ? "" : `    ${options.destination}\n`;
  return {
    "backhaul.yml": `project: orders
warehouses:
  local: { type: duckdb, path: warehouse.duckdb }
destinations:${DESTINATION}${more}`,
    "models/orders.yml": `model: orders
primary_key: id
table: orders
syncs:
  - sync: orders
    destination: dynamics
    object: new_order
    mode: upsert
    match: { new_externalid: number }
    fields: { new_name: name, new_amount: amount }
`,
  };
}
