/** What changes of rows mean for the members of a list: who enters, who leaves, who is there already. */
import type { Added, AudienceSpec, Change, Mode, PlanContext, Planned, Problem } from "../../../src/sdk.ts";
import type { Found, Mapping } from "../compile/mapping.ts";
import { isInactive } from "../plan/held.ts";
import {
  addressOf,
  foldedMatch,
  foldedRead,
  isAddressable,
  keyText,
  matchOf,
  textOf,
} from "../plan/match.ts";
import { isMany } from "../plan/resolution.ts";
import type { Resolver } from "../plan/resolve.ts";
import { isSeveral, named } from "../plan/several.ts";
import { isProblem, quoted } from "../types/value-problem.ts";
import { addressById, folded, idOf } from "../url.ts";
import { isKept, type Kept, type Rosters } from "./rosters.ts";

/** The name under which a row owes its membership. */
export const MEMBER = "@member";

export interface PlanOptions {
  readonly mode: Mode;
  readonly audience: AudienceSpec;
  readonly mapping: Mapping;
  /** Index of the column that names the list. */
  readonly listColumn: number | null;
  readonly rosters: Rosters;
  readonly resolver: Resolver;
  /** Plans the records themselves, where they are written too. */
  readonly records?: (changes: readonly Change[], context: PlanContext) => Promise<readonly Planned[]>;
}

/** A row's record: by its id, by an address where it will come, or why there is none. */
type Member =
  | { readonly kind: "there"; readonly id: string }
  | { readonly kind: "coming"; readonly address: string }
  | { readonly kind: "missing" }
  | { readonly kind: "unfit"; readonly problem: Problem };

interface Row {
  readonly change: Change;
  readonly kept: Kept | Problem;
  /** What was planned for the record. */
  readonly record?: Planned;
  member: Member;
}

export async function planMembers(
  changes: readonly Change[],
  context: PlanContext,
  options: PlanOptions,
): Promise<readonly Planned[]> {
  const { rosters } = options;
  const nameOf = naming(options);
  const lists = await rosters.named(changes.map(nameOf), context.signal);
  const keptOf = (change: Change): Kept | Problem => lists.get(folded(nameOf(change)))!;
  const records = await planRecords(changes, context, options);
  const rows = changes.map(
    (change): Row => ({
      change,
      kept: keptOf(change),
      member: { kind: "missing" },
      ...(records.has(change) ? { record: records.get(change)! } : {}),
    }),
  );
  await findMembers(rows, context, options);
  const present = new Map<Kept, ReadonlySet<string>>();
  for (const kept of new Set(rows.map((row) => row.kept).filter(isKept))) {
    const ids = rows.flatMap((row) =>
      row.kept === kept && concernsMembership(row, options) && row.member.kind === "there"
        ? [row.member.id]
        : [],
    );
    present.set(kept, await kept.presence.of(ids, context.signal));
  }
  return rows.map((row) => planRow(row, present, options));
}

/** The name of the list that a row means. */
export const naming =
  ({ audience: { named }, listColumn }: Pick<PlanOptions, "audience" | "listColumn">) =>
  (change: Change): string =>
    "value" in named ? named.value : (valuesOf(change)[listColumn ?? -1] ?? "");

const valuesOf = (change: Change) => (change.kind === "removed" ? change.before : change.after);

/** Lists that cannot be written today and still have their members: who has to leave waits. */
const HOLDS: ReadonlySet<string> = new Set(["audience.locked", "audience.inactive", "audience.several"]);

/** Of a row that was written before, only what it owes. */
function concernsMembership({ change }: Pick<Row, "change">, { mode }: PlanOptions): boolean {
  if (change.kind !== "changed" || mode !== "upsert") return true;
  return change.revived === true || change.doubted === true || change.pending.includes(MEMBER);
}

