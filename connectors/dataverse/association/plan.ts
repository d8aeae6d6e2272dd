/** What changes of rows mean for associations: which are made, which are undone, which are there already. */
import type {
  Added,
  AssociateSpec,
  Change,
  Operation,
  PlanContext,
  Planned,
  Problem,
  Value,
} from "../../../src/sdk.ts";
import type { LookupField } from "../compile/mapping.ts";
import { addressOfId } from "../elastic.ts";
import { addressOfParent, foldedMatch, parentInWords } from "../plan/match.ts";
import { parentOf } from "../plan/parent.ts";
import type { Resolved } from "../plan/resolution.ts";
import type { Resolver } from "../plan/resolve.ts";
import { isSeveral, named } from "../plan/several.ts";
import type { Service } from "../sender/service.ts";
import { isProblem, valueProblem } from "../types/value-problem.ts";
import { idOf, inQueries } from "../url.ts";
import type { Relationship } from "./relationship.ts";

/** The name under which a row owes its association. */
export const TIE = "@tie";

export interface Tying {
  readonly associate: AssociateSpec;
  readonly relationship: Relationship;
  readonly from: LookupField;
  readonly to: LookupField;
  /** Reads what is tied already. */
  readonly adopt: boolean;
  readonly service: Service;
  readonly resolver: Resolver;
}

/** One side of a row: a record by its id, by a key that will find it, none, or why it cannot be told. */
type Side =
  | { readonly kind: "there"; readonly id: string; readonly address: string }
  | { readonly kind: "coming"; readonly address: string }
  | { readonly kind: "missing"; readonly problem: Problem }
  | { readonly kind: "unfit"; readonly problem: Problem };

/** Two ids as the snapshot keeps them. */
const tied = (from: string, to: string): string => `${from}/${to}`;

export async function planAssociations(
  changes: readonly Change[],
  context: PlanContext,
  tying: Tying,
): Promise<readonly Planned[]> {
  // What is undone is looked for like what is made; where its ids are known, nothing has to be found.
  const asked = changes.map(
    (change): Added => ({
      kind: "added",
      seq: change.seq,
      key: change.key,
      id: null,
      after: valuesOf(change),
    }),
  );
  const open = asked.filter((_, index) => knownTie(changes[index]!) === null);
  const resolved = await tying.resolver(open, context);
  const rows = changes.map((change) => {
    const known = knownTie(change);
    if (known !== null)
      return { change, sides: known.map((id, at) => there(at === 0 ? tying.from : tying.to, id)) };
    const sides = [tying.from, tying.to].map((end) => sideOf(end, valuesOf(change), resolved));
    return { change, sides };
  });
  const wanted = rows.flatMap(({ change, sides: [from, to] }) =>
    change.kind !== "removed" && from?.kind === "there" && to?.kind === "there"
      ? [[from.id, to.id] as const]
      : [],
  );
  const present = tying.adopt ? await presentTies(tying, wanted, context) : new Set<string>();
  return rows.map(({ change, sides: [from, to] }) => planned(change, from!, to!, present, tying));
}

const valuesOf = (change: Change): readonly Value[] =>
  change.kind === "removed" ? change.before : change.after;

/** The ids of a removed row's association, as the snapshot has kept them. */
function knownTie(change: Change): readonly [string, string] | null {
  const [from, to] = change.kind === "removed" ? (change.id?.split("/") ?? []) : [];
  return from === undefined || to === undefined ? null : [from, to];
}

function there({ parents }: LookupField, id: string): Side {
  return { kind: "there", id, address: addressOfId(parents[0]!.table, id) };
}

