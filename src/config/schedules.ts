/** What a project's files say of schedules and alerts: names that must exist, and the planner's words for the rest. */
import { isAlwaysQuiet, lateness, milliseconds, quietHours, type ScheduleSpec } from "../core/schedule.ts";
import type { Schedule } from "./generated/model.ts";
import type { ProjectSchedule } from "./generated/project.ts";
import { type Finding, finding } from "./problems.ts";
import { isMapping, select } from "./walk.ts";
import { suggestion } from "./words.ts";
import type { Path, Source } from "./yaml.ts";

/** A sync's schedule, with what backhaul.yml says for all. */
export function scheduleSpec(sync: string, own: Schedule, all: ProjectSchedule): ScheduleSpec {
  const { cron, after = [], jitter = all.jitter, quiet = all.quiet ?? [] } = own;
  return {
    sync,
    trigger:
      cron === undefined
        ? { kind: "after", syncs: after }
        : { kind: "cron", cron, jitterMs: jitter === undefined ? 0 : milliseconds(jitter) },
    timezone: own.timezone ?? all.timezone,
    quiet: quiet.map(quietHours),
    lateMs: lateness(own.catch_up ?? all.catch_up),
  };
}

interface Scheduled {
  readonly model: Source;
  readonly path: Path;
  readonly after: readonly unknown[];
}

/** Syncs that a schedule waits for and that are not there, have no schedule, or wait for it in turn. */
export function scheduleFindings(models: readonly Source[]): Finding[] {
  const names: string[] = [];
  const scheduled = new Map<string, Scheduled>();
  for (const model of models)
    for (const { path, value } of select(model.data, "syncs.*")) {
      if (!isMapping(value) || typeof value.sync !== "string") continue;
      names.push(value.sync);
      if (!isMapping(value.schedule)) continue;
      const { after } = value.schedule;
      scheduled.set(value.sync, { model, path, after: Array.isArray(after) ? after : [] });
    }
  const waitsFor = (from: unknown, target: string, seen = new Set<unknown>()): boolean => {
    if (from === target) return true;
    if (seen.has(from)) return false;
    seen.add(from);
    return scheduled.get(String(from))?.after.some((next) => waitsFor(next, target, seen)) ?? false;
  };
  return [...scheduled].flatMap(([sync, { model, path, after }]) =>
    after.flatMap((other, index) => {
      if (typeof other !== "string") return [];
      const at = [...path, "schedule", "after", index];
      if (!names.includes(other)) {
        const message = `There is no sync "${other}" in this project.`;
        return [finding(model, at, "unknown_name", message, suggestion(other, names))];
      }
      if (!scheduled.has(other)) {
        const message = `"${sync}" waits for "${other}", which has no schedule.`;
        return [finding(model, at, "conflict", message, `Give "${other}" a schedule.`)];
      }
      if (!waitsFor(other, sync)) return [];
      const message = `"${sync}" and "${other}" wait for each other.`;
      return [finding(model, at, "conflict", message, "Give one of them a cron line instead.")];
    }),
  );
}

/** Quiet hours, of one file, that leave no minute of the week to begin a run in. */
export function quietFindings(source: Source): Finding[] {
  return ["*.quiet", "syncs.*.schedule.quiet"].flatMap((pattern) =>
    select(source.data, pattern).flatMap(({ path, value }) => {
      if (!Array.isArray(value) || !value.every((hours) => typeof hours === "string")) return [];
      if (!isAlwaysQuiet(value.map(quietHours))) return [];
      const message = "These quiet hours cover the whole week: nothing would ever run.";
      return [finding(source, path, "conflict", message, "Leave some hours out.")];
    }),
  );
}

/** Syncs and destinations that an alert names and the project has not. */
export function alertFindings(project: Source, models: readonly Source[]): Finding[] {
  const syncs = models.flatMap((model) =>
    select(model.data, "syncs.*.sync").map(({ value }) => String(value)),
  );
  const destinations = select(project.data, "destinations.*").map(({ path }) => String(path[1]));
  const unknown = (pattern: string, what: string, names: readonly string[]): Finding[] =>
    select(project.data, pattern)
      .filter(({ value }) => typeof value === "string" && !names.includes(value))
      .map(({ path, value }) => {
        const message = `There is no ${what} "${value}" in this project.`;
        return finding(project, path, "unknown_name", message, suggestion(String(value), names));
      });
  return [
    ...unknown("alerts.*.syncs.*", "sync", syncs),
    ...unknown("alerts.*.destination", "destination", destinations),
  ];
}
