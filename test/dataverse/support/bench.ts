/** The connector over HTTP against a sandbox, with the sandbox's door for tests. */
import type { DataverseConfig } from "../../../connectors/dataverse/config.ts";
import { type OpenOptions, openDataverse } from "../../../connectors/dataverse/destination.ts";
import type { Change, Operation, Outcome, Planned } from "../../../src/core/change.ts";
import { SyncError } from "../../../src/core/errors.ts";
import { DEFAULT_RULES, type FieldSpec, NO_OPTIONS, type SyncSpec } from "../../../src/core/spec.ts";
import type { Column, ColumnKind, Value } from "../../../src/core/value.ts";
import type { CompiledSync, Destination, PlanContext } from "../../../src/ports.ts";
import {
  type Fault,
  type PluginRule,
  type Sandbox,
  type SandboxOptions,
  startSandbox,
} from "../../../src/sandbox/index.ts";

export interface Bench extends AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly destination: Destination;
  seed(table: string, rows: readonly Record<string, unknown>[]): Promise<string[]>;
  /** Stored rows of a table, by one of their columns or by id. */
  stored(table: string, by?: string): Promise<Map<string, Record<string, unknown>>>;
  faults(...faults: readonly Fault[]): Promise<void>;
  plugins(...rules: readonly PluginRule[]): Promise<void>;
  /** Changes a user of the organisation. */
  user(settings: { readonly id: string; readonly roles: readonly string[] }): Promise<void>;
  counters(): Promise<SandboxCounters>;
  resetCounters(): Promise<void>;
  /** Does something by the API that no sync would; gives the status. */
  call(method: string, path: string, body?: unknown): Promise<number>;
}

export interface SandboxCounters {
  readonly requests: Record<string, number>;
  readonly operations: Record<string, number>;
  readonly rows: Record<string, Record<string, number>>;
  readonly ignored: Record<string, number>;
  readonly redundant: Record<string, number>;
  readonly refusals: Record<string, number>;
  /** Refusals that the definitions alone could have told. */
  readonly knowable: Record<string, number>;
  /** Faults that have struck, by kind. */
  readonly faults: Record<string, number>;
}

/** Short waits, so that tests do not wait for jitter. */
const QUICK: OpenOptions = { schedule: { base: 4, cap: 20 } };

