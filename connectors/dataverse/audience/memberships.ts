/** Rows of `listmember`: who is in a list, and under which id ("List member (ListMember) table/entity reference"). */
import type { Json, Service } from "../sender/service.ts";
import { LONGEST_PATH, MEMBER_PROPERTY, MOST_IN_VALUES } from "../unverified.ts";
import { chunked, encode, SERVICE_ROOT } from "../url.ts";
import type { Roster } from "./roster.ts";

/** A member's id in its `listmember` row. */
export const memberOf = (row: Json): string => String(row._entityid_value).toLowerCase();

/** The `listmember` rows of members of a list, by the members' ids. */
export async function memberships(
  service: Service,
  { id }: Pick<Roster, "id">,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const head =
    `${SERVICE_ROOT}listmembers?$select=listmemberid,_entityid_value&$filter=_listid_value%20eq%20${id}%20and%20` +
    `Microsoft.Dynamics.CRM.In(PropertyName=@p1,PropertyValues=@p2)&@p1='${MEMBER_PROPERTY}'&@p2=[`;
  const values = ids.map((member) => encode(JSON.stringify(member)));
  const paths = chunked(values, ",", LONGEST_PATH - head.length - 1, MOST_IN_VALUES).map(
    (list) => `${head}${list}]`,
  );
  const rows = await service.queries(paths, signal);
  return new Map(rows.map((row) => [memberOf(row), String(row.listmemberid).toLowerCase()]));
}
