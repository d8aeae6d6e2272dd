#!/usr/bin/env node
import { flush } from "@oclif/core/flush";
import { run } from "@oclif/core/run";
import { reportUsage } from "./cli/errors.ts";

await run(process.argv.slice(2), import.meta.url).then(() => flush(), reportUsage);
