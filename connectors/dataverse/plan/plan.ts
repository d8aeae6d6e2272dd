/** Makes an operation of a change, once everything that had to be read is known. Pure. */
import type {
  Change,
  Changed,
  FieldWrite,
  Planned,
  Present,
  Problem,
  Removed,
  Value,
} from "../../../src/sdk.ts";
import type { Found, Mapping } from "../compile/mapping.ts";
import { addressOfId, keptId, PARTITION } from "../elastic.ts";
import { isElastic } from "../table.ts";
import { isProblem, quoted } from "../types/value-problem.ts";
import { idOfTexts } from "../uuid5.ts";
import { type Held, heldMatch, isInactive } from "./held.ts";
import { addressOf, matchOf, placeOf, textOf } from "./match.ts";
import { isMoved, isSame, knownId } from "./needs.ts";
import { sourceValue } from "./parent.ts";
import { isMany, type Resolved } from "./resolution.ts";
import { isSeveral, named, type Several } from "./several.ts";
import { keyWrites, type Writes, writesOf } from "./writes.ts";

/**
 * @param idSeed what ids of our own are made from, before the primary key
 * @param found how the row is matched, where that is known already
 */
export function planChange(
  mapping: Mapping,
  change: Change,
  resolved: Resolved,
  idSeed: readonly string[],
  found?: Found | Problem,
): Planned {
  switch (change.kind) {
    case "added":
      return planAdded(mapping, change, resolved, idSeed, found);
    case "changed":
      return planChanged(mapping, change, resolved, idSeed, found);
    case "removed":
      return planRemoved(mapping, change, resolved, idSeed, found);
  }
}

const rejected = (change: Change, problem: Problem): Planned => ({ status: "rejected", change, problem });

const planned = (
  kind: "create" | "update" | "upsert",
  change: Change,
  record: string,
  { fields, owed, later, stubs }: Writes,
): Planned => ({
  status: "planned",
  operation:
    later.length === 0 && stubs.length === 0
      ? { kind, change, record, fields, owed }
      : {
          ...{ kind, change, record, fields, owed },
          ...(later.length > 0 ? { later } : {}),
          ...(stubs.length > 0 ? { stubs } : {}),
        },
});

/** A row that no record is known for: what was read decides, else the mode and the kind of match. */
export function planAdded(
  mapping: Mapping,
  change: Present,
  resolved: Resolved,
  idSeed: readonly string[],
  found: Found | Problem = matchOf(mapping, change.after, resolved),
): Planned {
  const { match, rules, table } = mapping;
  if (isProblem(found)) return rejected(change, found);
  const record = match.by === "none" ? "missing" : resolved.record(found);
  if (isSeveral(record)) return rejected(change, ambiguousMatch(mapping, found, record));
  if (isMany(record))
    return forEach(change, record.many, (held) => planHeld(mapping, change, held, resolved));
  if (typeof record === "object") {
    if (rules.matchInactive !== "ignore" || !isInactive(record))
      return planHeld(mapping, change, record, resolved);
    if (match.by === "key" && rules.mode !== "update")
      return rejected(change, inactiveMatch(mapping, found, record));
  }
  if (rules.mode === "insert") return planCreate(mapping, change, found, resolved, idSeed);
  if (record === "unread") {
    const isUpdate = rules.mode === "update" || match.by === "id";
    const writes = writesOf(mapping, change.after, resolved, { isUpdate, change: null, held: null });
    if (isProblem(writes)) return rejected(change, writes);
    // Nobody knows whether it is inactive; of a new record the state is ignored ("Web API properties").
    const all = wakes(mapping) ? { ...writes, fields: awake(mapping, writes.fields) } : writes;
    return planned(isUpdate ? "update" : "upsert", change, addressOf(mapping, found), all);
  }
  if (rules.mode === "update" || match.by === "id") {
    if (rules.onMissing === "skip") return { status: "unchanged", change, absent: true };
    return rejected(change, notFound(mapping, found, table.name));
  }
  return planCreate(mapping, change, found, resolved, idSeed);
}

/** One change of several records: each is planned by itself, and the first rejection is the row's. */
function forEach<T>(change: Change, records: readonly T[], plan: (record: T) => Planned): Planned {
  const all = records.map(plan);
  const refused = all.find(({ status }) => status === "rejected");
  if (refused !== undefined) return refused;
  const [first, ...also] = all.flatMap((one) => (one.status === "planned" ? [one.operation] : []));
  if (first === undefined) return { status: "unchanged", change };
  return { status: "planned", operation: also.length === 0 ? first : { ...first, also } };
}

