import { type Reply, withBody } from "../api.ts";
import { querySyntax } from "../errors.ts";
import { valuesIn } from "../filter.ts";
import { identify, requireRow } from "../keys.ts";
import { tokenize } from "../lexer.ts";
import type { Asked } from "../rows.ts";
import type { Segment } from "../url.ts";
import { accessOf } from "./access.ts";
import { MISCELLANEOUS, privilegeId, privilegeName, RIGHTS } from "./roles.ts";

/** The names that a request lists: `(PrivilegeNames=@p)?@p=["prvReadAccount"]`. */
function namesIn({ target }: Asked, { key }: Segment): readonly string[] {
  const token = key.kind === "named" && key.parts[0]?.[0] === "PrivilegeNames" ? key.parts[0][1] : undefined;
  if (token?.kind !== "alias") throw querySyntax();
  const given = target.query.get(token.text) ?? "";
  return valuesIn(given, tokenize(given), 0).values;
}

/** Pages: RetrieveUserPrivileges, RetrieveUserSetOfPrivilegesByNames. All roles reach over the whole organisation. */
export function retrieveUserPrivileges(asked: Asked, key: Segment, message: Segment): Reply {
  const { world, call, table } = asked;
  const user = requireRow(world, table, identify(world, table, key.key));
  const access = accessOf(world, { table: table.logicalName, id: user.id });
  const isChosen = message.name.endsWith("ByNames");
  const chosen = new Set(isChosen ? namesIn(asked, message) : []);
  const names = [...world.schema.tables.values()].flatMap((on) =>
    RIGHTS.filter((right) => access === undefined || access.allows(right, on)).map((right) =>
      privilegeName(right, on),
    ),
  );
  names.push(...MISCELLANEOUS.filter((name) => access === undefined || access.has(name)));
  const body = {
    "@odata.context": `${call.session.root}$metadata#${message.name}Response`,
    RolePrivileges: names
      .filter((name) => !isChosen || chosen.has(name))
      .map((name) => ({
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

/** Page: RetrievePrincipalAttributePrivileges function; a system administrator may do everything. */
export function retrieveAttributePrivileges(asked: Asked, key: Segment, message: Segment): Reply {
  const { world, call, table } = asked;
  const user = requireRow(world, table, identify(world, table, key.key));
  const access = accessOf(world, { table: table.logicalName, id: user.id });
  const may = (what: "read" | "create" | "update", name: string): number =>
    access === undefined || access.opens(what, name) ? ALLOWED : 0;
  const AttributePrivileges = [...world.security.secured].map((name) => {
    const [on = "", column = ""] = name.split(".");
    return {
      AttributeId: world.metadata
        .definitions()
        .table(on)
        ?.attributes.find((one) => one.column.logicalName === column)?.document.MetadataId,
      CanCreate: may("create", name),
      CanRead: may("read", name),
      CanUpdate: may("update", name),
    };
  });
  const context = `${call.session.root}$metadata#${message.name}Response`;
  return withBody(200, JSON.stringify({ "@odata.context": context, AttributePrivileges }));
}

/** "Field permission" options: 0 not allowed, 4 allowed. */
const ALLOWED = 4;
