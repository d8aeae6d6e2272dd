import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";

/** One data file belongs to one process at a time; a process that is gone holds nothing. */

interface Status {
  /** One letter; `Z` and `X` are dead, though their parent has not looked yet. */
  readonly state: string | undefined;
  /** When it began: a reused pid is another process. */
  readonly started: string | undefined;
}

/** What the kernel tells of a process, where it tells (page: proc_pid_stat(5)). */
function statusOf(pid: number): Status | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0], started: fields[19] };
  } catch {
    return undefined;
  }
}

function isRunning(pid: number, started: string | undefined): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
  } catch (problem) {
    if ((problem as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const status = statusOf(pid);
  if (status?.state === "Z" || status?.state === "X") return false;
  return started === undefined || status?.started === started;
}

/** Another sandbox has the data file open. */
export class DataFileInUse extends Error {
  readonly holder: number;
  constructor(file: string, holder: number) {
    super(`${file} is in use by the sandbox with process id ${holder}. Stop it, or name another data file.`);
    this.holder = holder;
  }
}

/** Who holds the lock. An empty one is just being written, unless it stays so: then its writer was killed. */
function holder(path: string): [pid: number, started: string | undefined] {
  for (let attempt = 0; attempt < 5; attempt++) {
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    const [pid, started] = text.split(" ");
    if (Number(pid) > 0) return [Number(pid), started || undefined];
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  return [0, undefined];
}

/** Two sandboxes on one file would each overwrite what the other promised. */
export function lock(file: string): () => void {
  const path = `${file}.lock`;
  const content = `${process.pid} ${statusOf(process.pid)?.started ?? ""}`;
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(path, content, { flag: "wx", mode: 0o600 });
      return () => rmSync(path, { force: true });
    } catch (problem) {
      if ((problem as NodeJS.ErrnoException).code !== "EEXIST" || attempt > 2) throw problem;
    }
    const [pid, started] = holder(path);
    if (isRunning(pid, started)) throw new DataFileInUse(file, pid);
    rmSync(path, { force: true });
  }
}
