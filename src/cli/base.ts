import { Command } from "@oclif/core/command";
import { directory, option } from "@oclif/core/flags";
import { type ErrorKind, exitCodeOf, type Problem } from "../core/errors.ts";
import { FORMATS, LEVELS, type Log, logSettings, openLog } from "../log/log.ts";
import { logSteps } from "../log/steps.ts";
import { wantsTelemetry } from "../telemetry/asked.ts";
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
    "log-level": option({
      options: LEVELS,
      summary: "What is logged on stderr; BACKHAUL_LOG_LEVEL says the same.",
      helpGroup: "GLOBAL",
    })(),
    "log-format": option({
      options: FORMATS,
      summary: "Text, or JSON lines; auto is text on a terminal. BACKHAUL_LOG_FORMAT says the same.",
      helpGroup: "GLOBAL",
    })(),
  };

  private readonly abort = new AbortController();
  private session: Session | undefined;
  private logged: Log | undefined;
  private listening: Disposable | undefined;
  private telemetry: AsyncDisposable | undefined;
  /** JSON lines were asked for by name: then all of stderr is such lines. */
  private isAllJson = false;
  private readonly onSignal = (): void => {
    if (this.abort.signal.aborted) process.exit(130);
    const text = "Stopping: waiting for what is under way. Once more to leave at once.";
    if (this.isAllJson && this.logged) this.logged.warn({}, text);
    else process.stderr.write(`${text}\n`);
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
    if (process.channel !== undefined) {
      // A child of the schedule: it ends as a run does that is interrupted, should its parent be gone.
      process.once("disconnect", () => {
        if (!this.abort.signal.aborted) this.onSignal();
      });
      process.channel.unref();
    }
    const { flags } = await this.parse({
      flags: this.ctor.flags,
      baseFlags: BaseCommand.baseFlags,
      enableJsonFlag: this.ctor.enableJsonFlag,
      args: this.ctor.args,
      strict: this.ctor.strict,
    });
    // Whatever this command starts, or shows progress with, writes its log in the same way.
    if (flags["log-level"]) process.env.BACKHAUL_LOG_LEVEL = flags["log-level"];
    if (flags["log-format"]) process.env.BACKHAUL_LOG_FORMAT = flags["log-format"];
    this.isAllJson = process.env.BACKHAUL_LOG_FORMAT === "json";
    const settings = logSettings(process.env, process.stderr, this.jsonEnabled());
    this.logged = openLog({
      ...settings,
      redact: (text) => this.redact(text),
      write: (line) => void process.stderr.write(line),
    });
    if (wantsTelemetry(process.env)) await this.startTelemetry();
    this.listening = settings.format === "json" ? logSteps(this.logged) : undefined;
  }

  private async startTelemetry(): Promise<void> {
    const { startTelemetry } = await import("../telemetry/start.ts");
    this.telemetry = await startTelemetry(process.env);
    if (this.telemetry !== undefined) return;
    // No word that may quote a value: of those the log would take the version away.
    const install = "npm install @opentelemetry/sdk-node@0.223.0";
    this.logger.warn({ install }, "OpenTelemetry's variables are set, and its SDK is not installed");
  }

  /** What happens, on stderr. */
  protected get logger(): Log {
    if (this.logged === undefined) throw new Error("The log is opened by init().");
    return this.logged;
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    await this.session?.[Symbol.asyncDispose]();
    await this.telemetry?.[Symbol.asyncDispose]();
    this.listening?.[Symbol.dispose]();
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
    else if (this.isAllJson && this.logged)
      for (const { kind, code, message, remedy, place } of shown)
        this.logged.error({ kind, code, problem: message, remedy, ...place }, "failed");
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
