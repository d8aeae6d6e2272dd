import { type Reply, withBody } from "../api.ts";
import { identify, requireRow } from "../keys.ts";
import type { Asked } from "../rows.ts";
import type { Segment } from "../url.ts";
import { accessOf } from "./access.ts";
import { MISCELLANEOUS, privilegeId, privilegeName, RIGHTS } from "./roles.ts";

/** Page: RetrieveUserPrivileges function. All roles here reach over the whole organisation. */
export function retrieveUserPrivileges(asked: Asked, key: Segment): Reply {
  const { world, call, table } = asked;
  const user = requireRow(world, table, identify(world, table, key.key));
  const access = accessOf(world, { table: table.logicalName, id: user.id });
  const names = [...world.schema.tables.values()].flatMap((on) =>
    RIGHTS.filter((right) => access === undefined || access.allows(right, on)).map((right) =>
      privilegeName(right, on),
    ),
  );
  names.push(...MISCELLANEOUS.filter((name) => access === undefined || access.has(name)));
  const body = {
    "@odata.context": `${call.session.root}$metadata#Microsoft.Dynamics.CRM.RetrieveUserPrivilegesResponse`,
    RolePrivileges: names.map((name) => ({
      Depth: "Global",
      PrivilegeId: privilegeId(name),
      BusinessUnitId: world.organization.businessUnit.id,
      PrivilegeName: name,
      RecordFilterId: "00000000-0000-0000-0000-000000000000",
      RecordFilterUniqueName: "",
    })),
  };
  return withBody(200, JSON.stringify(body));
}
