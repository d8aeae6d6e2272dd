/** Watches the schedule and tells each change of state once, whichever process sees it. */
import type { Log } from "../log/log.ts";
import type { Done, Watcher } from "../schedule/loop.ts";
import { change, type Notebook } from "../schedule/notebook.ts";
import type { Marks } from "../schedule/plan.ts";
import {
  type Facts,
  type Finding,
  findingsOf,
  freshnessOf,
  type Message,
  messageOf,
  remembered,
  type When,
} from "./conditions.ts";
import type { Send } from "./send.ts";

export interface Alerting {
  /** Names it in the notebook and in the log. */
  readonly name: string;
  readonly when: When;
  /** The syncs that are watched. */
  readonly syncs: ReadonlySet<string>;
  readonly send: Send;
}

export interface WatchOptions {
  readonly project: string;
  readonly alerts: readonly Alerting[];
  readonly log: Log;
  readonly redact: (text: string) => string;
  readonly now: () => number;
}

const FRESHNESS_MS = 30_000;

/** Who began to tell something and has not ended it for so long was killed meanwhile, in milliseconds. */
const TELLING_MS = 300_000;
/** How long the end of the schedule waits for messages that are under way, in milliseconds. */
const PATIENCE_MS = 90_000;
const PATIENCE_WHEN_STOPPED_MS = 15_000;

/** What the notebook holds of a condition. */
interface Told {
  readonly holds: boolean;
  readonly since: string;
  /** The message is on its way. */
  readonly telling?: true;
}

interface Observed {
  readonly sync: string;
  readonly finding: Finding;
  readonly more: Pick<Message, "counts" | "seconds">;
}

export interface AlertWatch extends Required<Watcher> {
  /** What is left to do; what could not be told in time is told by the next scheduler. */
  settled(signal?: AbortSignal): Promise<void>;
}

/** Receivers are told beside the runs: one that is slow keeps neither them nor other receivers waiting. */
export function watchAlerts(options: WatchOptions): AlertWatch {
  const { project, alerts, log, redact, now } = options;
  let notebook: Notebook | undefined;
  let looked = 0;

  const observe = async (alert: Alerting, { sync, finding, more }: Observed): Promise<void> => {
    const { condition, holds } = finding;
    const key = `alert ${alert.name} ${condition} ${sync}`;
    const entry = (await notebook!.read()).get(key);
    const told = entry?.value as Told | undefined;
    const isLeft = told?.telling === true && now() - Date.parse(told.since) > TELLING_MS;
    const held = told?.holds ?? false;
    if (held === holds && !isLeft) return;
    const at = new Date(now()).toISOString();
    const isSaid = holds || alert.when.recovered;
    const value: Told = { holds, since: at, ...(isSaid ? { telling: true } : {}) };
    const taken = await notebook!.write(key, value, entry?.version ?? 0);
    if (!taken || !isSaid) return;
    const message = messageOf(finding, { project, sync, at, ...more });
    const safe = { ...message, text: redact(message.text) };
    const said = { sync, condition, state: message.state, alert: alert.name };
    let after: Told = { holds, since: at };
    try {
      await alert.send(safe);
      log.info(said, "alert sent");
    } catch (error) {
      log.error(
        { ...said, problem: redact((error as Error).message) },
        "alert not sent; the next run tries again",
      );
      after = { holds: isLeft ? !holds : held, since: at };
    }
    await change(notebook!, key, () => after);
  };

  const lanes = new Map(alerts.map((alert) => [alert, laneOf((one) => observe(alert, one), log)]));
  const watching = (sync: string): readonly Alerting[] => alerts.filter(({ syncs }) => syncs.has(sync));
  const tell = (
    alert: Alerting,
    sync: string,
    findings: readonly Finding[],
    more: Observed["more"],
  ): void => {
    for (const finding of findings) lanes.get(alert)!.put({ sync, finding, more });
  };

  return {
    opened(given) {
      notebook = given;
    },
    looked(marks: Marks) {
      if (now() - looked < FRESHNESS_MS || alerts.length === 0) return;
      looked = now();
      for (const [sync, { well, began }] of marks) {
        const last = well ?? began;
        if (last === undefined) continue;
        for (const alert of watching(sync)) tell(alert, sync, freshnessOf(alert.when, last, now()), {});
      }
    },
    began() {},
    async ended({ due: { sync }, exit, seconds, run, problems }: Done) {
      const told = watching(sync);
      if (told.length === 0) return;
      try {
        const usualKey = `usual ${sync}`;
        const usual = ((await notebook!.read()).get(usualKey)?.value as readonly number[] | undefined) ?? [];
        const counts = run && {
          run: run.run,
          rows: run.rows,
          applied: run.applied,
          deferred: run.deferred,
          waiting: run.waiting,
          rejected: run.rejections.total,
        };
        const facts: Facts = { exit, seconds, problems, usual, ...(counts ? { counts } : {}) };
        const more = { seconds, ...(counts ? { counts } : {}) };
        for (const alert of told) tell(alert, sync, findingsOf(alert.when, facts), more);
        if (counts && (exit === 0 || exit === 1))
          await change(notebook!, usualKey, (value) =>
            remembered((value as number[] | undefined) ?? [], counts.rows),
          );
      } catch (error) {
        log.error({ sync, problem: String(error) }, "alerts cannot be worked out");
      }
    },
    async settled(signal) {
      const patience = (): number => (signal?.aborted ? PATIENCE_WHEN_STOPPED_MS : PATIENCE_MS);
      let giveUp = (): void => {};
      const late = new Promise<void>((done) => {
        giveUp = done;
      });
      let timer = setTimeout(giveUp, patience());
      const onAbort = (): void => {
        clearTimeout(timer);
        timer = setTimeout(giveUp, patience());
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      await Promise.race([late, Promise.all([...lanes.values()].map(({ idle }) => idle()))]);
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    },
  };
}

interface Lane {
  put(one: Observed): void;
  idle(): Promise<void>;
}

/** One after another; what is newer takes the place of what waits of the same sync and condition. */
function laneOf(work: (one: Observed) => Promise<void>, log: Log): Lane {
  const waiting = new Map<string, Observed>();
  let working: Promise<void> | undefined;
  const go = async (): Promise<void> => {
    for (const [key, one] of waiting) {
      waiting.delete(key);
      await work(one).catch((error) =>
        log.error({ sync: one.sync, problem: String(error) }, "alerts cannot be worked out"),
      );
    }
    working = undefined;
  };
  return {
    put(one) {
      waiting.set(`${one.finding.condition} ${one.sync}`, one);
      working ??= go();
    },
    idle: () => working ?? Promise.resolve(),
  };
}
