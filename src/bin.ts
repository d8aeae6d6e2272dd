#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import "@oclif/core/command"; // its listener on stdout comes first, so that ours can take its place
import { run } from "@oclif/core/run";
import { reportUsage } from "./cli/errors.ts";
import { endSoon, outliveOutput, outputWritten } from "./cli/streams.ts";

// Rows pass through in millions and die soon after; left to itself, V8 lets a multiple of what lives pile up first. Nor
// shall it wait until all that it may grow is used: what it finds dead by then grows with the time that a run takes.
for (const flag of [
  "--heap-growing-percent=30",
  "--incremental-marking-soft-trigger=20",
  "--incremental-marking-hard-trigger=25",
])
  setFlagsFromString(flag);

outliveOutput();
// `help run` is what other tools take for `run --help`.
const [first, ...rest] = process.argv.slice(2);
const words = first === "help" ? [...rest, "--help"] : process.argv.slice(2);
await run(words, import.meta.url).then(outputWritten, reportUsage);
endSoon();
