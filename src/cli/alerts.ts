/** The project's alerts as something that sends. */
import { rowFacts } from "../alerts/bodies.ts";
import { byMail, overHttp, type Send } from "../alerts/send.ts";
import type { Alerting } from "../alerts/watch.ts";
import type { Alert, DataverseAlert } from "../config/generated/project.ts";
import type { Added, Operation } from "../core/change.ts";
import { SyncError } from "../core/errors.ts";
import { DEFAULT_RULES, NO_OPTIONS, type SyncSpec } from "../core/spec.ts";
import type { Column } from "../core/value.ts";
import type { Session } from "./session.ts";

/** @throws SyncError `config` for a reference that leads nowhere */
export function alertings(
  session: Session,
  scheduled: readonly string[],
  signal: AbortSignal,
): readonly Alerting[] {
  return session.project.alerts.map((written, index) => {
    const alert = session.resolve(written, "alerts", index);
    return {
      name: `${index} ${alert.type}`,
      when: alert.when,
      syncs: new Set(alert.syncs ?? scheduled),
      send: senderOf(session, alert, index, signal),
    };
  });
}

function senderOf(session: Session, alert: Alert, index: number, signal: AbortSignal): Send {
  switch (alert.type) {
    case "slack":
    case "teams":
      return overHttp({ kind: alert.type, url: alert.url });
    case "webhook": {
      const { url, authorization } = alert;
      return overHttp({ kind: "webhook", url, ...(authorization === undefined ? {} : { authorization }) });
    }
    case "email": {
      const { host, port, encryption, user, password, from, to } = alert;
      const login = user === undefined ? {} : { user, ...(password === undefined ? {} : { password }) };
      return byMail({ host, port, encryption, from, to, ...login });
    }
    case "dataverse":
      return intoTable(session, alert, index, signal);
  }
}

/** A new row for each message, by the way that rows of a model go. */
function intoTable(session: Session, alert: DataverseAlert, index: number, signal: AbortSignal): Send {
  const place = (...path: readonly (string | number)[]) => session.project.place("alerts", index, ...path);
  return async (message) => {
    const facts = rowFacts(message);
    const names = [...new Set(Object.values(alert.fields))];
    const columns = names.map((name): Column => ({ name, ...(COLUMNS[name] ?? TEXT) }));
    const sync: SyncSpec = {
      name: `alert_${index}`,
      model: "alerts",
      destination: alert.destination,
      object: alert.object,
      mode: "insert",
      match: [],
      fields: Object.entries(alert.fields).map(([field, column]) => ({
        field,
        source: { column },
        whenNull: "skip",
        truncate: true,
      })),
      onRemoved: "keep",
      guard: { removed: { share: 1, rows: 0 } },
      rules: { ...DEFAULT_RULES, ids: "server", adopt: false },
      options: NO_OPTIONS,
      place,
    };
    const destination = await session.destination(alert.destination);
    const compiled = await destination.compile(sync, columns, signal);
    const idSeed = [session.project.name, alert.object, sync.name];
    const added: Added = {
      kind: "added",
      seq: 1,
      key: [`${message.at} ${message.sync} ${message.condition}`],
      id: null,
      after: names.map((name) => facts[name] ?? null),
    };
    const operations: Operation[] = [];
    for (const planned of await compiled.plan([added], { signal, idSeed })) {
      if (planned.status === "planned") operations.push(planned.operation);
      else if (planned.status === "rejected") throw new SyncError(planned.problem);
    }
    const batches = (async function* () {
      yield operations;
    })();
    for await (const outcomes of compiled.write(batches, { signal, idSeed }))
      for (const outcome of outcomes) if ("problem" in outcome) throw new SyncError(outcome.problem);
  };
}

const TEXT = { kind: "text", sqlType: "text" } as const;
const COUNT = { kind: "integer", sqlType: "bigint" } as const;
const COLUMNS: Readonly<Record<string, Omit<Column, "name">>> = {
  at: { kind: "timestamp", sqlType: "timestamptz", zoned: true },
  rows: COUNT,
  applied: COUNT,
  rejected: COUNT,
  deferred: COUNT,
  seconds: COUNT,
};
