import { once } from "node:events";
import { Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import { filterOf, historyFlags, historyOf } from "../cli/history.ts";
import { painter, widthOf } from "../cli/render.ts";
import { csvHead, csvLine, showRejects } from "../cli/show-history.ts";
import type { HistoryFilter, HistoryReader, RejectEntry } from "../state/history.ts";

const SHOWN = 100;

export default class Rejects extends BaseCommand {
  static override summary = "List rejected rows with field, reason and remedy, the newest first.";
  static override description =
    "Reads the history where the state lies, as long as `state.retention` keeps it. With --csv every row is written, run by run, unless --limit says how many.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> --sync contacts",
    "<%= config.bin %> <%= command.id %> --code value.too_long --field jobtitle",
    "<%= config.bin %> <%= command.id %> --since 1d --csv > rejects.csv",
  ];
  static override flags = {
    ...historyFlags,
    key: Flags.string({
      summary: "Of the row with this primary key alone; a JSON list where it has several columns.",
    }),
    code: Flags.string({ summary: "For this reason alone: value.too_long, or value for all of a family." }),
    field: Flags.string({ summary: "Because of this field alone." }),
    csv: Flags.boolean({ summary: "Write CSV with a line of names.", exclusive: ["json"] }),
  };

  async run(): Promise<{ rejects: readonly RejectEntry[] }> {
    const { flags } = await this.parse(Rejects);
    const session = await this.open(flags.project);
    const read = (reader: HistoryReader, wanted: HistoryFilter) => reader.rejects(wanted);
    const rejects: RejectEntry[] = [];
    const isWanted = wantedBy(flags);
    if (flags.csv) {
      let isHeaded = false;
      for await (const reject of historyOf(session, filterOf(flags, flags.limit), read, isWanted)) {
        if (!isHeaded) await writeLine(csvHead);
        isHeaded = true;
        await writeLine(csvLine(reject));
      }
      if (isHeaded) return { rejects };
      if (flags.sync !== undefined) session.syncs([flags.sync]);
      await writeLine(csvHead);
      return { rejects };
    }
    for await (const reject of historyOf(session, filterOf(flags, flags.limit ?? SHOWN), read, isWanted))
      rejects.push(reject);
    if (rejects.length === 0 && flags.sync !== undefined) session.syncs([flags.sync]); // a name that nothing has is said
    this.log(showRejects(rejects, { paint: painter(process.stdout), width: widthOf(process.stdout) }));
    return { rejects };
  }
}

interface Wanted {
  readonly key?: string | undefined;
  readonly code?: string | undefined;
  readonly field?: string | undefined;
}

/** `undefined` where every row is wanted. */
function wantedBy({ key, code, field }: Wanted): ((entry: RejectEntry) => boolean) | undefined {
  if (key === undefined && code === undefined && field === undefined) return undefined;
  return (entry) =>
    (key === undefined || key === (entry.key.length === 1 ? entry.key[0] : JSON.stringify(entry.key))) &&
    (code === undefined || entry.code === code || entry.code.startsWith(`${code}.`)) &&
    (field === undefined || entry.field === field);
}

/** Waits when the reader is slower than we are. */
async function writeLine(line: string): Promise<void> {
  const { stdout } = process;
  if (stdout.destroyed || stdout.errored) return;
  if (!stdout.write(`${line}\r\n`)) await Promise.race([once(stdout, "drain"), once(stdout, "close")]);
}
