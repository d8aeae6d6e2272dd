import { newAudit, note } from "./audit.ts";
import { createAuthority } from "./auth.ts";
import { newCounters } from "./counters.ts";
import { loadDescriptions } from "./definitions/load.ts";
import { newFaults } from "./faults/list.ts";
import { randomId } from "./guid.ts";
import { HOOKS } from "./hooks.ts";
import { type CostOptions, newCosts } from "./limits/cost.ts";
import { type LimitOptions, newProtection } from "./limits/protection.ts";
import { newFarm } from "./limits/servers.ts";
import { newMetadata } from "./metadata/state.ts";
import {
  DEFAULT_USER,
  joinOrganization,
  newOrganization,
  type SandboxUser,
  seedOrganization,
  TENANT_ID,
  userIdOf,
} from "./organization.ts";
import { compileWriter } from "./payload.ts";
import { openLog } from "./persist.ts";
import { compileSchema } from "./schema.ts";
import { newSecurity } from "./security/access.ts";
import type { SandboxRole } from "./security/roles.ts";
import {
  type ColumnSecurity,
  placeEverybody,
  placeRole,
  placeUser,
  secureColumns,
} from "./security/setup.ts";
import { listen } from "./server.ts";
import type { Service } from "./service.ts";
import { type Changes, createStore } from "./store.ts";
import { settleDoubts } from "./tables/doubtful.ts";
import { LINKS, TABLES } from "./tables/index.ts";
import { UNVERIFIED, type Unverified } from "./unverified.ts";
import type { World } from "./world.ts";

export type { DuplicateRule, PluginRule } from "./custom-logic.ts";
export { DefinitionProblem } from "./definitions/load.ts";
export type { FaultAction, FaultName } from "./faults/actions.ts";
export type { Fault, RandomFaults } from "./faults/list.ts";
export type { CostOptions } from "./limits/cost.ts";
export type { LimitOptions } from "./limits/protection.ts";
export { DEFAULT_USER, type SandboxUser, SEEDED, TENANT_ID } from "./organization.ts";
export { DataFileInUse, DataFileProblem } from "./persist.ts";
export type { ColumnProfile } from "./security/access.ts";
export type { Right, SandboxRole } from "./security/roles.ts";
export type { ColumnSecurity } from "./security/setup.ts";
export type { Unverified } from "./unverified.ts";

export interface SandboxOptions {
  /** Port on 127.0.0.1; 0 or nothing for any free one. */
  readonly port?: number;
  /** File that keeps the organisation and its rows between starts; without one nothing outlives `close`. */
  readonly data?: string;
  /** Folder of EntityDefinitions replies (JSON): tables beside the usual ones, or in place of their namesakes. */
  readonly metadata?: string;
  /** Application users beside the default one. */
  readonly users?: readonly SandboxUser[];
  /** Security roles that `users` name beside `System Administrator`. */
  readonly roles?: readonly SandboxRole[];
  /** Columns that only profiles open. */
  readonly columns?: ColumnSecurity;
  readonly now?: () => Date;
  /** Seconds that a token is good for. */
  readonly tokenLifetime?: number;
  /** The value of `x-ms-dop-hint`: 4 when left out, and whatever it says, nobody is held to it. */
  readonly parallelism?: number;
  /** The service protection limits: off when left out. */
  readonly limits?: LimitOptions | boolean;
  /** The execution-time model that the limits count with. */
  readonly costs?: CostOptions;
  /** Web servers behind the one address; 1 when left out. */
  readonly servers?: number;
  /** Milliseconds that every reply of the Web API travels. */
  readonly latency?: number;
  /** Largest request body in bytes; above it 413. */
  readonly largestBody?: number;
  /** Days that delta tokens live; 7 when nothing is said. */
  readonly changeTrackingDays?: number;
  /** Deletions of one table that change tracking remembers, about; a million when nothing is said. */
  readonly deletionsRemembered?: number;
  /** Turns single unverified behaviours over. */
  readonly unverified?: Partial<Unverified>;
  /** Serve HTTPS with this key and certificate (PEM). */
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface Sandbox extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly tenant: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly organizationId: string;
  close(): Promise<void>;
}

