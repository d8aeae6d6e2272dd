/**
 * How members leave a marketing list. The body of `RemoveMemberList` is not documented for the Web API: the signature
 * in `$metadata` says which of the known forms may be, the first removal of a run says which one is, by what is in the
 * list afterwards. The one that worked is remembered for the organisation, and proven again in every run.
 */
import type { Problem, WriteContext } from "../../../src/sdk.ts";
import type { BatchPart } from "../sender/batch.ts";
import type { Sender } from "../sender/sender.ts";
import type { Service } from "../sender/service.ts";
import { REMOVAL_FORMS } from "../unverified.ts";
import { pathOf, SERVICE_ROOT } from "../url.ts";
import { isBulkDone } from "../write/bodies.ts";
import { isOfList } from "./closing.ts";
import { memberships } from "./memberships.ts";
import type { Keeper, Roster } from "./roster.ts";
import { parametersOf } from "./signatures.ts";

export type RemovalForm = (typeof REMOVAL_FORMS)[number];

/** The form that worked in this organisation; it may be forgotten at any time. */
export interface RemovalMemory {
  read(): Promise<string | undefined>;
  write(form: RemovalForm): Promise<void>;
}

interface Options {
  readonly service: Service;
  readonly sender: Sender;
  readonly memory: RemovalMemory;
}

/** A removal as a request. @param row id of the `listmember` row */
function request(form: RemovalForm, { address }: Roster, id: string, row: string): BatchPart {
  if (form === "delete") return { method: "DELETE", path: `${SERVICE_ROOT}listmembers(${row})` };
  const body =
    form === "entity" ? { EntityId: id } : { ListMember: { listmemberid: form === "row" ? row : id } };
  const path = `${pathOf(address)}/Microsoft.Dynamics.CRM.RemoveMemberList`;
  return { method: "POST", path, body: JSON.stringify(body) };
}

export function openRemoval({ service, sender, memory }: Options): Keeper["removal"] {
  let proven: Promise<RemovalForm | Problem> | undefined;

  /** Removes one member in each form until the list is without it. */
  const prove = async (
    roster: Roster,
    [id, row]: readonly [string, string],
    context: WriteContext,
  ): Promise<RemovalForm | Problem> => {
    let last: Problem | undefined;
    for (const form of await candidates(context.signal)) {
      const { method, path, body = "" } = request(form, roster, id, row);
      const sent = await sender.send(
        { method: method as "POST" | "DELETE", path, body, accepts: isBulkDone },
        context,
      );
      if (sent.kind === "refused") {
        last = sent.problem;
        if (isOfList(last)) return last;
        if (sent.fault !== "row" && sent.fault !== "everyone") return sent.problem;
        if (context.signal.aborted) return sent.problem;
      }
      const left = await memberships(service, roster, [id], context.signal);
      if (!left.has(id)) {
        await memory.write(form);
        return form;
      }
    }
    return {
      kind: "connection",
      code: "audience.no_removal",
      message: `No known way to take a member off the list "${roster.title}" works in this organisation${last ? `: ${last.message}` : "."}`,
      remedy: "Give the application user a role that may write lists and delete their members.",
    };
  };

  /** The remembered form first, and then the others; without one, those that the action's signature allows. */
  const candidates = async (signal: AbortSignal): Promise<readonly RemovalForm[]> => {
    const kept = await memory.read();
    const first = REMOVAL_FORMS.find((form) => form === kept);
    if (first !== undefined) return [first, ...REMOVAL_FORMS.filter((form) => form !== first)];
    const parameters = await parametersOf(service, "RemoveMemberList", signal);
    const needs = { member: "ListMember", row: "ListMember", entity: "EntityId" };
    return REMOVAL_FORMS.filter((form) => form === "delete" || parameters?.includes(needs[form]) === true);
  };

  return async (roster, ids, context) => {
    const rows = await memberships(service, roster, ids, context.signal);
    const present = new Set(rows.keys());
    const [first] = rows;
    if (first === undefined) return { present };
    for (;;) {
      // Whoever comes meanwhile waits for the proof.
      const isFirst = proven === undefined;
      proven ??= prove(roster, first, context);
      const proof = proven;
      const form = await proof;
      if (typeof form === "string") {
        const part = (id: string): BatchPart => request(form, roster, id, rows.get(id) ?? "");
        return { present, part, ...(isFirst ? { gone: first[0] } : {}) };
      }
      // A list that is locked proves nothing: the next one shows which form works.
      if (!isOfList(form)) return form;
      if (proven === proof) proven = undefined;
      if (isFirst) return form;
    }
  };
}
