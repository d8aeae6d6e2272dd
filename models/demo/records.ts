/** What the runs left in the state's append-only files. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
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

/** The latest run of a sync, whatever its state belongs to: an object, or a list. */
export function latestRun(project: string, organization: string, sync: string): RunRecord {
  const place = join(project, ".backhaul", "state", PROJECT, organization);
  const object = readdirSync(place).find((name) => existsSync(join(place, name, sync))) ?? "";
  const folder = join(place, object, sync);
  const run = lines<RunLine>(join(folder, "runs.jsonl")).at(-1)!;
  return {
    ...run,
    rejects: lines<RejectLine>(join(folder, "rejects.jsonl")).filter((line) => line.run === run.run),
  };
}

/** None where nothing was ever written: a sync without a rejected row has no such file. */
function lines<T>(file: string): T[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}
