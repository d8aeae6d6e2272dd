import { Command } from "@oclif/core/command";
import { directory } from "@oclif/core/flags";
import { type ErrorKind, exitCodeOf, type Problem } from "../core/errors.ts";
import { explain, problemLines } from "./errors.ts";
import type { Session } from "./session.ts";

/**
 * What every command has: `--project`, `--json`, exit codes, errors without stack traces or secrets, and a signal
 * that the first Ctrl-C or SIGTERM aborts; the second one leaves at once.
 */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true;
  static override baseFlags = {
    project: directory({
      char: "p",
      summary: "Folder of the project: the one that holds backhaul.yml.",
      default: ".",
      helpGroup: "GLOBAL",
    }),
  };

  private readonly abort = new AbortController();
  private session: Session | undefined;
  private readonly onSignal = (): void => {
    if (this.abort.signal.aborted) process.exit(130);
    process.stderr.write("Stopping: waiting for what is under way. Once more to leave at once.\n");
    this.abort.abort();
  };

  protected get signal(): AbortSignal {
    return this.abort.signal;
  }

  /** How results are shown: as text, or at the end as JSON. */
  protected get shown(): { signal: AbortSignal; silent: boolean; log: (text: string) => void } {
    return { signal: this.signal, silent: this.jsonEnabled(), log: (text) => this.log(text) };
  }

  override async init(): Promise<void> {
    await super.init();
    process.on("SIGINT", this.onSignal);
    process.on("SIGTERM", this.onSignal);
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    await this.session?.[Symbol.asyncDispose]();
    process.off("SIGINT", this.onSignal);
    process.off("SIGTERM", this.onSignal);
    await super.finally(error);
  }

  /** Opens the project; its connections are closed when the command ends. */
  protected async open(folder: string): Promise<Session> {
    const { openSession } = await import("./session.ts");
    this.session = await openSession(folder, process.env);
    return this.session;
  }

  /** Sets the exit code from what went wrong; results are still printed. */
  protected exitWith(kinds: Iterable<ErrorKind>): void {
    process.exitCode = exitCodeOf(kinds);
  }

  protected override async catch(error: Error): Promise<void> {
    const { problems, exit } = explain(error);
    process.exitCode = exit;
    const shown = problems.map((problem) => this.withoutSecrets(problem));
    if (this.jsonEnabled()) this.logJson({ error: { problems: shown } });
    else process.stderr.write(`${problemLines(shown)}\n`);
    if (process.env.DEBUG) process.stderr.write(`${this.redact(error.stack ?? error.message)}\n`);
  }

  private redact(text: string): string {
    return this.session?.redact(text) ?? text;
  }

  private withoutSecrets(problem: Problem): Problem {
    return JSON.parse(this.redact(JSON.stringify(problem))) as Problem;
  }
}