/** A record that was read: what differs is written, by its id. */
function planHeld(mapping: Mapping, change: Present, held: Held, resolved: Resolved): Planned {
  const { rules, table } = mapping;
  if (rules.mode === "insert") return { status: "unchanged", change, id: held.id };
  const writes = writesOf(mapping, change.after, resolved, { isUpdate: true, change: null, held });
  if (isProblem(writes)) return rejected(change, writes);
  const fields = isInactive(held) && wakes(mapping) ? awake(mapping, writes.fields) : writes.fields;
  if (fields.length === 0 && writes.owed.length === 0) return { status: "unchanged", change, id: held.id };
  return planned("update", change, addressOfId(table, held.id), { ...writes, fields });
}

/** Whether a record that is matched is made active: where the sync says so, or deactivates what leaves the model. */
const wakes = ({ rules }: Mapping): boolean =>
  rules.matchInactive === "reactivate" || rules.onRemoved === "deactivate";

/** With what makes a record active, short of what the row itself says of its state. */
const awake = ({ reactivation }: Mapping, fields: readonly FieldWrite[]): readonly FieldWrite[] => [
  ...reactivation.filter((wake) => !fields.some(({ field }) => field === wake.field)),
  ...fields,
];

/** A new record, under an id of our own: a repetition of the request is known by it (DESIGN 4.4). */
function planCreate(
  mapping: Mapping,
  change: Present,
  found: Found,
  resolved: Resolved,
  idSeed: readonly string[],
): Planned {
  const into = { isUpdate: false, isNew: true, change: null, held: null };
  const writes = writesOf(mapping, change.after, resolved, into);
  if (isProblem(writes)) return rejected(change, writes);
  const fields = [...keyWrites(mapping, found, null), ...writes.fields];
  const record = newRecord(mapping, found, change.after, () => ownId(change, idSeed));
  return planned("create", change, record, { ...writes, fields });
}

/** Where a new record goes: where its match says, else under an id of our own in the partition that it is given. */
function newRecord(mapping: Mapping, found: Found, row: readonly Value[], ownIdOf: () => string): string {
  const { table, rules } = mapping;
  const place = placeOf(mapping, found);
  if (place !== null) return addressOfId(table, place);
  return rules.ids === "own" ? addressOfId(table, keptId(ownIdOf(), partitionOf(mapping, row))) : table.set;
}

/** The partition that a row gives its record on an elastic table; null for the record's own. */
function partitionOf({ table, fields }: Mapping, row: readonly Value[]): string | null {
  const field = isElastic(table) ? fields.find((one) => one.field === PARTITION) : undefined;
  const value = field?.kind === "plain" ? sourceValue(field, row) : null;
  const json = field?.kind === "plain" && value !== null ? field.coerce(value) : null;
  return typeof json === "string" ? (JSON.parse(json) as string | null) : null;
}

/** The id of a row's record where we are the ones to give it. */
function ownId({ key }: Change, idSeed: readonly string[]): string {
  return idOfTexts([...idSeed, ...key.map((part) => part ?? "")]);
}

/** Only what differs, as an update; a record that is known to be gone is added again. */
function planChanged(
  mapping: Mapping,
  change: Changed,
  resolved: Resolved,
  idSeed: readonly string[],
  after: Found | Problem = matchOf(mapping, change.after, resolved),
): Planned {
  if (isProblem(after)) return rejected(change, after);
  const before = matchOf(mapping, change.before, resolved);
  const moved = isProblem(before) || !isSame(before, after);
  if (change.revived || isMoved(mapping, change, after, resolved))
    return planAdded(mapping, change, resolved, idSeed, after);
  const old = isProblem(before) ? null : before;
  const isUnsure = change.rematch === true && knownId(mapping, change) !== null;
  const record = recordsOf(mapping, change, old, after, resolved);
  if (record === null) return planAdded(mapping, change, resolved, idSeed, after);
  if (isProblem(record)) return rejected(change, record);
  return forEach(change, record, ({ address, held }) => {
    const isKnown = resolved.isReread && held !== null;
    const into = { isUpdate: true, change: isKnown ? null : change, held };
    const writes = writesOf(mapping, change.after, resolved, into);
    if (isProblem(writes)) return rejected(change, writes);
    const keys = isKnown
      ? keyWrites(mapping, after, isByMerge(held, after, resolved) ? after : heldMatch(mapping, after, held))
      : moved || isUnsure
        ? keyWrites(mapping, after, isUnsure ? null : old)
        : [];
    const fields = [...keys, ...writes.fields];
    if (fields.length === 0 && writes.owed.length === 0) return { status: "unchanged", change };
    return planned("update", change, address, { ...writes, fields });
  });
}

