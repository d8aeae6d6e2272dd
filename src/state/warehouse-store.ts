/**
 * State in a schema of the warehouse: tables `syncs` (one row per sync: its record and its lease), `runs` and
 * `rejects` for all syncs, and the tables of each sync under a prefix of its own.
 */
import { randomBytes } from "node:crypto";
import type { Value } from "../core/value.ts";
import type { StateEngine } from "../ports.ts";
import type { Neighbour } from "./elsewhere.ts";
import { openTableHistory } from "./history-table.ts";
import { openTableJournal } from "./journal-table.ts";
import { acquireLease, type Lease } from "./lease.ts";
import { damaged, readRecord, type SyncRecord } from "./record.ts";
import { snapshotTables, takenOver } from "./settle.ts";
import { stageInWarehouse } from "./stage.ts";
import type { Store } from "./store.ts";
import { createOutcomes, makeShared } from "./tables.ts";

/** Whose state it is. */
export interface Owner {
  readonly project: string;
  readonly organization: string;
  readonly object: string;
  readonly sync: string;
  readonly renamedFrom?: string;
}

export interface WarehousePlace {
  readonly kind: "warehouse";
  readonly engine: StateEngine;
  readonly schema: string;
  readonly owner: Owner;
  /** Days that the history of runs is kept. */
  readonly retentionDays: number;
}

/** Opens the state for a run, which holds its lease until it is disposed. */
export async function openWarehouseStore(place: WarehousePlace): Promise<Store> {
  const registry = registryOf(place);
  await registry.make();
  const id = await registry.own(true);
  const lease = await acquireLease(place.engine, registry.table, registry.mine);
  return storeOver({ ...place, engine: fenced(place.engine, lease) }, id, undefined, lease);
}

/** Opens the state for a plan: what it makes has names of its own and is dropped at its end. */
export async function openWarehousePlanStore(place: WarehousePlace): Promise<Store> {
  const registry = registryOf(place);
  await registry.make();
  const id = await registry.own(false);
  const scratch = `plan${Date.now().toString(36)}_${randomBytes(3).toString("hex")}_`;
  return storeOver(place, id, scratch, undefined);
}

/** The record as it lies; `undefined` for an empty state. Makes nothing. */
export async function peekWarehouseRecord({
  engine,
  schema,
  owner,
}: WarehousePlace): Promise<SyncRecord | undefined> {
  const { quote, literal } = engine.dialect;
  if (!(await tablesIn(engine, schema, "syncs")).includes("syncs")) return undefined;
  for (const name of [owner.sync, owner.renamedFrom]) {
    if (name === undefined) continue;
    const [row] = await engine.rows(
      `SELECT state FROM ${quote(schema)}.${quote("syncs")} WHERE name_key = ${literal(nameKey(owner, name))}`,
    );
    if (row !== undefined)
      return row[0] === null || row[0] === undefined ? undefined : readRecord(row[0], whereOf(schema));
  }
  return undefined;
}

/** The engine for the holder of a lease: what fails because another run has taken over says so. */
function fenced(engine: StateEngine, lease: Lease): StateEngine {
  const explained = async (error: unknown): Promise<unknown> =>
    (await lease.isHeld().catch(() => true)) ? error : takenOver();
  const guarded = async <T>(work: Promise<T>): Promise<T> =>
    work.catch(async (error: unknown) => {
      throw await explained(error);
    });
  return {
    dialect: engine.dialect,
    pace: engine.pace,
    run: (...statement) => guarded(engine.run(...statement)),
    async transaction(statements) {
      const done = await guarded(engine.transaction(statements));
      // A statement that had to write and did not: the run is told to stop if it is because of the lease.
      if (done === undefined) await lease.isHeld().catch(() => false);
      return done;
    },
    rows: (sql) => guarded(engine.rows(sql)),
    async *stream(sql, signal) {
      try {
        yield* engine.stream(sql, signal);
      } catch (error) {
        throw await explained(error);
      }
    },
  };
}

interface Registry {
  readonly table: string;
  /** The condition that finds the sync's row. */
  readonly mine: string;
  make(): Promise<void>;
  /** The id of the sync's tables; a run makes the row, or takes over that of the sync's former name. */
  own(lasting: boolean): Promise<string>;
}

const nameKey = ({ project, organization, object }: Owner, sync: string): string =>
  JSON.stringify([project, organization, object, sync]);