async function planRecords(
  changes: readonly Change[],
  context: PlanContext,
  options: PlanOptions,
): Promise<ReadonlyMap<Change, Planned>> {
  const { records } = options;
  if (records === undefined) return new Map();
  const present = changes.filter(({ kind }) => kind !== "removed");
  const first = firstOfEach(present, options);
  const planned = await records(
    present.filter((change) => first.get(change) === undefined),
    context,
  );
  const byChange = new Map<Change, Planned>();
  let next = 0;
  for (const change of present) {
    const twin = first.get(change);
    byChange.set(change, twin === undefined ? planned[next++]! : ofTwin(change, byChange.get(twin)!));
  }
  return byChange;
}

/** New rows of one record in several lists, with the first of them: that one writes the record. */
function firstOfEach(
  changes: readonly Change[],
  { mapping, listColumn }: PlanOptions,
): ReadonlyMap<Change, Change> {
  const twins = new Map<Change, Change>();
  if (listColumn === null) return twins;
  const seen = new Map<string, Change>();
  for (const change of changes) {
    if (change.kind !== "added") continue;
    const found = matchOf(mapping, change.after);
    if (isProblem(found)) continue;
    const other = seen.get(foldedMatch(found));
    if (other === undefined) seen.set(foldedMatch(found), change);
    else twins.set(change, other);
  }
  return twins;
}

/** What a row's record will be when another row has written it. */
function ofTwin(change: Change, twin: Planned): Planned {
  if (twin.status === "rejected") return { ...twin, change };
  const id = twin.status === "planned" ? idOf(twin.operation.record) : (twin.id ?? null);
  return { status: "unchanged", change, ...(id === null ? {} : { id }) };
}

/** Finds whose records are meant; what is known by id is not asked for, but in a plan. */
async function findMembers(rows: readonly Row[], context: PlanContext, options: PlanOptions): Promise<void> {
  const { mapping, mode } = options;
  const open: { row: Row; found: Found }[] = [];
  for (const row of rows) {
    const { change, record } = row;
    if (record !== undefined) {
      row.member = memberOfRecord(record, change);
      continue;
    }
    if (change.kind === "removed" && change.id !== null) {
      row.member = { kind: "there", id: change.id.toLowerCase() };
      continue;
    }
    const found = matchOf(mapping, valuesOf(change));
    if (isProblem(found)) row.member = { kind: "unfit", problem: found };
    else if (mapping.match.by === "id" && (context.promised === undefined || mode === "remove"))
      row.member = { kind: "there", id: textOf(found[0] ?? "").toLowerCase() };
    else open.push({ row, found });
  }
  if (open.length === 0) return;
  // Every row is looked for as if it were new: by its values.
  const asked = open.map(({ row: { change } }): Added => {
    const { seq, key } = change;
    return { kind: "added", seq, key, id: null, after: valuesOf(change) };
  });
  const resolved = await options.resolver(asked, context);
  const missing: typeof open = [];
  for (const one of open) {
    const record = resolved.record(one.found);
    // A membership is one record's: `on_many: all` is refused for audiences.
    if (isMany(record)) continue;
    if (isSeveral(record))
      one.row.member = { kind: "unfit", problem: ambiguous(mapping, one.found, named(record)) };
    else if (typeof record === "string") missing.push(one);
    else if (isInactive(record) && mode !== "remove" && one.row.change.kind !== "removed") {
      const isMissing = mapping.rules.matchInactive === "ignore";
      one.row.member = isMissing
        ? { kind: "missing" }
        : { kind: "unfit", problem: inactive(mapping, one.found) };
    } else one.row.member = { kind: "there", id: record.id };
  }
  await findPromised(missing, mapping, context);
}

/** In a plan: records that a sync planned before will have made. */
async function findPromised(
  open: readonly { readonly row: Row; readonly found: Found }[],
  mapping: Mapping,
  { promised }: PlanContext,
): Promise<void> {
  if (promised === undefined || open.length === 0) return;
  const fields = mapping.match.parts.map(({ field }) => field);
  const values = open.map(({ found }) => found.map(textOf));
  const told = await promised(mapping.table.name, fields, values);
  const coming = new Set([...told].map((texts) => keyText(texts.map(foldedRead))));
  for (const { row, found } of open) {
    if (!coming.has(foldedMatch(found))) continue;
    const address = isAddressable(mapping, found)
      ? addressOf(mapping, found)
      : `${mapping.table.set} with ${fields.map((field, at) => `${field} ${textOf(found[at] ?? "")}`).join(", ")}`;
    row.member = { kind: "coming", address };
  }
}

