/**
 * State on this machine: a folder per sync with a DuckDB file that only a run opens, and append-only files that
 * anything may read at any time.
 */
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, linkSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fail } from "../core/errors.ts";
import { type Duckdb, lockedBy, openDuckdb, unreadableState } from "../duckdb/database.ts";
import { duckdbDialect } from "../duckdb/dialect.ts";
import { duckdbEngine } from "../duckdb/engine.ts";
import { interruptible } from "../duckdb/interrupt.ts";
import type { Neighbour } from "./elsewhere.ts";
import { makeFolder } from "./folders.ts";
import { openFileHistory } from "./history-file.ts";
import { openJournal, reopenJournal } from "./journal-file.ts";
import { readRecord, type SyncRecord } from "./record.ts";
import { count } from "./settle.ts";
import { stageAttached, stageRows } from "./stage.ts";
import type { Store } from "./store.ts";

export interface LocalPlace {
  readonly kind: "local";
  /** The sync's own folder, and the one it had under the name that it was renamed from. */
  readonly folder: string;
  readonly oldFolder?: string;
  readonly memoryLimit: string;
  /** Days that the history of runs is kept. */
  readonly retentionDays?: number;
}

const RETENTION_DAYS = 90;

const FILE = "state.duckdb";
/** What DuckDB calls the catalog of that file. */
const CATALOG = "state";
const JOURNAL = "journal.jsonl";
const { literal } = duckdbDialect;

/** Folders that a run of this process holds: DuckDB's lock tells processes apart, not runs of one process. */
const held = new Set<string>();

/** Opens the state for a run: this run alone may use it until it is disposed. */
export async function openLocalStore(place: LocalPlace): Promise<Store> {
  const { folder, oldFolder } = place;
  if (held.has(folder)) {
    throw fail.deferred(
      "state.locked",
      `The state ${folder} is in use by another run of this process.`,
      "Two runs of one sync never overlap: wait for the other one to end.",
    );
  }
  held.add(folder);
  try {
    if (oldFolder !== undefined && existsSync(join(oldFolder, FILE)) && !existsSync(join(folder, FILE))) {
      rmSync(folder, { recursive: true, force: true });
      renameSync(oldFolder, folder);
    }
    makeFolder(folder);
    await create(place);
    const database = await openDuckdb(join(folder, FILE), limits(place, folder));
    return storeOver(place, database, folder, "main", async () => {
      held.delete(folder);
    });
  } catch (error) {
    held.delete(folder);
    throw error;
  }
}

/**
 * Makes the file where there is none, under another name first: a full disk, or a kill, would leave one under its own
 * that no later run can open.
 */
async function create(place: LocalPlace): Promise<void> {
  const { folder } = place;
  const file = join(folder, FILE);
  if (existsSync(file)) return;
  const draft = join(folder, `draft-${process.pid}-${randomBytes(4).toString("hex")}.duckdb`);
  try {
    await (await openDuckdb(draft, limits(place, folder)))[Symbol.asyncDispose]();
    linkSync(draft, file);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    // Another run was quicker; or the file system has no links.
    if (code === "EEXIST") return;
    if (!["EPERM", "ENOTSUP", "ENOSYS", "EOPNOTSUPP"].includes(code)) throw error;
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
    rmSync(`${draft}.wal`, { force: true });
  }
}

/** Opens the state for a plan: the diff is made in a scratch folder, the snapshot is read where it lies. */
export async function openLocalPlanStore(place: LocalPlace, scratch: string): Promise<Store> {
  const { folder, oldFolder } = place;
  const from = !existsSync(join(folder, FILE)) && oldFolder !== undefined ? oldFolder : folder;
  const database = await openDuckdb(join(scratch, "plan.duckdb"), limits(place, scratch));
  if (!existsSync(join(from, FILE))) {
    await database.run("ATTACH ':memory:' AS base");
  } else {
    await attach(database, join(from, FILE), true).catch(async (error: unknown) => {
      await database[Symbol.asyncDispose]();
      throw error;
    });
  }
  return storeOver({ ...place, folder: from }, database, scratch, "base.main", async () => {});
}

/** The record as it lies; `undefined` for an empty state. Makes nothing. Throws `state.locked` while a run goes on. */
export async function peekLocalRecord({
  folder,
  oldFolder,
  memoryLimit,
}: LocalPlace): Promise<SyncRecord | undefined> {
  const file = [folder, oldFolder]
    .flatMap((at) => at ?? [])
    .map((at) => join(at, FILE))
    .find(existsSync);
  if (file === undefined) return undefined;
  await using database = await openDuckdb(":memory:", { memoryLimit, temporaryFolder: "" });
  await attach(database, file, true);
  return await recordIn(database, "base"); // before the database is closed
}

/** The record in the file that is open, or attached, under the name. */
async function recordIn(database: Duckdb, catalog: string): Promise<SyncRecord | undefined> {
  const tables = `SELECT 1 FROM duckdb_tables() WHERE database_name = ${literal(catalog)} AND table_name = 'syncs'`;
  if ((await database.all(tables)).length === 0) return undefined;
  const state = await database.value(`SELECT max(state) FROM ${catalog}.main.syncs`);
  return state === null ? undefined : readRecord(state, "this folder");
}