function registryOf({ engine, schema, owner }: WarehousePlace): Registry {
  const { dialect } = engine;
  const { literal, quote } = dialect;
  const { text, integer } = dialect.types;
  const table = `${quote(schema)}.${quote("syncs")}`;
  const is = (sync: string): string => `name_key = ${literal(nameKey(owner, sync))}`;
  const mine = is(owner.sync);
  const idOf = async (condition: string): Promise<string | undefined> =>
    (await engine.rows(`SELECT id FROM ${table} WHERE ${condition}`))[0]?.[0] ?? undefined;
  /** Who may not make anything finds what is there: `IF NOT EXISTS` asks for the right to make it all the same. */
  const makeOnce = async (isThere: () => Promise<boolean>, sql: string): Promise<void> => {
    if (!(await isThere())) await makeShared(engine, sql);
  };
  return {
    table,
    mine,
    async make() {
      const schemas = `SELECT schema_name FROM information_schema.schemata WHERE schema_name = ${literal(dialect.catalogName(schema))}`;
      const hasSchema = async (): Promise<boolean> => (await engine.rows(schemas)).length > 0;
      const hasTable = async (): Promise<boolean> =>
        (await tablesIn(engine, schema, "syncs")).includes("syncs");
      await makeOnce(hasSchema, `CREATE SCHEMA IF NOT EXISTS ${quote(schema)}`);
      const columns = [
        ...["project", "organization", "object", "sync", "id", "state", "holder"].map(
          (name) => `${name} ${text}`,
        ),
        `token ${integer}`,
        `expires ${integer}`,
      ];
      await makeOnce(
        hasTable,
        `CREATE TABLE IF NOT EXISTS ${table} (name_key ${text} PRIMARY KEY, ${columns.join(", ")})`,
      );
    },
    async own(lasting) {
      const known = await idOf(mine);
      if (known !== undefined) return known;
      if (owner.renamedFrom !== undefined) {
        const old = await idOf(is(owner.renamedFrom));
        if (old !== undefined) {
          if (lasting)
            await engine.run(
              `UPDATE ${table} SET name_key = ${literal(nameKey(owner, owner.sync))}, sync = ${literal(owner.sync)} WHERE ${is(owner.renamedFrom)}`,
            );
          return old;
        }
      }
      const id = randomBytes(6).toString("hex");
      if (!lasting) return id;
      const values = {
        name_key: literal(nameKey(owner, owner.sync)),
        project: literal(owner.project),
        organization: literal(owner.organization),
        object: literal(owner.object),
        sync: literal(owner.sync),
        id: literal(id),
        state: `CAST(NULL AS ${text})`,
        holder: "''",
        token: "0",
        expires: "0",
      };
      await engine.run(dialect.insertIfAbsent(table, "name_key", values));
      return (await idOf(mine)) ?? id;
    },
  };
}

async function tablesIn({ rows, dialect }: StateEngine, schema: string, prefix: string): Promise<string[]> {
  const found = await rows(
    `SELECT table_name FROM information_schema.tables WHERE table_schema = ${dialect.literal(dialect.catalogName(schema))}`,
  );
  return found.map(([name]) => dialect.catalogName(name!)).filter((name) => name.startsWith(prefix));
}

const DAY_MS = 86_400_000;

