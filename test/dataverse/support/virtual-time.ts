/** Time that passes when nothing else is to be done: hours of a run in a second, the same each time. */
import type { Clock } from "../../../src/http/clock.ts";

export interface VirtualTime extends Clock {
  /** Lets time pass until that moment; what was begun goes on as far as it comes. */
  runTo(until: number): Promise<void>;
}

interface Alarm {
  readonly at: number;
  readonly ring: () => void;
}

export function virtualTime(): VirtualTime {
  let time = 0;
  /** Latest first. */
  const alarms: Alarm[] = [];
  return {
    now: () => time,
    sleep: (milliseconds, signal) =>
      new Promise((resolve) => {
        if (signal.aborted || milliseconds <= 0) return resolve();
        const ring = () => {
          signal.removeEventListener("abort", stop);
          resolve();
        };
        const alarm = { at: time + milliseconds, ring };
        const stop = () => {
          const found = alarms.indexOf(alarm);
          if (found >= 0) alarms.splice(found, 1);
          resolve();
        };
        let place = alarms.length;
        while (place > 0 && (alarms[place - 1] as Alarm).at <= alarm.at) place--;
        alarms.splice(place, 0, alarm);
        signal.addEventListener("abort", stop, { once: true });
      }),
    async runTo(until) {
      while (true) {
        await new Promise(setImmediate); // all that needs no time is done
        const next = alarms.at(-1);
        if (next === undefined || next.at > until) break;
        alarms.pop();
        time = next.at;
        next.ring();
      }
      time = until;
    },
  };
}
