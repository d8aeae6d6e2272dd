#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { flush } from "@oclif/core/flush";
import { run } from "@oclif/core/run";
import { reportUsage } from "./cli/errors.ts";

// Rows pass through in millions and die soon after; left to itself, V8 lets a multiple of what lives pile up first.
setFlagsFromString("--heap-growing-percent=30");

await run(process.argv.slice(2), import.meta.url).then(() => flush(), reportUsage);