/** @param scratch in a plan, what stands before the names of its own tables */
function storeOver(
  place: WarehousePlace,
  id: string,
  scratch: string | undefined,
  lease: Lease | undefined,
): Store {
  const { engine } = place;
  const { dialect } = engine;
  const { literal, quote } = dialect;
  const prefix = `s${id}_`;
  const own = scratch === undefined ? prefix : `${scratch}${prefix}`;
  const at = (name: string): string => `${quote(place.schema)}.${quote(name)}`;
  const table = at("syncs");
  const work = (name: string): string => at(`${own}${name}`);
  const drop = async (names: readonly string[]): Promise<void> => {
    for (const name of names) await engine.run(`DROP TABLE IF EXISTS ${at(name)}`);
  };
  const made = (): Promise<string[]> => tablesIn(engine, place.schema, own);
  /** Set in a plan once the snapshot is a copy of its own, or was never there. */
  let copied = false;

  return {
    engine,
    lasting: lease !== undefined,
    snapshot: (name) => (copied ? work(name) : at(`${prefix}${name}`)),
    work,
    lost: lease?.lost ?? new AbortController().signal,
    async load() {
      const read = async (): Promise<Value> =>
        (await engine.rows(`SELECT state FROM ${table} WHERE id = ${literal(id)}`))[0]?.[0] ?? null;
      for (let state = await read(); ; ) {
        if (state === null) return undefined;
        const record = readRecord(state, whereOf(place.schema));
        const there = await tablesIn(engine, place.schema, prefix);
        const missing = snapshotTables(record).find((name) => !there.includes(`${prefix}${name}`));
        if (missing === undefined) return record;
        // Under a plan a run may have put others in their place meanwhile.
        const now = await read();
        if (now === state) throw damaged(whereOf(place.schema), `its table ${prefix}${missing} is not there`);
        state = now;
      }
    },
    save: (record) =>
      lease === undefined
        ? { sql: `DELETE FROM ${table} WHERE 1 = 0` }
        : {
            sql: `UPDATE ${table} SET state = ${literal(JSON.stringify(record))} WHERE id = ${literal(id)} AND token = ${lease.token}`,
            mustWrite: true,
          },
    async create() {
      copied = lease === undefined;
    },
    async copy(record) {
      const names = snapshotTables(record);
      if (record.open !== null) {
        const { number } = record.open;
        const there = await tablesIn(engine, place.schema, prefix);
        const ofRun = ["staged", "changes", "outcomes"].map((name) => `${name}_${number}`);
        names.push(...ofRun.filter((name) => there.includes(`${prefix}${name}`)));
      }
      for (const name of names)
        await engine.run(dialect.createTableAs(work(name), `SELECT * FROM ${at(`${prefix}${name}`)}`));
      copied = true;
    },
    stage: (name, shape, _warehouse, query, options) => stageInWarehouse(engine, name, shape, query, options),
    openJournal: async (_run, name) => openTableJournal(engine, name, lease!.renew),
    readJournal: async (_run, name) => void (await engine.run(createOutcomes(dialect, name))),
    closeJournal: async () => {},
    neighbours: () => neighboursOf(engine, table, place.owner, at),
    async sweep(keep) {
      if (lease === undefined) return;
      const there = await made();
      // Listed while the lease was held: nothing of a run that has taken over since is dropped.
      if (!(await lease.isHeld())) throw takenOver();
      // What a hanging process still reads is left to the next run.
      for (const name of there.filter((name) => !keep.includes(name.slice(prefix.length))))
        await drop([name]).catch(() => {});
    },
    releaseSnapshot: async () => {},
    rest: async () => {},
    async forget() {
      await drop(await made());
      await engine.run(`DELETE FROM ${table} WHERE id = ${literal(id)}`);
    },
    history: openTableHistory(engine, at, place.owner, place.retentionDays),
    async [Symbol.asyncDispose]() {
      if (lease === undefined) await dropPlans();
      else await lease.release();
    },
  };

  /** A plan's own tables, and those of plans that were killed a day ago. */
  async function dropPlans(): Promise<void> {
    const plans = await tablesIn(engine, place.schema, "plan");
    const isOld = (name: string): boolean => {
      const started = Number.parseInt(/^plan([0-9a-z]+)_/.exec(name)?.[1] ?? "", 36);
      return started < Date.now() - DAY_MS;
    };
    await drop(plans.filter((name) => name.startsWith(own) || isOld(name)));
  }
}

const whereOf = (schema: string): string => `the schema ${schema}`;

/** A neighbour whose state is damaged is one that cannot be asked. */
function readable(state: string): SyncRecord | undefined {
  try {
    return readRecord(state, "");
  } catch {
    return undefined;
  }
}

/** Other syncs of the object have rows of their own in the registry. */
async function* neighboursOf(
  { rows, dialect }: StateEngine,
  registry: string,
  { organization, object, project, sync }: Owner,
  at: (name: string) => string,
): AsyncGenerator<Neighbour> {
  const others = await rows(
    `SELECT sync, id, state FROM ${registry} WHERE organization = ${dialect.literal(organization)} AND object = ${dialect.literal(object)} AND state IS NOT NULL AND NOT (project = ${dialect.literal(project)} AND sync = ${dialect.literal(sync)})`,
  );
  for (const [name, id, state] of others) {
    const record = readable(state!);
    yield { sync: name!, record, table: (table) => at(`s${id}_${table}`) };
  }
}
