/** What the runs left in the state's append-only files. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The project's name in `backhaul.yml`: its state lies below a folder of that name. */
const PROJECT = "acme";

/** A line of `runs.jsonl`, as far as the demo reads it. */
export interface RunLine {
  readonly run: string;
  readonly rows: number;
  readonly applied: number;
  readonly deferred: number;
  readonly seconds: number;
  readonly rejected: number;
  readonly requests: { readonly reads: number; readonly writes: number };
}

/** A line of `rejects.jsonl`. */
interface RejectLine {
  readonly run: string;
  readonly key: readonly (string | null)[];
  readonly code: string;
}

export interface RunRecord extends RunLine {
  readonly rejects: readonly RejectLine[];
}

/** The latest run of a sync. */
export function latestRun(project: string, organization: string, object: string, sync: string): RunRecord {
  const folder = join(project, ".backhaul", "state", PROJECT, organization, object, sync);
  const run = lines<RunLine>(join(folder, "runs.jsonl")).at(-1)!;
  return {
    ...run,
    rejects: lines<RejectLine>(join(folder, "rejects.jsonl")).filter((line) => line.run === run.run),
  };
}

function lines<T>(file: string): T[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}
