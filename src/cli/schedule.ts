/** What the command `schedule` puts together: the planner, where the schedule remembers, and how it names itself. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fail } from "../core/errors.ts";
import type { ScheduleSpec } from "../core/schedule.ts";
import type { Clock } from "../schedule/loop.ts";
import type { Notebook } from "../schedule/notebook.ts";
import { fileNotebook } from "../schedule/notebook-file.ts";
import { tableNotebook } from "../schedule/notebook-table.ts";
import { folderName } from "../state/folders.ts";
import { ownFolder, type Session } from "./session.ts";

/** The schedules of the named syncs, or all that there are. */
export function schedulesOf({ project, syncs }: Session, names: readonly string[]): readonly ScheduleSpec[] {
  const wanted = new Set(syncs(names).map(({ sync }) => sync.name));
  const found = project.schedules.filter(({ sync }) => wanted.has(sync));
  const without = names.find((name) => !found.some(({ sync }) => sync === name));
  if (without === undefined && found.length > 0) return found;
  throw fail.config(
    "schedule.none",
    without === undefined
      ? "No sync of the project has a schedule."
      : `The sync "${without}" has no schedule.`,
    'Write one into its model\'s file: schedule: { cron: "*/15 * * * *" }.',
  );
}

/** Where the schedule remembers: beside the state of the first sync that has a schedule. */
export async function openNotebook(session: Session, specs: readonly ScheduleSpec[]): Promise<Notebook> {
  const { project } = session;
  const { warehouse } = session.syncs([specs[0]!.sync])[0]!.model;
  const state = session.stateOf(warehouse);
  if (state.kind === "local") {
    session.makeStateFolder();
    return fileNotebook(join(state.root, "schedule", folderName(state.project)));
  }
  const { engine } = await session.warehouse(warehouse);
  if (engine === undefined) throw fail.bug("schedule.no_engine", "A warehouse with state has no engine.");
  // The runs need it for themselves.
  if (engine.exclusive)
    return fileNotebook(
      join(ownFolder(join(project.folder, ".backhaul")), "schedule", folderName(state.project)),
    );
  return tableNotebook(engine, state.schema, state.project);
}

export const systemClock: Clock = {
  now: Date.now,
  sleep: (ms, signal) => sleep(Math.min(ms, 2 ** 31 - 1), undefined, { signal }).catch(() => {}),
};