/** The record of a row that writes it too. */
function memberOfRecord(record: Planned, change: Change): Member {
  if (record.status === "rejected") return { kind: "unfit", problem: record.problem };
  const told = record.status === "planned" ? idOf(record.operation.record) : (record.id ?? change.id);
  if (told !== null && told !== undefined) return { kind: "there", id: told.toLowerCase() };
  if (record.status === "planned") return { kind: "coming", address: record.operation.record };
  return { kind: "missing" };
}

function planRow(row: Row, present: ReadonlyMap<Kept, ReadonlySet<string>>, options: PlanOptions): Planned {
  const { change, kept, member, record } = row;
  const { mapping, mode, audience } = options;
  const rejected = (problem: Problem): Planned => ({
    status: "rejected",
    change,
    problem: { ...problem, kind: "rejected" },
  });
  if (!isKept(kept)) {
    const isOver = change.kind === "removed" && !HOLDS.has(kept.code);
    return isOver ? { status: "unchanged", change } : rejected(kept);
  }
  const leaves = change.kind === "removed" || mode === "remove";
  if (member.kind === "unfit")
    return leaves && change.kind === "removed" ? { status: "unchanged", change } : rejected(member.problem);
  if (record !== undefined && member.kind === "missing") return record;
  if (member.kind === "missing") {
    if (change.kind === "removed") return { status: "unchanged", change };
    if (leaves || audience.whenMissing === "skip") return { status: "unchanged", change, absent: true };
    return rejected(notFound(mapping, change));
  }
  const { address: into } = kept.roster;
  const isThere = member.kind === "there" && present.get(kept)?.has(member.id) === true;
  const address = member.kind === "there" ? addressById(mapping.table.set, member.id) : member.address;
  if (record?.status === "planned") {
    const enters = concernsMembership(row, options) && !isThere;
    return enters ? { ...record, operation: { ...record.operation, into } } : record;
  }
  if (record !== undefined && !concernsMembership(row, options)) return record;
  if (isThere !== leaves) {
    const id = member.kind === "there" ? { id: member.id } : {};
    return { status: "unchanged", change, ...id };
  }
  const kind = leaves ? "remove_member" : "add_member";
  return { status: "planned", operation: { kind, change, record: address, into, fields: [], owed: [] } };
}

const wordsOf = (mapping: Mapping, found: Found): string =>
  `${mapping.match.parts[0]?.field ?? ""} ${quoted(found.map(textOf).join(", "))}`;

function notFound(mapping: Mapping, change: Change): Problem {
  const found = matchOf(mapping, valuesOf(change));
  return {
    kind: "rejected",
    code: "member.not_found",
    message: `There is no ${mapping.table.name} with ${isProblem(found) ? "that value" : wordsOf(mapping, found)}, so it cannot become a member.`,
    remedy: "Sync the record first, leave the row out, or set when_missing: skip.",
  };
}

function inactive(mapping: Mapping, found: Found): Problem {
  return {
    kind: "rejected",
    code: "member.inactive",
    message: `The ${mapping.table.name} with ${wordsOf(mapping, found)} is inactive; a list takes active records alone.`,
    remedy: "Reactivate it, leave the row out, or set match_inactive: ignore.",
  };
}

function ambiguous(mapping: Mapping, found: Found, ids: string): Problem {
  return {
    kind: "rejected",
    code: "match.ambiguous",
    message: `${wordsOf(mapping, found)} finds several records in ${mapping.table.name}: ${ids}.`,
    remedy: "Merge the records that share the value.",
  };
}
