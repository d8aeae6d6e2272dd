/** The connector put together: one organisation, its tables as they are asked for, and compiled syncs. */
import {
  type AssociateSpec,
  type Cache,
  type Column,
  type CompiledSync,
  type Destination,
  type Identity,
  type Problem,
  SyncError,
  type SyncSpec,
  shareOf,
  tallied,
} from "../../src/sdk.ts";
import { compileAssociation, needsOfAssociation } from "./association/compile.ts";
import { compileAudience, recordsOf } from "./audience/compile.ts";
import { type AuthOptions, type Tokens, tokenSource } from "./auth/auth.ts";
import { compileMapping } from "./compile/compile.ts";
import { compiledSync } from "./compile/compiled.ts";
import { type DataverseConfig, DEFAULT_CONCURRENCY } from "./config.ts";
import { describeTable } from "./describe.ts";
import { openTables, schemaVersionOf } from "./metadata/tables.ts";
import { lackingFor, lackingOfNeeds } from "./plan/holdings.ts";
import { type Endpoint, endpointOf } from "./sender/hosts.ts";
import { openLanes } from "./sender/lanes.ts";
import { keepCosts, recallCosts } from "./sender/memory.ts";
import { everyoneProblem } from "./sender/problems.ts";
import type { SenderOptions } from "./sender/sender.ts";
import { type Json, openService, PROTECTION, type Service } from "./sender/service.ts";
import { sharedUser } from "./sender/share.ts";
import { MOST_ROWS } from "./sender/sizes.ts";
import type { Table } from "./table.ts";
import { isProblem } from "./types/value-problem.ts";
import { SERVICE_ROOT } from "./url.ts";

/** What is no config of the user's. */
export interface OpenOptions
  extends SenderOptions,
    Pick<AuthOptions, "ca" | "folder" | "tell" | "openBrowser"> {
  /** Milliseconds that a request may take. */
  readonly deadline?: number;
  /** Milliseconds over which the service sums up what a user does; where time is shrunk, other than documented. */
  readonly windowMs?: number;
  /** Milliseconds that writes in flight are waited for when the run is interrupted. */
  readonly grace?: number;
  /** Keeps definitions between commands. */
  readonly cache?: Cache | undefined;
}

export async function openDataverse(
  config: DataverseConfig,
  options: OpenOptions = {},
): Promise<Destination> {
  const endpoint = endpointOf(config);
  const tokens = tokensOf(config, endpoint, options);
  const service = openService({
    endpoint,
    tokens,
    concurrency: config.concurrency ?? DEFAULT_CONCURRENCY,
    ca: options.ca,
    deadline: options.deadline,
    patience: options.patience,
    windowMs: options.windowMs,
    grace: options.grace,
    schedule: options.schedule,
  });
  const costs = await recallCosts(options.cache, service.origin);
  const laneOf = openLanes(config.batch_size ?? MOST_ROWS, options.windowMs ?? PROTECTION.windowMs, costs);
  const tables = openTables(service, options.cache);

  let asking: Promise<readonly Json[]> | undefined;
  const askWho = (signal: AbortSignal): Promise<readonly Json[]> => {
    asking = service.getByUser(`${SERVICE_ROOT}WhoAmI`, signal).catch((error: unknown) => {
      asking = undefined;
      throw error;
    });
    return asking;
  };
  /** Each user, as it was told last. */
  const whoAmI = (signal: AbortSignal): Promise<readonly Json[]> => asking ?? askWho(signal);

  const compile = async (
    sync: SyncSpec,
    columns: readonly Column[],
    signal: AbortSignal,
  ): Promise<CompiledSync> => {
    if (sync.associate) return associate({ ...sync, associate: sync.associate }, columns, signal);
    const parents = new Map<string, Table | Problem>();
    const read = (names: readonly string[]): Promise<unknown> =>
      Promise.all(
        [...new Set(names)].map(async (name) =>
          parents.set(name, await tables.named(name, signal).catch(unknownTable)),
        ),
      );
    const lookups = sync.fields.flatMap(({ field, lookup }) => (lookup ? [{ field, ...lookup }] : []));
    const [table] = await Promise.all([
      tables.named(sync.object, signal).catch((error) => {
        throw placed(error, sync);
      }),
      read(lookups.flatMap(({ object }) => (typeof object === "string" ? [object] : []))),
    ]);
    const byRow = lookups.filter(({ object }) => typeof object !== "string");
    await read(byRow.flatMap(({ field }) => targetsOf(table, field)));
    const records = sync.audience === undefined ? sync : recordsOf(sync);
    const compiled = compileMapping({ sync: records, columns, table, parents });
    if (!("mapping" in compiled)) throw new SyncError(compiled);
    const users = (await whoAmI(signal)).map(({ UserId }) => String(UserId));
    const isOfMembers = sync.audience !== undefined && sync.mode !== "upsert";
    const lacking = isOfMembers
      ? { problems: [], warnings: [] }
      : await lackingFor(service, users, compiled.mapping, sync, signal);
    if (lacking.problems.length > 0) throw new SyncError(lacking.problems);
    const warnings = [...compiled.warnings, ...lacking.warnings];
    const known = [...parents.values()].filter((parent): parent is Table => !isProblem(parent));
    const schemaVersion = schemaVersionOf([table, ...known]);
    const own = { ...options, service, laneOf, schemaVersion };
    const allowed = { ...compiled, warnings };
    const { audience } = sync;
    if (audience === undefined) return compiledSync(sync, allowed, own);
    const place = new URL(service.origin).host.replace(":", "_");
    return compileAudience({ ...sync, audience }, columns, allowed, { ...own, place }, signal);
  };

  const associate = async (
    sync: SyncSpec & { readonly associate: AssociateSpec },
    columns: readonly Column[],
    signal: AbortSignal,
  ): Promise<CompiledSync> => {
    const { from, to } = sync.associate;
    const side = (object: string, end: string) =>
      tables.named(object, signal).catch((error) => {
        throw placed(error, sync, "associate", end, "object");
      });
    const ends = [await side(from.object, "from"), await side(to.object, "to")] as const;
    const root = `${endpoint.resource.origin}${SERVICE_ROOT}`;
    const own = { ...options, service, laneOf, schemaVersion: schemaVersionOf(ends), root };
    const compiled = await compileAssociation(sync, columns, ends, own, signal);
    const users = (await whoAmI(signal)).map(({ UserId }) => String(UserId));
    const needs = needsOfAssociation(ends);
    const lacking = await lackingOfNeeds(
      service,
      users,
      { needs, columns: [], options: sync.options },
      sync,
      signal,
    );
    if (lacking.problems.length > 0) throw new SyncError(lacking.problems);
    return { ...compiled, warnings: [...compiled.warnings, ...lacking.warnings] };
  };

  return {
    get counters() {
      return { ...service.tally };
    },
    get load() {
      return usedOf(service);
    },
    users: async (signal) => {
      const replies = await whoAmI(signal);
      return service.gates.map((gate, at) => sharedUser(gate, replies[at]));
    },
    counting: tallied,
    identify: async (signal) => identityOf(await askWho(signal), service.origin),
    objects: tables.objects,
    describe: async (object, signal) => describeTable(await tables.named(object, signal)),
    compile,
    async [Symbol.asyncDispose]() {
      if (service.tally.writes > 0) await keepCosts(options.cache, service.origin, costs);
      await service[Symbol.asyncDispose]();
      for (const source of tokens) await source[Symbol.asyncDispose]();
    },
  };
}

