import { rmSync, writeFileSync } from "node:fs";
import { Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import { addressFile, type SandboxReady } from "../cli/sandbox.ts";

export default class Sandbox extends BaseCommand {
  static override summary = "Start a Dataverse on this machine, until told to stop.";
  static override description =
    "A strict Dataverse Web API over HTTP with the tables of a sales team. It prints its URL and credentials when it is ready.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --port 0 --json",
  ];
  static override flags = {
    port: Flags.integer({
      summary: "Port to listen on; 0 for any free one.",
      default: 7171,
      min: 0,
      max: 65_535,
    }),
    data: Flags.string({ summary: "File that keeps the organisation and its rows between starts." }),
    "while-stdin": Flags.boolean({ summary: "Stop when the standard input ends.", hidden: true }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Sandbox);
    const { startSandbox } = await import("../sandbox/index.ts");
    const { data } = flags;
    const sandbox = await startSandbox({ port: flags.port, ...(data === undefined ? {} : { data }) });
    const ready: SandboxReady = {
      url: sandbox.url,
      pid: process.pid,
      organization: sandbox.organizationId,
      tenant: sandbox.tenant,
      client_id: sandbox.clientId,
      client_secret: sandbox.clientSecret,
    };
    if (data !== undefined) writeFileSync(addressFile(data), JSON.stringify(ready), { mode: 0o600 });
    if (this.jsonEnabled()) process.stdout.write(`${JSON.stringify(ready)}\n`);
    else {
      this.log(`Dataverse sandbox at ${ready.url}`);
      this.log(
        `  tenant ${ready.tenant}\n  client_id ${ready.client_id}\n  client_secret ${ready.client_secret}`,
      );
      this.log("Stop it with Ctrl-C.");
    }
    await this.untilStopped(flags["while-stdin"]);
    if (data !== undefined) rmSync(addressFile(data), { force: true });
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
