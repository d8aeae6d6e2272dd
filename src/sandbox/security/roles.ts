import { derivedId } from "../guid.ts";
import type { Table } from "../schema.ts";

/** What a principal may do with a table (page: security-concepts, "Privileges"). */
export const RIGHTS = ["create", "read", "write", "delete", "append", "appendTo", "assign", "share"] as const;
export type Right = (typeof RIGHTS)[number];

/**
 * A security role at the depth of the organisation. It grants what it names and nothing else; a user has the sum of
 * all his roles.
 */
export interface SandboxRole {
  readonly name: string;
  /** Rights by table; `*` stands for every table that is not named. */
  readonly tables?: Readonly<Record<string, readonly Right[] | "all">>;
  /** Privileges that belong to no table, such as `prvActOnBehalfOfAnotherUser` or `prvBypassCustomPlugins`. */
  readonly privileges?: readonly string[];
}

/** The role that may do everything; who is told nothing else has it. */
export const SYSTEM_ADMINISTRATOR = "System Administrator";

/** Page: impersonate-another-user-web-api; bypass-custom-business-logic. */
export const ACT_ON_BEHALF = "prvActOnBehalfOfAnotherUser";
export const BYPASS_LOGIC = "prvBypassCustomBusinessLogic";
export const BYPASS_PLUGINS = "prvBypassCustomPlugins";
export const MISCELLANEOUS = [ACT_ON_BEHALF, BYPASS_LOGIC, BYPASS_PLUGINS, "prvBulkDelete"] as const;

export const rightsOn = (role: SandboxRole, table: string): readonly Right[] => {
  const granted = role.tables?.[table] ?? role.tables?.["*"] ?? [];
  return granted === "all" ? RIGHTS : granted;
};

/** `prvCreateAccount`: the verb and the table's schema name (page: security-concepts). */
export function privilegeName(right: Right, { schemaName, loaded }: Table): string {
  const type = `${right[0]!.toUpperCase()}${right.slice(1)}`;
  // A definition that was loaded may name them otherwise: prvReadUser is a user's.
  const told = loaded?.entity.Privileges as
    | readonly { PrivilegeType?: unknown; Name?: unknown }[]
    | undefined;
  const name = told?.find((one) => one.PrivilegeType === type)?.Name;
  return typeof name === "string" ? name : `prv${type}${schemaName}`;
}

export const privilegeId = (name: string): string => derivedId(`privilege:${name.toLowerCase()}`);
export const roleId = (name: string): string => derivedId(`role:${name}`);
