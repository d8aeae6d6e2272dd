import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { DataverseConfig } from "../../connectors/dataverse/config.ts";
import type { OpenOptions } from "../../connectors/dataverse/destination.ts";
import type { Problem } from "../../src/core/errors.ts";
import type { SyncSpec } from "../../src/core/spec.ts";
import type { StateLocation } from "../../src/sync/prepare.ts";
import type { SyncRun } from "../../src/sync/report.ts";

const SCRIPT = fileURLToPath(new URL("./engine-child.mjs", import.meta.url));

/** What a process of its own is to run, with the built engine. */
export interface Job {
  readonly warehouse: { readonly type: "postgres" | "duckdb" } & Readonly<Record<string, unknown>>;
  readonly folder: string;
  readonly location: StateLocation;
  readonly sync: SyncSpec;
  readonly model: { readonly query: string };
  /** Address of a served destination, or what opens a Dataverse. */
  readonly destination: string | { readonly config: DataverseConfig; readonly options: OpenOptions };
  readonly batchSize: number;
  readonly pace?: Readonly<Record<string, number>>;
  readonly runs: number;
  /** Begins once something is written to its input. */
  readonly waits?: boolean;
}

export interface Told {
  readonly pid?: number;
  readonly run?: SyncRun;
  readonly error?: Problem;
}

export interface EngineChild {
  readonly child: ChildProcess;
  readonly told: readonly Told[];
  /** What it told, once it has ended. */
  readonly ended: Promise<readonly Told[]>;
}

export function engineChild(job: Job): EngineChild {
  const child = spawn(process.execPath, [SCRIPT, JSON.stringify(job)], { stdio: ["pipe", "pipe", "pipe"] });
  const told: Told[] = [];
  let errors = "";
  child.stderr.on("data", (text: Buffer) => {
    errors += text.toString("utf8");
  });
  createInterface({ input: child.stdout }).on("line", (line) => told.push(JSON.parse(line) as Told));
  const ended = new Promise<readonly Told[]>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0 || signal !== null) resolve(told);
      else reject(new Error(`the child ended with ${code}: ${errors}`));
    });
  });
  return { child, told, ended };
}