/** How much of each limit is in use, by the user who uses most; of what is documented where nothing was learned. */
function usedOf({ gates }: Service): Record<string, number> {
  const now = Date.now();
  const most = (shares: readonly number[]): number => Math.round(Math.max(0, ...shares) * 1000) / 1000;
  return {
    requests: most(gates.map(({ state }) => shareOf(state, "requests", now, PROTECTION.requests))),
    execution: most(gates.map(({ state }) => shareOf(state, "execution", now, PROTECTION.executionMs))),
    concurrency: most(gates.map(({ state }) => state.peak / (state.crowdedAt ?? PROTECTION.concurrency))),
  };
}

/** The objects that a lookup column may point at. */
function targetsOf({ attributes }: Table, field: string): readonly string[] {
  const shape = attributes.get(field)?.shape;
  return shape?.kind === "lookup" ? shape.targets : [];
}

/** A token source for each application user, the one of `auth` first. */
function tokensOf(config: DataverseConfig, { resource }: Endpoint, options: OpenOptions): readonly Tokens[] {
  const { auth, users = [], authority } = config;
  const open = (one: DataverseConfig["auth"], place?: string) =>
    tokenSource(one, resource, { ...options, authority, place });
  if (users.length === 0) return [open(auth)];
  return [open(auth, "auth"), ...users.map((user, index) => open(user, `users[${index}]`))];
}

/** Who all users say they are: the first one stands for them, since they have to be of one organisation. */
function identityOf(replies: readonly Json[], url: string): Identity {
  const [first, ...others] = replies.map((reply): Identity => {
    if (typeof reply?.OrganizationId === "string" && typeof reply?.UserId === "string")
      return { organization: reply.OrganizationId, user: reply.UserId, url };
    throw everyoneProblem("dataverse.no_identity", `${url} answered, but not as Dataverse does.`);
  });
  if (others.some(({ organization }) => organization !== first!.organization))
    throw everyoneProblem("dataverse.no_identity", `${url} is not the same organisation for all users.`);
  return first!;
}

/** An object that does not exist is a problem of the field that names it; anything else ends the compilation. */
function unknownTable(error: unknown): Problem {
  const problem = error instanceof SyncError && error.kind === "config" ? error.problems[0] : undefined;
  if (!problem) throw error;
  return problem;
}

function placed(error: unknown, sync: SyncSpec, ...path: readonly string[]): unknown {
  if (!(error instanceof SyncError) || error.kind !== "config") return error;
  return new SyncError(
    error.problems.map((problem) => ({
      ...problem,
      place: sync.place(...(path.length > 0 ? path : ["object"])),
    })),
  );
}