function sideOf(end: LookupField, row: readonly Value[], resolved: Resolved): Side {
  const wanted = parentOf(end, row);
  if (wanted === null)
    return {
      kind: "unfit",
      problem: valueProblem(
        "no_match",
        end.field,
        "it finds the record and is empty.",
        "Leave such rows out.",
      ),
    };
  if (isProblem(wanted)) return { kind: "unfit", problem: wanted };
  const found = resolved.parent(wanted.parent.ref, foldedMatch(wanted.found));
  if (typeof found === "object" && "id" in found) return there(end, found.id);
  if (found === "promised" || found === "awaited")
    return { kind: "coming", address: addressOfParent(wanted) };
  const names = parentInWords(wanted);
  if (isSeveral(found)) {
    const message = `${end.field}: there are several ${names}: ${named(found)}.`;
    const remedy = "Merge the records that share the value.";
    return {
      kind: "unfit",
      problem: { kind: "rejected", code: "lookup.ambiguous", message, remedy, field: end.field },
    };
  }
  const message = `${end.field}: there is no ${names}.`;
  const remedy = "Sync the record first, correct the value, or write when_missing: skip.";
  return {
    kind: "missing",
    problem: { kind: "rejected", code: "lookup.missing", message, remedy, field: end.field },
  };
}

function planned(
  change: Change,
  from: Side,
  to: Side,
  present: ReadonlySet<string>,
  { associate, relationship }: Tying,
): Planned {
  for (const side of [from, to]) {
    if (side.kind === "unfit") {
      return change.kind === "removed"
        ? { status: "unchanged", change }
        : { status: "rejected", change, problem: side.problem };
    }
    if (side.kind !== "missing") continue;
    // With a record its associations are gone.
    if (change.kind === "removed") return { status: "unchanged", change };
    if (associate.whenMissing === "skip") return { status: "unchanged", change, absent: true };
    return { status: "rejected", change, problem: side.problem };
  }
  const [one, two] = [from, to] as readonly Exclude<Side, { readonly problem: Problem }>[];
  const into = `${one!.address}/${relationship.collection}`;
  const id = one!.kind === "there" && two!.kind === "there" ? tied(one!.id, two!.id) : undefined;
  const inside = two!.kind === "there" ? two!.id : two!.address;
  const operation = (kind: Operation["kind"], fields: Operation["fields"]): Planned => ({
    status: "planned",
    operation: { kind, change, record: `${into}(${inside})`, into, fields, owed: [] },
  });
  if (change.kind === "removed")
    return id === undefined ? { status: "unchanged", change } : operation("remove_member", []);
  if (id !== undefined && present.has(id)) return { status: "unchanged", change, id };
  const json = JSON.stringify(two!.address);
  return operation("add_member", [{ field: TIE, property: "@odata.id", json }]);
}

/** The ids that an operation ties, as the snapshot keeps them. */
export function tieOf({ kind, record, into = "" }: Operation): string | null {
  const from = idOf(into.slice(0, into.lastIndexOf("/")));
  const to = record.slice(into.length + 1, -1);
  return kind === "add_member" && from !== null && GUID.test(to) ? tied(from, to) : null;
}

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Which of the pairs are there, read from the intersect table by the side of which there are more. */
async function presentTies(
  { relationship, service }: Tying,
  wanted: readonly (readonly [string, string])[],
  { signal }: PlanContext,
): Promise<ReadonlySet<string>> {
  if (wanted.length === 0) return new Set();
  const { set, fromColumn, toColumn } = relationship;
  const [froms, tos] = [new Set(wanted.map(([from]) => from)), new Set(wanted.map(([, to]) => to))];
  const byFrom = froms.size >= tos.size;
  const paths = inQueries({
    set,
    select: [fromColumn, toColumn],
    property: byFrom ? fromColumn : toColumn,
    values: [...(byFrom ? froms : tos)],
  });
  const asked = new Set(wanted.map(([from, to]) => tied(from, to)));
  const present = new Set<string>();
  for (const row of await service.queries(paths, signal)) {
    const tie = tied(String(row[fromColumn]).toLowerCase(), String(row[toColumn]).toLowerCase());
    if (asked.has(tie)) present.add(tie);
  }
  return present;
}