/** Page: execute-batch-operations and the limit of a plug-in message body; the service has no documented one. */
const LARGEST_BODY = 128 * 1024 * 1024;
const DELETIONS_REMEMBERED = 1_000_000;
/** Page: authenticate-oauth: a token lives about an hour. */
const TOKEN_LIFETIME = 3599;

/**
 * Starts a Dataverse on this machine.
 * @returns when it listens; it stops with `close`
 * @throws Error when the port is taken or another sandbox uses the data file
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const now = options.now ?? (() => new Date());
  const rules: Unverified = { ...UNVERIFIED, ...options.unverified };
  const users = [DEFAULT_USER, ...(options.users ?? [])];
  const usual = { tables: settleDoubts(TABLES, rules), links: LINKS };
  const described = options.metadata === undefined ? usual : loadDescriptions(options.metadata, usual);
  const schema = compileSchema(described.tables, described.links);
  const counters = newCounters();
  const audit = newAudit();
  const log = options.data === undefined ? undefined : openLog(options.data, randomId());
  let quiet = false;
  const committed = (changes: readonly Changes[]): void => {
    log?.append(changes);
    if (!quiet) note(audit, counters, changes, now());
  };
  const store = createStore(schema, rules, committed, options.deletionsRemembered ?? DELETIONS_REMEMBERED);
  seedOrganization(schema, store, users);
  for (const [tableName, row] of log?.take() ?? []) {
    const table = schema.tables.get(tableName) ?? schema.internal.get(tableName);
    if (table) store.restore(table, row, row.id);
  }
  const security = newSecurity();
  const world: World = {
    schema,
    store,
    metadata: newMetadata(schema, security.secured),
    sequences: new Map(),
    rules,
    counters,
    now,
    started: now(),
    writers: new Map([...schema.tables.values()].map((table) => [table, compileWriter(table, rules)])),
    organization: newOrganization(log?.organizationId, options.changeTrackingDays),
    faults: newFaults(),
    plugins: [],
    duplicates: [],
    security,
    costs: newCosts(options.costs),
    meter: { rows: 0 },
    hooks: HOOKS,
    uploads: new Map(),
    issued: new Map(),
  };
  const quietly = <T>(work: () => T): T => {
    quiet = true;
    try {
      return work();
    } finally {
      quiet = false;
    }
  };
  const limits = options.limits === true ? {} : options.limits || undefined;
  const service: Service = {
    world,
    users,
    join: (user) => {
      joinOrganization(schema, store, user);
      placeUser(world, userIdOf(user.clientId), user);
    },
    authority: createAuthority(users, options.tokenLifetime ?? TOKEN_LIFETIME, now),
    protection: newProtection(limits),
    farm: newFarm(options.servers ?? 1),
    administered: { world, audit, quietly },
    manners: { hint: options.parallelism ?? 4, latency: options.latency ?? 0 },
    largestBody: options.largestBody ?? LARGEST_BODY,
    tls: options.tls,
  };
  try {
    for (const role of options.roles ?? []) placeRole(world, role);
    placeEverybody(
      world,
      new Map(users.flatMap(({ clientId, roles }) => (roles ? [[userIdOf(clientId), roles]] : []))),
    );
    if (options.columns) secureColumns(world, options.columns);
    const listening = await listen(service, options.port ?? 0);
    let closed: Promise<void> | undefined;
    const close = (): Promise<void> => {
      closed ??= listening.close().finally(() => log?.close());
      return closed;
    };
    return {
      url: `${options.tls ? "https" : "http"}://127.0.0.1:${listening.port}`,
      port: listening.port,
      tenant: TENANT_ID,
      clientId: DEFAULT_USER.clientId,
      clientSecret: DEFAULT_USER.clientSecret,
      organizationId: world.organization.id,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (problem) {
    log?.close();
    throw problem;
  }
}