/** Whether the match finds a record through one that was merged into it and keeps the key. */
function isByMerge(held: Held, after: Found, resolved: Resolved): boolean {
  if (held.isMaster) return true;
  const found = resolved.record(after);
  return typeof found === "object" && "row" in found && found.id === held.id && found.isMaster === true;
}

interface Known {
  readonly address: string;
  readonly held: Held | null;
}

/** A changed row's records: by id where it is known, else by a key that has not changed, else as they were read. */
function recordsOf(
  mapping: Mapping,
  change: Changed,
  before: Found | null,
  after: Found,
  resolved: Resolved,
): readonly Known[] | null | Problem {
  const { table, match } = mapping;
  const id =
    match.by === "id" ? (after[0] === undefined ? null : textOf(after[0])) : knownId(mapping, change);
  const byId = (id: string, held: Held | null): Known => ({ address: addressOfId(table, id), held });
  if (id !== null) {
    const held = resolved.current(id) ?? null;
    return resolved.isGone(id) ? null : [byId(held?.id ?? id, held)];
  }
  if (before === null) return null;
  const record = resolved.record(before);
  if (isSeveral(record)) return ambiguousMatch(mapping, before, record);
  if (isMany(record)) return record.many.map((held) => byId(held.id, held));
  if (typeof record === "object") return [byId(record.id, record)];
  if (record === "missing") return null;
  return [{ address: addressOf(mapping, after), held: null }];
}

/** A row that has left the model: its record is deleted or deactivated; one that is gone already is no loss. */
function planRemoved(
  mapping: Mapping,
  change: Removed,
  resolved: Resolved,
  idSeed: readonly string[],
  found: Found | Problem = matchOf(mapping, change.before, resolved),
): Planned {
  const { table, rules, deactivation } = mapping;
  const kind = rules.onRemoved === "deactivate" ? "deactivate" : "delete";
  const remove = (record: string): Planned => ({
    status: "planned",
    operation: { kind, change, record, fields: kind === "delete" ? [] : deactivation, owed: [] },
  });
  if (change.id !== null) return remove(addressOfId(table, change.id));
  if (change.unsure) {
    // Sent without an answer: only a record that has the id of our own was made by us.
    const isOurs = rules.ids === "own" && rules.adopt && mapping.match.by !== "id";
    const partition = partitionOf(mapping, change.before);
    const own = () => addressOfId(table, keptId(ownId(change, idSeed), partition));
    return isOurs ? remove(own()) : { status: "unchanged", change };
  }
  if (isProblem(found)) return { status: "unchanged", change };
  if (mapping.match.by === "id") return remove(addressOf(mapping, found));
  const record = resolved.record(found);
  if (isSeveral(record)) return rejected(change, ambiguousMatch(mapping, found, record));
  if (record === "missing") return { status: "unchanged", change };
  if (isMany(record)) return forEach(change, record.many, ({ id }) => remove(addressOfId(table, id)));
  return remove(typeof record === "object" ? addressOfId(table, record.id) : addressOf(mapping, found));
}

function ambiguousMatch(mapping: Mapping, found: Found, several: Several): Problem {
  const field = mapping.match.parts[0]?.field ?? "";
  const value = found.map(textOf).join(", ");
  return {
    kind: "rejected",
    code: "match.ambiguous",
    message: `${field}: ${quoted(value)} finds several records in ${mapping.table.name}: ${named(several)}.`,
    remedy: "Merge the records that share the value, or say which one is meant by on_many.",
    field,
  };
}

/** An ignored record keeps its alternate key: the service lets no second one have it. */
function inactiveMatch({ match, table }: Mapping, found: Found, { id }: Held): Problem {
  const field = match.parts[0]?.field ?? "";
  return {
    kind: "rejected",
    code: "match.inactive",
    message: `${field}: ${quoted(found.map(textOf).join(", "))} is the key of an inactive ${table.name}, ${id}, which is ignored; no other record can have it.`,
    remedy: "Take the key off that record or delete it, or say match_inactive: use or reactivate.",
    field,
  };
}

function notFound(mapping: Mapping, found: Found, table: string): Problem {
  const field = mapping.match.parts[0]?.field ?? "";
  return {
    kind: "rejected",
    code: "record.not_found",
    message: `There is no ${table} with ${field} ${quoted(found.map(textOf).join(", "))}.`,
    remedy: "Leave the row out, set on_missing: skip, or use a mode that makes records.",
    field,
  };
}