export async function openBench(
  options: SandboxOptions = {},
  more: OpenOptions & {
    readonly config?: Partial<DataverseConfig> | ((sandbox: Sandbox) => Partial<DataverseConfig>);
  } = {},
): Promise<Bench> {
  const sandbox = await startSandbox(options);
  const { config, ...open } = more;
  const own = typeof config === "function" ? config(sandbox) : config;
  const destination = await openDataverse({ ...configOf(sandbox), ...own }, { ...QUICK, ...open });
  const admin = async (method: string, path: string, body?: unknown): Promise<string> => {
    const response = await fetch(`${sandbox.url}/sandbox/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.text();
  };
  return {
    sandbox,
    destination,
    seed: async (table, rows) =>
      (JSON.parse(await admin("POST", "seed", { table, rows })) as { ids: string[] }).ids,
    async stored(table, by) {
      const { rows } = JSON.parse(await admin("GET", `dump?table=${table}`)) as {
        rows: { id: string; values: Record<string, unknown> }[];
      };
      return new Map(
        rows.map(({ id, values }) => [by === undefined ? id : String(values[by]), { ...values, id }]),
      );
    },
    faults: async (...faults) => void (await admin("POST", "faults", faults)),
    plugins: async (...rules) => void (await admin("POST", "plugins", rules)),
    user: async (settings) => void (await admin("POST", "users", settings)),
    counters: async () => JSON.parse(await admin("GET", "counters")) as SandboxCounters,
    resetCounters: async () => void (await admin("POST", "counters")),
    call: async (method, path, body) => {
      const response = await fetch(`${sandbox.url}/api/data/v9.2/${path}`, {
        method,
        headers: {
          authorization: `Bearer ${await tokenFor(sandbox)}`,
          "content-type": "application/json",
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return response.status;
    },
    async [Symbol.asyncDispose]() {
      await destination[Symbol.asyncDispose]();
      await sandbox.close();
    },
  };
}

async function tokenFor({ url, tenant, clientId, clientSecret }: Sandbox): Promise<string> {
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: clientSecret,
    scope: `${url}/.default`,
  });
  const response = await fetch(`${url}/${tenant}/oauth2/v2.0/token`, { method: "POST", body });
  return ((await response.json()) as { access_token: string }).access_token;
}

/**
 * A bench that holds at its end, since the counters were last reset: nothing was sent that the definitions alone could
 * have told to be refused or passed over, and nothing that was there already.
 *
 * @param blind a test that writes what it has not read, or again what got no answer, may write what is there
 */
export async function openStrictBench(blind?: "blind"): Promise<Bench> {
  const bench = await openBench();
  return {
    ...bench,
    async [Symbol.asyncDispose]() {
      const { knowable, ignored, redundant } = await bench.counters();
      await bench[Symbol.asyncDispose]();
      const needless = { ...knowable, ...ignored, ...(blind ? {} : redundant) };
      if (Object.keys(needless).length > 0)
        throw new Error(`Sent needlessly: ${JSON.stringify({ knowable, ignored, redundant })}`);
    },
  };
}

export function configOf(sandbox: Sandbox): DataverseConfig {
  return {
    type: "dataverse",
    url: sandbox.url,
    authority: sandbox.url,
    auth: {
      type: "client_secret",
      tenant: sandbox.tenant,
      client_id: sandbox.clientId,
      client_secret: sandbox.clientSecret,
    },
  };
}

export interface MappingInput {
  readonly object?: string;
  /** Columns of the model, with their kinds. */
  readonly columns: Readonly<Record<string, ColumnKind>>;
  readonly match: Readonly<Record<string, string>>;
  /** Field to column, or to all of its spec. */
  readonly fields: Readonly<Record<string, string | Partial<FieldSpec>>>;
}

export function syncOf({ object = "contact", match, fields }: MappingInput): SyncSpec {
  return {
    name: "people",
    model: "people",
    destination: "crm",
    object,
    mode: "upsert",
    match: Object.entries(match).map(([field, column]) => ({ field, column })),
    fields: Object.entries(fields).map(([field, spec]) => ({
      field,
      whenNull: "clear",
      ...(typeof spec === "string" ? { source: { column: spec } } : { source: { value: null }, ...spec }),
    })),
    onRemoved: "keep",
    guard: { removed: { share: 0.1, rows: 50 } },
    rules: { ...DEFAULT_RULES, adopt: false },
    options: NO_OPTIONS,
    place: (...path) => ({ file: path.join(".") }),
  };
}

export function columnsOf({ columns }: MappingInput): Column[] {
  return Object.entries(columns).map(([name, kind]) => ({ name, kind, sqlType: kind }));
}

/** As the engine makes it: project, object, the sync's first name. */
export const ID_SEED = ["test", "contact", "people"];

export const running = () => new AbortController().signal;

export function compile(bench: Bench, input: MappingInput): Promise<CompiledSync> {
  return bench.destination.compile(syncOf(input), columnsOf(input), running());
}

export const added = (rows: readonly (readonly Value[])[]): Change[] =>
  rows.map((after, index) => ({ kind: "added", seq: index + 1, key: [`${index + 1}`], id: null, after }));

export function changed(
  before: readonly Value[],
  after: readonly Value[],
  more: { readonly id?: string | null; readonly pending?: readonly string[]; readonly seq?: number } = {},
): Change {
  const seq = more.seq ?? 1;
  return {
    kind: "changed",
    seq,
    key: [`${seq}`],
    id: more.id ?? null,
    before,
    after,
    columns: after.flatMap((value, index) => (value === before[index] ? [] : [index])),
    pending: more.pending ?? [],
    revived: false,
  };
}

export interface Written {
  readonly planned: readonly Planned[];
  /** One for each change that was planned to be written or not, by position. */
  readonly outcomes: Map<number, Outcome>;
  readonly error: SyncError | undefined;
}

/** Plans and writes as the engine does: window by window. Fails when an operation gets no outcome, or two. */
export async function write(
  compiled: CompiledSync,
  changes: readonly Change[],
  options: {
    readonly window?: number;
    readonly signal?: AbortSignal;
    readonly context?: Partial<PlanContext>;
  } = {},
): Promise<Written> {
  const { window = 1000, signal = running() } = options;
  const outcomes = new Map<number, Outcome>();
  const planned: Planned[] = [];
  let handed = 0;
  async function* operations() {
    for (let from = 0; from < changes.length; from += window) {
      const plans = await compiled.plan(changes.slice(from, from + window), {
        idSeed: ID_SEED,
        ...options.context,
        signal,
      });
      planned.push(...plans);
      const toWrite: Operation[] = [];
      for (const plan of plans) {
        if (plan.status === "planned") toWrite.push(plan.operation);
        else outcomes.set(plan.change.seq, plan);
      }
      handed += toWrite.length;
      if (toWrite.length > 0) yield toWrite;
    }
  }
  let answered = 0;
  let error: SyncError | undefined;
  try {
    for await (const batch of compiled.write(operations(), { signal, idSeed: ID_SEED })) {
      answered += batch.length;
      for (const outcome of batch) {
        if (outcomes.has(outcome.change.seq)) throw new Error(`two outcomes for ${outcome.change.seq}`);
        outcomes.set(outcome.change.seq, outcome);
      }
    }
  } catch (caught) {
    if (!(caught instanceof SyncError)) throw caught;
    error = caught;
  }
  if (answered !== handed) throw new Error(`${handed} operations, ${answered} outcomes`);
  return { planned, outcomes, error };
}

/** How often each status occurs. */
export function tallied({ outcomes }: Written): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of outcomes.values()) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
