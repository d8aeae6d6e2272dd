/** Runs a process and measures it: seconds on the wall, and the peak of its resident memory. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const BIN = fileURLToPath(new URL("../../dist/src/bin.js", import.meta.url));
const peak = pathToFileURL(fileURLToPath(new URL("./peak.mjs", import.meta.url))).href;

/**
 * @param how `core`: the number of the one core to run on
 * @returns {Promise<{code: number | null, seconds: number, processor: number, megabytes: number, stdout: string, stderr: string}>}
 */
export async function measured(file, args, env = {}, { core } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "backhaul-bench-"));
  const report = join(folder, "peak");
  const started = performance.now();
  const command = [process.execPath, "--import", peak, file, ...args];
  if (core !== undefined) command.unshift("taskset", "--cpu-list", String(core));
  const child = spawn(command[0], command.slice(1), {
    env: { ...process.env, ...env, BACKHAUL_PEAK_FILE: report },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  const code = await new Promise((done) => child.once("close", done));
  const seconds = (performance.now() - started) / 1000;
  const [kilobytes, processor] = JSON.parse(readFileSync(report, "utf8"));
  const megabytes = Math.round(kilobytes / 1024);
  rmSync(folder, { recursive: true, force: true });
  return { code, seconds, processor, megabytes, stdout, stderr };
}

/** The middle one of several measurements: these machines are noisy. */
export async function median(times, measure) {
  const all = [];
  for (let i = 0; i < times; i++) all.push(await measure());
  return all.sort((a, b) => a.seconds - b.seconds)[Math.floor(times / 2)];
}

export function report(name, figure, limit, more = "") {
  const verdict =
    limit === undefined ? "" : figure <= limit ? `  ok (at most ${limit})` : `  MISSED (at most ${limit})`;
  process.stdout.write(
    `${name.padEnd(58)} ${figure.toFixed(2).padStart(9)}${verdict}${more ? `  ${more}` : ""}\n`,
  );
}
