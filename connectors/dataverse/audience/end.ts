/** What concerns a list as a whole: who leaves without a row, and whether its members are who they should be. */
import type {
  AudienceSpec,
  Change,
  Foreseeing,
  Foreseen,
  KnownRows,
  Membership,
  Mode,
  PlanContext,
  Planned,
  WriteContext,
} from "../../../src/sdk.ts";
import { SyncError } from "../../../src/sdk.ts";
import { addressById, idOf } from "../url.ts";
import type { Keeper } from "./roster.ts";
import type { Kept, Rosters } from "./rosters.ts";
import { type MemberSettling, settleMembers } from "./settle.ts";

export interface End {
  readonly audience: AudienceSpec;
  readonly mode: Mode;
  readonly keeper: Keeper;
  readonly rosters: Rosters;
  /** The name of the list that a row means. */
  readonly nameOf: (change: Change) => string;
  readonly settling: Omit<MemberSettling, "context" | "stop" | "stopped">;
}

/** Differences that are told one by one. */
const LISTED = 100;

/** Only where a list could lose all its members, or has to lose those that no row speaks of, has all to be looked at. */
export async function foreseeAudience(
  end: End,
  all: Foreseeing,
  context: PlanContext,
): Promise<Foreseen | undefined> {
  const { audience, mode, rosters } = end;
  const isWhole = mode === "mirror" && audience.scope === "all";
  const single = "value" in audience.named ? [...rosters.all.values()][0] : undefined;
  const count = single?.roster.count ?? null;
  const canEmpty =
    single !== undefined && count !== 0 && all.leaving > 0 && (count === null || all.leaving >= count);
  if (!isWhole && !canEmpty) return undefined;
  const stay = new Map<string, Set<string>>();
  let enter = 0;
  let leave = 0;
  for await (const window of all.planned()) {
    // A saved plan names lists that nobody has looked up since.
    if (isWhole) await rosters.named(window.map(changeOf).map(end.nameOf), context.signal);
    for (const planned of window) {
      const operation = planned.status === "planned" ? planned.operation : undefined;
      if (operation?.kind === "remove_member") leave++;
      else if (operation?.into !== undefined) enter++;
      const id = operation ? idOf(operation.record) : planned.status === "unchanged" ? planned.id : undefined;
      if (isWhole && typeof id === "string") stayIn(operation?.into, id);
    }
  }
  const strays: string[] = [];
  let members = 0;
  if (isWhole)
    for await (const rows of all.known()) for (const { id } of rows) if (id !== null) stayIn(undefined, id);
  for (const kept of rosters.all.values()) {
    const everyone = await kept.presence.everyone(context.signal);
    members += everyone.size;
    if (!isWhole) continue;
    const own = [...everyone].filter((id) => !isToStay(kept, id));
    strays.push(...own.map((id) => addressById(end.settling.table.set, id)));
    kept.strays = own;
  }
  return { members, enter, leave: leave + strays.length, strays };

  /** Rows that are known, or need no write, may be of any list. */
  function stayIn(address: string | undefined, id: string): void {
    const ids = stay.get(address ?? "") ?? new Set<string>();
    stay.set(address ?? "", ids.add(id.toLowerCase()));
  }
  function isToStay({ roster }: Kept, id: string): boolean {
    return stay.get("")?.has(id) === true || stay.get(roster.address)?.has(id) === true;
  }
}

const changeOf = (planned: Planned): Change =>
  planned.status === "planned" ? planned.operation.change : planned.change;

/** Takes off whom no row speaks of, closes every list, and compares its members with what was intended. */
export async function finishAudience(
  end: End,
  known: KnownRows,
  context: WriteContext,
): Promise<readonly Membership[]> {
  const { keeper, rosters } = end;
  const results: Membership[] = [];
  let failure: SyncError | undefined;
  for (const kept of rosters.all.values()) {
    const failed = await removeStrays(end, kept, context);
    if (failed && kept.closed === undefined) throw failed;
    failure ??= failed;
    const changed = kept.added + kept.removed > 0;
    const intended = await intendedCount(kept, context);
    const problem = await keeper.close(kept.roster, changed, context);
    if (problem) throw new SyncError(problem);
    if (!changed) continue;
    const found = await keeper.count(kept.roster, context.signal);
    const { title } = kept.roster;
    const told = { audience: title, intended: intended ?? found, found, differences: 0, listed: [] };
    results.push(
      told.intended === found ? told : { ...told, ...(await differences(end, kept, known, context)) },
    );
  }
  if (failure) throw failure;
  return results;
}

/** @returns why not all of them have left */
async function removeStrays(
  { settling }: End,
  kept: Kept,
  context: WriteContext,
): Promise<SyncError | undefined> {
  const { strays } = kept;
  kept.strays = [];
  let failure: SyncError | undefined;
  const stop = (problem: SyncError["problems"][number]): void => {
    failure ??= new SyncError(problem);
  };
  const whole: MemberSettling = { ...settling, context, stop, stopped: () => failure?.problems[0] };
  for (let from = 0; from < strays.length && !failure; from += settling.keeper.most) {
    const entries = strays.slice(from, from + settling.keeper.most).map((id) => ({ id }));
    const settled = await settleMembers("remove", kept, entries, whole);
    for (const { result } of settled.values())
      if (typeof result === "object") stop({ ...result, kind: "deferred" });
  }
  return failure;
}

/** Where the number of members was not told before, those that were read. */
async function intendedCount(
  { roster, presence, added, removed }: Kept,
  { signal }: WriteContext,
): Promise<number | undefined> {
  if (roster.count !== null) return roster.count + added - removed;
  return (await presence.everyone(signal)).size;
}

/** Reads the members in full: who is missing of those whom the state knows, and who is there against what was written. */
async function differences(
  { keeper, mode, audience, rosters, settling }: End,
  { roster, gone }: Kept,
  known: KnownRows,
  { signal }: WriteContext,
): Promise<Pick<Membership, "differences" | "listed">> {
  const members = new Set<string>();
  for await (const page of keeper.everyone(roster, signal)) for (const id of page) members.add(id);
  const listed: Membership["listed"][number][] = [];
  let count = 0;
  const tell = (one: Membership["listed"][number]): void => {
    count++;
    if (listed.length < LISTED) listed.push(one);
  };
  const record = (id: string): string => addressById(settling.table.set, id);
  const named = new Set<string>();
  // Of several lists the state does not say which one a row is in.
  const isOnly = rosters.all.size === 1 && "value" in audience.named;
  for await (const rows of known())
    for (const { key, id } of rows) {
      if (id === null) continue;
      named.add(id.toLowerCase());
      const isThere = members.has(id.toLowerCase());
      if (mode === "remove" && isThere) tell({ what: "extra", key, record: record(id) });
      else if (mode !== "remove" && isOnly && !isThere) tell({ what: "missing", key, record: record(id) });
    }
  const isWhole = mode === "mirror" && audience.scope === "all";
  for (const id of members)
    if (mode !== "remove" && ((isWhole && !named.has(id)) || (gone.has(id) && !named.has(id))))
      tell({ what: "extra", record: record(id) });
  return { differences: count, listed };
}
