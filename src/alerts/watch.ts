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

export function watchAlerts(options: WatchOptions): Required<Watcher> & { settled(): Promise<void> } {
  const { project, alerts, log, redact, now } = options;
  let notebook: Notebook | undefined;
  let looking: Promise<void> = Promise.resolve();
  let looked = 0;

  const observe = async (
    alert: Alerting,
    sync: string,
    findings: readonly Finding[],
    more: Pick<Message, "counts" | "seconds">,
  ): Promise<void> => {
    for (const finding of findings) {
      const key = `alert ${alert.name} ${finding.condition} ${sync}`;
      const entry = (await notebook!.read()).get(key);
      const held = (entry?.value as { holds: boolean } | undefined)?.holds ?? false;
      if (held === finding.holds) continue;
      const at = new Date(now()).toISOString();
      const taken = await notebook!.write(key, { holds: finding.holds, since: at }, entry?.version ?? 0);
      if (!taken || (!finding.holds && !alert.when.recovered)) continue;
      const message = messageOf(finding, { project, sync, at, ...more });
      const safe = { ...message, text: redact(message.text) };
      const said = { sync, condition: message.condition, state: message.state, alert: alert.name };
      try {
        await alert.send(safe);
        log.info(said, "alert sent");
      } catch (error) {
        log.error(
          { ...said, problem: redact((error as Error).message) },
          "alert not sent; the next run tries again",
        );
        await change(notebook!, key, () => ({ holds: held, since: at }));
      }
    }
  };

  const watching = (sync: string): readonly Alerting[] => alerts.filter(({ syncs }) => syncs.has(sync));

  const fresh = async (marks: Marks): Promise<void> => {
    for (const [sync, { well, began }] of marks) {
      const last = well ?? began;
      if (last === undefined) continue;
      for (const alert of watching(sync))
        await observe(alert, sync, freshnessOf(alert.when, last, now()), {});
    }
  };

  return {
    opened(given) {
      notebook = given;
    },
    looked(marks) {
      if (now() - looked < FRESHNESS_MS || alerts.length === 0) return;
      looked = now();
      looking = looking
        .then(() => fresh(marks))
        .catch((error) => log.error({ problem: String(error) }, "alerts cannot be worked out"));
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
        for (const alert of told) await observe(alert, sync, findingsOf(alert.when, facts), more);
        if (counts && (exit === 0 || exit === 1))
          await change(notebook!, usualKey, (value) =>
            remembered((value as number[] | undefined) ?? [], counts.rows),
          );
      } catch (error) {
        log.error({ sync, problem: String(error) }, "alerts cannot be worked out");
      }
    },
    settled: () => looking,
  };
}
