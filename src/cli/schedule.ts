/** What the command `schedule` puts together: the planner, where the schedule remembers, and how it names itself. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fail } from "../core/errors.ts";
import type { ScheduleSpec } from "../core/schedule.ts";
import type { SyncSpec } from "../core/spec.ts";
import type { Clock } from "../schedule/loop.ts";
import type { Notebook } from "../schedule/notebook.ts";
import { fileNotebook } from "../schedule/notebook-file.ts";
import { tableNotebook } from "../schedule/notebook-table.ts";
import type { Before } from "../schedule/plan.ts";
import { folderName } from "../state/folders.ts";
import { inOrderOfLookups, waitsFor } from "../sync/order.ts";
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

/**
 * Of the syncs that have a schedule, which come before which, as in a run: those that write what another looks up, and
 * of two that write one object the first. By the names that the mappings give, for a schedule asks no destination.
 */
export function beforeOf(session: Session, specs: readonly ScheduleSpec[]): Before {
  const scheduled = new Set(specs.map(({ sync }) => sync));
  const syncs = session
    .syncs([])
    .filter(({ sync }) => scheduled.has(sync.name))
    .map(({ sync }) => ({ sync, compiled: { object: written(sync), parents: lookedUp(sync) } }))
    .sort((a, b) => (a.sync.name < b.sync.name ? -1 : 1));
  const names = (found: readonly { readonly sync: SyncSpec }[]): string[] =>
    found.map(({ sync }) => sync.name);
  return new Map(
    [...waitsFor(inOrderOfLookups(syncs))].map(([{ sync }, others]) => [sync.name, names(others)]),
  );
}

/** What a sync writes: records of an object, members of a list, or ties. */
const written = ({ object, audience, associate }: SyncSpec): string =>
  associate?.relationship ?? (audience ? JSON.stringify(audience.named) : folded(object));

const lookedUp = ({ object, fields, audience, associate }: SyncSpec): string[] =>
  [
    ...(audience ? [object] : []),
    ...(associate ? [associate.from.object, associate.to.object] : []),
    ...fields.flatMap(({ lookup }) => {
      if (lookup === undefined) return [];
      const { object, by } = lookup;
      return typeof object === "string" ? [object] : typeof by === "string" ? [] : Object.keys(by);
    }),
  ].map(folded);

/** An object's logical name, set and display name are mostly the same but for this. */
const folded = (object: string): string =>
  object
    .toLowerCase()
    .replaceAll(" ", "")
    .replace(/ies$/, "y")
    .replace(/(?<=[a-z0-9])s$/, "");

/** Where the schedule remembers: beside the state of a sync, the first one that has a schedule. */
export async function openNotebook(session: Session, sync: string): Promise<Notebook> {
  const { project } = session;
  const { warehouse } = session.syncs([sync])[0]!.model;
  const state = session.stateOf(warehouse);
  if (state.kind === "local") {
    session.makeStateFolder("write");
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
