import { rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import { addressFile, isBorrowed, type SandboxReady } from "../cli/sandbox.ts";
import { fail, SyncError } from "../core/errors.ts";
import type { Sandbox as Running, SandboxOptions } from "../sandbox/index.ts";

function factorOf(text: string | undefined): number {
  const factor = Number(text ?? 1);
  if (factor > 0 && Number.isFinite(factor)) return factor;
  throw fail.config("cli.usage", `--limits-factor takes a number above 0, not ${text}.`);
}

/** Starts it, and says in the command line's own terms why it cannot. */
async function start(options: SandboxOptions): Promise<Running> {
  const { DataFileInUse, DataFileProblem, DefinitionProblem, startSandbox } = await import(
    "../sandbox/index.ts"
  );
  try {
    return await startSandbox(options);
  } catch (problem) {
    if (problem instanceof DataFileInUse) {
      throw new SyncError({ kind: "deferred", code: "sandbox.in_use", message: problem.message });
    }
    if (problem instanceof DataFileProblem) throw fail.config("sandbox.data_file", problem.message);
    if (problem instanceof DefinitionProblem) throw fail.config("sandbox.definition", problem.message);
    if ((problem as NodeJS.ErrnoException).code === "EADDRINUSE") {
      const message = `Port ${options.port} is taken by another program.`;
      throw fail.connection(
        "sandbox.port_taken",
        message,
        "Name another port with --port; 0 takes any free one.",
      );
    }
    throw problem;
  }
}

export default class Sandbox extends BaseCommand {
  static override summary = "Start a Dataverse on this machine, until told to stop.";
  static override description =
    "A strict Dataverse Web API over HTTP with the tables of a sales team. It prints its URL and credentials when it is ready.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --port 0 --json",
    "<%= config.bin %> <%= command.id %> --metadata definitions",
  ];
  static override flags = {
    port: Flags.integer({
      summary: "Port to listen on; 0 for any free one.",
      default: 7171,
      min: 0,
      max: 65_535,
    }),
    data: Flags.string({ summary: "File that keeps the organisation and its rows between starts." }),
    limits: Flags.boolean({ summary: "Enforce the three service protection limits." }),
    "limits-factor": Flags.string({
      summary: "Shrink the five minutes of the limits, and what fits into them, by this factor.",
      dependsOn: ["limits"],
    }),
    servers: Flags.integer({ summary: "Web servers that count limits each for itself.", default: 1, min: 1 }),
    latency: Flags.integer({ summary: "Milliseconds that each reply takes.", default: 0, min: 0 }),
    metadata: Flags.string({
      summary: "Folder of EntityDefinitions replies (JSON): their tables beside the usual ones.",
    }),
    "while-stdin": Flags.boolean({ summary: "Stop when the standard input ends.", hidden: true }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Sandbox);
    const { data, metadata, port, servers, latency } = flags;
    const sandbox = await start({
      port,
      servers,
      latency,
      ...(flags.limits ? { limits: { factor: factorOf(flags["limits-factor"]) } } : {}),
      ...(data === undefined ? {} : { data }),
      ...(metadata === undefined ? {} : { metadata }),
    });
    const ready: SandboxReady = {
      url: sandbox.url,
      pid: process.pid,
      organization: sandbox.organizationId,
      tenant: sandbox.tenant,
      client_id: sandbox.clientId,
      client_secret: sandbox.clientSecret,
    };
    const publish = (): void => {
      if (data !== undefined) writeFileSync(addressFile(data), JSON.stringify(ready), { mode: 0o600 });
    };
    publish();
    if (this.jsonEnabled()) process.stdout.write(`${JSON.stringify(ready)}\n`);
    else {
      this.log(`Dataverse sandbox at ${ready.url}`);
      this.log(
        `  tenant ${ready.tenant}\n  client_id ${ready.client_id}\n  client_secret ${ready.client_secret}`,
      );
      this.log(
        `In a destination, the last three stand under auth, and authority: ${ready.url} beside auth and url.`,
      );
      this.log("Stop it with Ctrl-C.");
    }
    await this.untilStopped(flags["while-stdin"]);
    for (; data !== undefined; await sleep(100)) {
      rmSync(addressFile(data), { force: true });
      if (this.signal.aborted || !flags["while-stdin"] || !isBorrowed(data)) break;
      publish();
    }
    await sandbox.close();
  }

  private async untilStopped(whileStdin: boolean): Promise<void> {
    await new Promise<void>((stop) => {
      this.signal.addEventListener("abort", () => stop(), { once: true });
      if (whileStdin)
        process.stdin
          .resume()
          .once("end", () => stop())
          .once("error", () => stop());
    });
  }
}
