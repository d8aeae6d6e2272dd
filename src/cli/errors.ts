import { EXIT_CODE, exitCodeOf, firstOf, type Problem, SyncError, sentence } from "../core/errors.ts";

/** What any thrown thing is to the user: problems with a code and a remedy, and the exit code. */
export function explain(thrown: unknown): { readonly problems: readonly Problem[]; readonly exit: number } {
  const error = firstOf(thrown);
  if (error instanceof SyncError) {
    return { problems: error.problems, exit: exitCodeOf(error.problems.map(({ kind }) => kind)) };
  }
  const message = error instanceof Error ? error.message : String(error);
  if (isUsage(error)) {
    const problem: Problem = { kind: "config", code: "cli.usage", ...usage(message) };
    return { problems: [problem], exit: EXIT_CODE.config };
  }
  if (error instanceof Error && error.name === "AbortError") {
    const problem: Problem = {
      kind: "aborted",
      code: "run.interrupted",
      message: "Interrupted; the state is safe.",
    };
    return { problems: [problem], exit: EXIT_CODE.aborted };
  }
  const system = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (system !== undefined && SYSTEM_REMEDIES[system] !== undefined) {
    const problem: Problem = {
      // A disk may fill up in the middle: something was run.
      kind: FULL.test(system) ? "connection" : "config",
      code: `system.${system}`,
      message: systemMessage(error as NodeJS.ErrnoException),
      remedy: SYSTEM_REMEDIES[system],
    };
    return { problems: [problem], exit: EXIT_CODE[problem.kind] };
  }
  const remedy = "This is a defect of Backhaul: please report it, with the output of DEBUG=backhaul.";
  return { problems: [{ kind: "bug", code: "cli.unexpected", message, remedy }], exit: EXIT_CODE.bug };
}

/** A sentence of what oclif says in several lines: a heading, what is wrong below it, where to see more. */
function usage(text: string): { readonly message: string; readonly remedy: string } {
  const lines = text.split("\n").map((line) => line.trim());
  const [first = "", ...rest] = lines.filter((line) => line !== "" && !/see more help/i.test(line));
  const unknown = /^command (\S+) not found$/.exec(first)?.[1];
  if (unknown !== undefined) {
    const message = `There is no command "${unknown.replaceAll(":", " ")}".`;
    return { message, remedy: "`backhaul --help` lists them." };
  }
  const parsed = /^Parsing (--\S+)/.exec(first)?.[1];
  const named = rest.map((line) => line.split(/\s{2,}/)[0]).join(", ");
  const whole =
    parsed !== undefined
      ? `${parsed}: ${rest.join(" ").replace(/^Expected/, "expected")}`
      : first === "The following error occurred:"
        ? rest.join(" ")
        : first.endsWith(":")
          ? `${first} ${named}`
          : first;
  return { message: `${whole.replace(/\.$/, "")}.`, remedy: "See --help." };
}

/** `/x/y.plan: no such file or directory.`; a file that is written is named as the user did, not as its draft. */
function systemMessage({ message, path }: NodeJS.ErrnoException): string {
  const said = /^E[A-Z]+: (.*?), \w+/.exec(message)?.[1];
  return said === undefined || path === undefined
    ? `${message}.`
    : `${path.replace(/\.part$/, "")}: ${said}.`;
}

const FULL = /^(ENOSPC|EDQUOT)$/;

/** What the operating system refuses, and what the user does about it. */
const SYSTEM_REMEDIES: Readonly<Record<string, string>> = {
  EACCES: "Let this user read and write there.",
  EPERM: "Let this user read and write there.",
  ENOENT: "Name a file or a folder that is there.",
  EISDIR: "Name a file, not a folder.",
  ENOTDIR: "Name a folder where a folder has to be.",
  EEXIST: "Name a folder: a file of that name is in the way.",
  EROFS: "The file system is read-only: name another folder by state.path in backhaul.yml.",
  ENOSPC: "Make room on the disk; the next run goes on where this one stopped.",
  EDQUOT: "Make room on the disk; the next run goes on where this one stopped.",
  EMFILE: "Raise the limit of open files (ulimit -n).",
  EADDRINUSE: "Something listens there already: name another port by --port.",
};

/** Errors that oclif throws for a wrong flag, argument or command. */
function isUsage(error: unknown): boolean {
  return typeof error === "object" && error !== null && "oclif" in error;
}

/** Problems as lines for a person. */
export function problemLines(problems: readonly Problem[]): string {
  return problems
    .map((problem) => `${problem.kind === "bug" ? "Defect" : "Error"}: ${sentence(problem)}`)
    .join("\n");
}

/** What goes wrong before a command is found. Never prints a stack unless DEBUG asks for it. */
export function reportUsage(error: unknown): void {
  const { problems, exit } = explain(error);
  if (process.argv.includes("--json"))
    process.stdout.write(`${JSON.stringify({ error: { problems } }, null, 2)}\n`);
  else process.stderr.write(`${problemLines(problems)}\n`);
  if (process.env.DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exitCode = exit;
}
