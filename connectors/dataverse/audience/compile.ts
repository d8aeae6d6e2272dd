/** A compiled sync whose rows are members of a list: its mapping, what it reads and how it writes. */
import {
  type Cache,
  type Column,
  type CompiledSync,
  fail,
  type Operation,
  type Problem,
  SyncError,
  type SyncSpec,
} from "../../../src/sdk.ts";
import type { Compiled } from "../compile/compile.ts";
import { type CompiledOptions, compiledSync } from "../compile/compiled.ts";
import type { Mapping } from "../compile/mapping.ts";
import { matchOf } from "../plan/match.ts";
import { openResolver } from "../plan/resolve.ts";
import { openSender } from "../sender/sender.ts";
import type { Table } from "../table.ts";
import { isProblem } from "../types/value-problem.ts";
import { idOf, inQueries } from "../url.ts";
import { type End, finishAudience, foreseeAudience } from "./end.ts";
import { canBeMember, openLists } from "./lists.ts";
import { MEMBER, naming, planMembers } from "./plan.ts";
import { isKept, openRosters, titleOf } from "./rosters.ts";
import { canBeInSegment, openSegments } from "./segments.ts";
import { writeMembers } from "./write.ts";

/** The sync of the records themselves: they are looked for before anything is written, since a member has to be there. */
export function recordsOf(sync: SyncSpec): SyncSpec {
  const { audience: _, ...records } = sync;
  const rules = { ...sync.rules, adopt: true };
  return { ...records, rules, mode: "upsert", onRemoved: "keep" };
}

export interface AudienceOptions extends CompiledOptions {
  readonly cache?: Cache | undefined;
  /** Names what is remembered of the organisation. */
  readonly place: string;
}

/** @throws SyncError one `config` error with every problem of the audience */
export async function compileAudience(
  sync: SyncSpec & { readonly audience: NonNullable<SyncSpec["audience"]> },
  columns: readonly Column[],
  compiled: Compiled,
  options: AudienceOptions,
  signal: AbortSignal,
): Promise<CompiledSync> {
  const { audience, mode } = sync;
  const { mapping } = compiled;
  const { table } = mapping;
  const { service, cache, place } = options;
  refuseMember(sync, table);
  const base = compiledSync(recordsOf(sync), compiled, options);
  const sender = openSender(service, options);
  const memory = {
    read: async () => cache?.read(`${place}-removal`),
    write: async (form: string) => cache?.write(`${place}-removal`, form),
  };
  const keeperOptions = { service, sender, table, audience, sync: sync.name, memory };
  const keeper = audience.kind === "list" ? openLists(keeperOptions) : openSegments(keeperOptions);
  const rosters = openRosters(keeper);
  const { named } = audience;
  const listColumn = "column" in named ? columns.findIndex(({ name }) => name === named.column) : null;
  const nameOf = naming({ audience, listColumn });
  const object = await objectOf();
  const resolver = openResolver(service, mapping);
  const writes = mode === "upsert";
  const planOptions = {
    mode,
    audience,
    mapping,
    listColumn,
    rosters,
    resolver,
    ...(writes ? { records: base.plan } : {}),
  };
  const end: End = {
    audience,
    mode,
    keeper,
    rosters,
    nameOf,
    settling: { keeper, table, options: sync.options, isSeveral: listColumn !== null, sender, service },
  };
  return {
    ...base,
    object,
    fields: [
      ...(writes ? base.fields : []),
      { field: MEMBER, columns: [], fingerprint: `${mode === "remove"}` },
    ],
    parents: [...new Set([...base.parents, table.name])],
    match: listColumn === null ? base.match : [listColumn, ...base.match.filter((i) => i !== listColumn)],
    warnings: writes ? base.warnings : [],
    forecast(steps, stubs) {
      const forecast = base.forecast(
        steps.map((step) => ({ ...step, add_member: 0, remove_member: 0 })),
        stubs,
      );
      let { requests } = forecast;
      for (const { add_member: add, remove_member: remove } of steps)
        requests += Math.ceil(add / keeper.most) + Math.ceil(remove / keeper.most);
      return { ...forecast, requests };
    },
    plan: (changes, context) => planMembers(changes, context, planOptions),
    write: (operations, context) =>
      writeMembers(operations, context, {
        ...end.settling,
        rosters,
        nameOf,
        records: base.write,
        idsOf: (some) => idsOf(some, mapping, resolver, context),
      }),
    audience: {
      title: titleOf(audience),
      names: (records, wanted) => namesOf(table, records, wanted),
      foresee: (all, context) => foreseeAudience(end, all, context),
      finish: (known, context) => finishAudience(end, known, context),
    },
  };

  /** What the state belongs to: the list itself, so that two syncs of one list know of each other. */
  async function objectOf(): Promise<string> {
    const suffix = mode === "remove" ? " without" : "";
    if (!("value" in named)) return `${keeper.word}s of ${sync.renamedFrom ?? sync.name}${suffix}`;
    const found = [...(await rosters.named([named.value], signal)).values()][0]!;
    if (isKept(found)) return `${found.roster.address}${suffix}`;
    throw new SyncError({ ...found, place: sync.place("audience", audience.kind) });
  }

  async function namesOf(
    { set, primaryId, primaryName }: Table,
    records: readonly string[],
    wanted: AbortSignal,
  ): Promise<ReadonlyMap<string, string>> {
    const ids = new Map(records.flatMap((record) => [[idOf(record) ?? "", record] as const]));
    ids.delete("");
    if (primaryName === null || ids.size === 0) return new Map();
    const select = [primaryId, primaryName];
    const paths = inQueries({ set, select, property: primaryId, values: [...ids.keys()] });
    const rows = await service.queries(paths, wanted);
    return new Map(
      rows.flatMap((row) => {
        const record = ids.get(String(row[primaryId]).toLowerCase());
        const name = row[primaryName];
        return record !== undefined && typeof name === "string" ? [[record, name] as const] : [];
      }),
    );
  }
}

