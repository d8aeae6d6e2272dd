/** The connector put together: one organisation, its tables as they are asked for, and compiled syncs. */
import {
  type Column,
  type CompiledSync,
  type Destination,
  fail,
  type Identity,
  type ObjectSummary,
  type Problem,
  SyncError,
  type SyncSpec,
} from "../../src/sdk.ts";
import { tokenSource } from "./auth.ts";
import { compileMapping } from "./compile.ts";
import { compiledSync } from "./compiled.ts";
import { allowedOrigin, type DataverseConfig, DEFAULT_BATCH_SIZE, DEFAULT_CONCURRENCY } from "./config.ts";
import { describeTable, findObject, summariesOf } from "./describe.ts";
import { TABLES, tableOf, tablePaths } from "./metadata.ts";
import { everyoneProblem, itemsOf, readError } from "./problems.ts";
import type { SenderOptions } from "./sender.ts";
import { type Json, openService, parsed } from "./service.ts";
import type { Table } from "./table.ts";
import { SERVICE_ROOT } from "./url.ts";

/** What is no config of the user's. */
export interface OpenOptions extends SenderOptions {
  /** Certificates to trust beside the system's, in PEM. */
  readonly ca?: string;
  /** Milliseconds that a request may take. */
  readonly deadline?: number;
}

export async function openDataverse(
  config: DataverseConfig,
  options: OpenOptions = {},
): Promise<Destination> {
  const { origin } = allowedOrigin(config.url, "url");
  const tokens = tokenSource(config.auth, new URL(origin), { authority: config.authority, ca: options.ca });
  const service = openService({
    origin,
    tokens,
    concurrency: config.concurrency ?? DEFAULT_CONCURRENCY,
    ca: options.ca,
    deadline: options.deadline,
    patience: options.patience,
  });
  const batchSize = config.batch_size ?? DEFAULT_BATCH_SIZE;
  let listed: Promise<readonly ObjectSummary[]> | undefined;
  const tables = new Map<string, Promise<Table>>();

  const objects = (signal: AbortSignal) => {
    listed ??= service
      .get(TABLES, signal)
      .then((list: Json) => summariesOf([...itemsOf<Json>(list, origin)]));
    listed.catch(() => {
      listed = undefined;
    });
    return listed;
  };

  const tableNamed = async (wanted: string, signal: AbortSignal): Promise<Table> => {
    const found = findObject(wanted, await objects(signal));
    if (found instanceof SyncError) throw found;
    const { name } = found;
    const reading = tables.get(name) ?? readTable(name, signal);
    tables.set(name, reading);
    reading.catch(() => tables.delete(name));
    return reading;
  };

  const readTable = async (name: string, signal: AbortSignal): Promise<Table> => {
    const replies = await service.reads(tablePaths(name), signal);
    const refused = replies.slice(0, 2).find(({ status }) => status >= 300);
    if (refused) throw readError(refused, origin);
    const read = replies.map((reply) => (reply.status < 300 ? parsed(reply, origin) : {}));
    if (typeof read[0]?.EntitySetName !== "string") {
      throw everyoneProblem("dataverse.no_table", `${origin} answered without the table's definition.`);
    }
    replies.forEach((reply, index) => {
      if (index > 0 && reply.status < 300) itemsOf(read[index], origin);
    });
    return tableOf(read);
  };

  const compile = async (
    sync: SyncSpec,
    columns: readonly Column[],
    signal: AbortSignal,
  ): Promise<CompiledSync> => {
    if (sync.mode !== "upsert") {
      throw fail.config("sync.mode", `The mode ${sync.mode} is not supported yet.`, "Use upsert.", {
        place: sync.place("mode"),
      });
    }
    const names = new Set(sync.fields.flatMap(({ lookup }) => (lookup ? [lookup.object] : [])));
    const parents = new Map<string, Table | Problem>();
    const [table] = await Promise.all([
      tableNamed(sync.object, signal).catch((error) => {
        throw placed(error, sync);
      }),
      ...[...names].map(async (name) =>
        parents.set(name, await tableNamed(name, signal).catch(unknownTable)),
      ),
    ]);
    const compiled = compileMapping({ sync, columns, table, parents });
    if (!("mapping" in compiled)) throw new SyncError(compiled);
    return compiledSync(sync, compiled, { ...options, service, batchSize });
  };

  return {
    get counters() {
      return { ...service.tally };
    },
    identify: async (signal) => identityOf(await service.get(`${SERVICE_ROOT}WhoAmI`, signal), origin),
    objects,
    describe: async (object, signal) => describeTable(await tableNamed(object, signal)),
    compile,
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await tokens[Symbol.asyncDispose]();
    },
  };
}

function identityOf(reply: Json, url: string): Identity {
  if (typeof reply?.OrganizationId !== "string" || typeof reply?.UserId !== "string") {
    throw everyoneProblem("dataverse.no_identity", `${url} answered, but not as Dataverse does.`);
  }
  return { organization: reply.OrganizationId, user: reply.UserId, url };
}

/** An object that does not exist is a problem of the field that names it; anything else ends the compilation. */
function unknownTable(error: unknown): Problem {
  const problem = error instanceof SyncError && error.kind === "config" ? error.problems[0] : undefined;
  if (!problem) throw error;
  return problem;
}

function placed(error: unknown, sync: SyncSpec): unknown {
  if (!(error instanceof SyncError) || error.kind !== "config") return error;
  return new SyncError(error.problems.map((problem) => ({ ...problem, place: sync.place("object") })));
}
