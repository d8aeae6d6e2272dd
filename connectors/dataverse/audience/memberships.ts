/** Rows of `listmember`: who is in a list, and under which id ("List member (ListMember) table/entity reference"). */
import type { Json, Service } from "../service.ts";
import { chunked, encode, SERVICE_ROOT } from "../url.ts";
import type { Roster } from "./roster.ts";

/** Members in the filter of one query. */
const MOST_TERMS = 150;
const LONGEST_FILTER = 11_000;

/** A member's id in its `listmember` row. */
export const memberOf = (row: Json): string => String(row._entityid_value).toLowerCase();

/** The `listmember` rows of members of a list, by the members' ids. */
export async function memberships(
  service: Service,
  { id }: Pick<Roster, "id">,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const head = `${SERVICE_ROOT}listmembers?$select=listmemberid,_entityid_value&$filter=_listid_value%20eq%20${id}%20and%20(`;
  const terms = ids.map((member) => `_entityid_value%20eq%20${encode(member)}`);
  const paths = chunked(terms, "%20or%20", LONGEST_FILTER, MOST_TERMS).map((list) => `${head}${list})`);
  const rows = await service.queries(paths, signal);
  return new Map(rows.map((row) => [memberOf(row), String(row.listmemberid).toLowerCase()]));
}