/** The ids of records that were not there when they were planned. */
async function idsOf(
  operations: readonly Operation[],
  mapping: Mapping,
  resolver: ReturnType<typeof openResolver>,
  context: { readonly signal: AbortSignal; readonly idSeed: readonly string[] },
): Promise<ReadonlyMap<Operation, string>> {
  const rows = operations.map(({ change }) => (change.kind === "removed" ? change.before : change.after));
  const asked = operations.map(({ change: { seq, key } }, index) => ({
    kind: "added" as const,
    seq,
    key,
    id: null,
    after: rows[index]!,
  }));
  const resolved = await resolver(asked, context);
  return new Map(
    operations.flatMap((operation, index) => {
      const found = matchOf(mapping, rows[index]!);
      const record = isProblem(found) ? "missing" : resolved.record(found);
      return typeof record === "object" && "id" in record ? [[operation, record.id] as const] : [];
    }),
  );
}

function refuseMember(sync: SyncSpec & { readonly audience: { readonly kind: string } }, table: Table): void {
  const { kind } = sync.audience;
  const problems: Problem[] = [];
  if (!(kind === "list" ? canBeMember(table) : canBeInSegment(table))) {
    const can = kind === "list" ? "account, contact or lead" : "contact or lead";
    const { problems: found } = fail.config(
      "audience.member",
      `Records of ${table.name} cannot be members of a ${kind}.`,
      `Write member: ${can}.`,
      { place: sync.place("audience", "member") },
    );
    problems.push(...found);
  }
  if (sync.mode !== "upsert" && sync.fields.length > 0) {
    const { problems: found } = fail.config(
      "audience.fields",
      `The mode ${sync.mode} of an audience writes members alone, no fields.`,
      "Take fields out, or use the mode upsert, which writes the record first.",
      { place: sync.place("fields") },
    );
    problems.push(...found);
  }
  if (sync.rules.onMany === "all") {
    const { problems: found } = fail.config(
      "audience.on_many",
      "A row of an audience is one member, so it cannot mean all the records that its match finds.",
      "Write on_many: reject or on_many: first_created.",
      { place: sync.place("on_many") },
    );
    problems.push(...found);
  }
  if (problems.length > 0) throw new SyncError(problems);
}