/** Other syncs of the object lie in folders beside this one. */
async function* neighboursOf({ folder, oldFolder }: LocalPlace, database: Duckdb): AsyncGenerator<Neighbour> {
  const beside = dirname(folder);
  const names = existsSync(beside) ? readdirSync(beside) : [];
  for (const name of names) {
    const other = join(beside, name);
    const file = join(other, FILE);
    if (other === folder || other === oldFolder || !existsSync(file)) continue;
    const sync = decodeURIComponent(name);
    const attached = await database.run(`ATTACH ${literal(file)} AS neighbour (READ_ONLY)`).then(
      () => true,
      () => false,
    );
    if (!attached) yield { sync, record: undefined, table: (table) => table };
    else {
      try {
        const record = await recordIn(database, "neighbour");
        if (record !== undefined) yield { sync, record, table: (table) => `neighbour.main.${table}` };
      } finally {
        await database.run("DETACH neighbour");
      }
    }
  }
}

/** @param own the file of the state, where a copy of it is attached */
async function attach(database: Duckdb, file: string, readOnly: boolean, own = file): Promise<void> {
  await database
    .run(`ATTACH ${literal(file)} AS base${readOnly ? " (READ_ONLY)" : ""}`)
    .catch((error: unknown) => {
      throw unreadableState(own, lockedBy(own, error));
    });
}

const limits = (place: LocalPlace, folder: string): { memoryLimit: string; temporaryFolder: string } => ({
  memoryLimit: place.memoryLimit,
  temporaryFolder: join(folder, "spill"),
});

const REGISTRY = "(id VARCHAR, state VARCHAR)";

/** @param home where this command's own files lie: the sync's folder in a run, a scratch one in a plan */
function storeOver(
  place: LocalPlace,
  database: Duckdb,
  home: string,
  catalog: string,
  onClose: () => Promise<void>,
): Store {
  const engine = duckdbEngine(database);
  const lasting = catalog === "main";
  const journalFile = join(home, JOURNAL);
  const work = (name: string): string => `main.${name}`;
  return {
    engine,
    lasting,
    snapshot: (name) => `${catalog}.${name}`,
    work,
    lost: new AbortController().signal,
    load: () => recordIn(database, lasting ? CATALOG : "base"),
    save: (record) => ({
      sql: `UPDATE ${catalog}.syncs SET state = ${literal(JSON.stringify(record))}`,
      mustWrite: true,
    }),
    async create() {
      if (!lasting) {
        // The file of a run that was killed before it had a record.
        await database.run("DETACH base");
        await database.run("ATTACH ':memory:' AS base");
      }
      await database.run(`CREATE TABLE IF NOT EXISTS ${catalog}.syncs ${REGISTRY}`);
      await database.run(`DELETE FROM ${catalog}.syncs`);
      await database.run(`INSERT INTO ${catalog}.syncs VALUES ('sync', NULL)`);
    },
    async copy() {
      await database.run("DETACH base");
      for (const name of [FILE, `${FILE}.wal`, JOURNAL]) {
        if (existsSync(join(place.folder, name))) copyFileSync(join(place.folder, name), join(home, name));
      }
      await attach(database, join(home, FILE), false, join(place.folder, FILE));
    },
    async stage(table, shape, { access }, query, options) {
      const work = (): Promise<void> =>
        access.kind === "attach"
          ? stageAttached(database, table, shape, access, query, options.timezone)
          : stageRows(
              database,
              table,
              shape,
              query,
              access.rows(query, shape.columns, options),
              options.onRows,
            );
      await interruptible(database.connection, options.signal, work);
      return count(engine, table);
    },
    async openJournal(run) {
      await database.checkpoint();
      return openJournal(journalFile, run);
    },
    async readJournal(run, table) {
      await database.run(`DROP TABLE IF EXISTS ${table}`);
      const columns = "seq: 'BIGINT', status: 'VARCHAR', id: 'VARCHAR', owed: 'VARCHAR', waits: 'BOOLEAN'";
      // A journal of another run belongs to a commit that ended just before its journal was removed.
      const isOurs = reopenJournal(journalFile) === run;
      // A damaged line is no outcome: its change is in doubt. The header line has no `seq`.
      const from = isOurs
        ? `read_json(${literal(journalFile)}, format = 'newline_delimited', ignore_errors = true, columns = {${columns}})`
        : "(SELECT NULL::BIGINT AS seq, '' AS status, '' AS id, '' AS owed, false AS waits)";
      await database.run(
        `CREATE TABLE ${table} AS SELECT seq, status, id, owed, coalesce(waits, false) AS waits FROM ${from} WHERE seq IS NOT NULL`,
      );
    },
    async closeJournal() {
      rmSync(journalFile, { force: true });
    },
    neighbours: () => neighboursOf(place, database),
    async sweep(keep) {
      if (!lasting) return;
      const tables = await database.all(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = 'main'",
      );
      for (const [name] of tables) {
        if (name !== "syncs" && !keep.includes(name!)) await database.run(`DROP TABLE main."${name}"`);
      }
    },
    async releaseSnapshot() {
      if (!lasting) await database.run("DETACH base");
    },
    rest: () => (lasting ? database.checkpoint() : Promise.resolve()),
    async forget() {
      await database[Symbol.asyncDispose]();
      for (const name of [FILE, `${FILE}.wal`, JOURNAL]) rmSync(join(place.folder, name), { force: true });
    },
    history: openFileHistory(place.folder, place.retentionDays ?? RETENTION_DAYS),
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await onClose();
    },
  };
}
