/**
 * What a sync needs of the users who write it, and what of that they lack. Sources: "Security concepts in Dataverse",
 * "Use the Web API to impersonate another user", "Bypass custom business logic", "Column-level security". Pure.
 */
import type { Problem, SyncSpec } from "../../../src/sdk.ts";
import { type Attribute, isElastic, type Table } from "../table.ts";
import type { Mapping } from "./mapping.ts";

/** How far a privilege reaches: the user's own records, the business unit, those below it, the organisation. */
export type Depth = "Basic" | "Local" | "Deep" | "Global";

export interface Need {
  /** The privilege's name, as the metadata tells it. */
  readonly privilege: string;
  /** What it is needed for, as a clause: `to create contact records`. */
  readonly purpose: string;
  /** What may be done instead of granting it. */
  readonly instead?: string;
  /** `organisation`: less is as good as none; `records`: with less, some records are refused; `any`: it suffices. */
  readonly reach: "organisation" | "records" | "any";
  /** The key of the sync that asks for it. */
  readonly path: readonly string[];
}

/** A secured column and what has to be possible with it. */
export interface ColumnNeed {
  readonly attribute: Attribute;
  readonly does: readonly ("read" | "create" | "update")[];
}

/** What a user holds. */
export interface Held {
  /** Depths by privilege; absent what the user has not. */
  readonly privileges: ReadonlyMap<string, Depth | "unknown">;
  /** By the column's metadata id; null where nobody could be asked. */
  readonly columns: ReadonlyMap<string, { read: boolean; create: boolean; update: boolean }> | null;
}

export const ACT_ON_BEHALF = "prvActOnBehalfOfAnotherUser";
export const BYPASS_LOGIC = "prvBypassCustomBusinessLogic";
export const BYPASS_PLUGINS = "prvBypassCustomPlugins";

interface Doing {
  readonly creates: boolean;
  readonly updates: boolean;
  readonly deletes: boolean;
  readonly reads: boolean;
}

function doingOf({ match, rules, fields, table }: Mapping): Doing {
  const hasIfEmpty = fields.some(({ write }) => write === "if_empty");
  return {
    creates: rules.mode !== "update" && match.by !== "id",
    updates: rules.mode !== "insert",
    deletes: rules.onRemoved === "delete",
    reads: match.by === "columns" || hasIfEmpty || isElastic(table) || (rules.adopt && match.by !== "none"),
  };
}

/** The privileges that a sync needs of whoever writes it. */
export function needsOfMapping(mapping: Mapping): readonly Need[] {
  const { table, fields, options } = mapping;
  const does = doingOf(mapping);
  const needs: Need[] = [];
  const need = (
    on: Table,
    type: string,
    verb: string,
    reach: Need["reach"],
    path: readonly string[],
    more: Pick<Need, "instead"> = {},
  ): void => {
    const privilege = on.privileges[type];
    if (privilege === undefined || needs.some((known) => known.privilege === privilege)) return;
    needs.push({ privilege, purpose: `${verb} ${on.name} records`, reach, path, ...more });
  };
  if (does.reads) {
    const ifEmpty = fields.find(({ write }) => write === "if_empty")?.field;
    const isChosen = mapping.match.by === "key" && !isElastic(table);
    const instead =
      ifEmpty === undefined ? "say adopt: false" : "say adopt: false and take write: if_empty out";
    need(table, "Read", "to see all", "organisation", ifEmpty ? ["fields", ifEmpty] : ["object"], {
      ...(isChosen ? { instead } : {}),
    });
  }
  if (does.creates) need(table, "Create", "to create", "any", ["mode"]);
  if (does.updates) need(table, "Write", "to change", "records", ["mode"]);
  if (does.deletes) need(table, "Delete", "to delete", "records", ["on_removed"]);
  for (const field of fields) {
    if (field.kind !== "lookup") continue;
    const path = ["fields", field.field];
    const isOwner = table.attributes.get(field.field)?.type === "Owner";
    for (const { table: parent } of field.parents) {
      need(parent, "Read", "to find all", "organisation", path);
      if (!isOwner) need(parent, "AppendTo", "to point at", "records", path);
    }
    need(
      table,
      isOwner ? "Assign" : "Append",
      isOwner ? "to give owners to" : "to set lookups of",
      "records",
      path,
    );
  }
  const option = (privilege: string, purpose: string, key: string) =>
    needs.push({ privilege, purpose, reach: "any", path: ["options", key] });
  if (options.bypassLogic.length > 0)
    option(BYPASS_LOGIC, "for bypass_logic, to keep custom business logic from running", "bypass_logic");
  if (options.bypassPlugins)
    option(BYPASS_PLUGINS, "for bypass_plugins, to keep synchronous plug-ins from running", "bypass_plugins");
  return needs;
}

/** The secured columns that a sync touches. */
export function columnNeedsOf(mapping: Mapping): readonly ColumnNeed[] {
  const { creates, updates, reads } = doingOf(mapping);
  const names = new Set([...mapping.match.parts, ...mapping.fields].map(({ field }) => field));
  return [...names].flatMap((name) => {
    const attribute = mapping.table.attributes.get(name);
    if (!attribute?.secured) return [];
    const does = [
      ...(reads && attribute.readable ? (["read"] as const) : []),
      ...(creates && attribute.creatable ? (["create"] as const) : []),
      ...(updates && attribute.updatable ? (["update"] as const) : []),
    ];
    return [{ attribute, does }];
  });
}

export interface Lacking {
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
}

/** What one user lacks. */
export function lackingOf(
  needs: readonly Need[],
  columns: readonly ColumnNeed[],
  held: Held,
  who: string,
  sync: SyncSpec,
): Lacking {
  const problems: Problem[] = [];
  const warnings: string[] = [];
  const lacks = (path: readonly string[], code: string, message: string, remedy: string, field?: string) =>
    problems.push({
      kind: "connection",
      code,
      message,
      remedy,
      place: sync.place(...path),
      ...(field === undefined ? {} : { field }),
    });
  for (const { privilege, purpose, reach, path, instead } of needs) {
    const depth = held.privileges.get(privilege);
    const otherwise = instead === undefined ? "" : `, or ${instead}`;
    if (depth === undefined || (reach === "organisation" && depth !== "Global" && depth !== "unknown")) {
      const isShort = depth !== undefined;
      lacks(
        path,
        "dataverse.missing_privilege",
        isShort
          ? `${who} has the privilege ${privilege} (${purpose}) for a part of the organisation alone (${depth}).`
          : `${who} lacks the privilege ${privilege}, which it needs ${purpose}.`,
        `Give one of its security roles ${privilege}${reach === "organisation" ? " for the whole organisation" : ""}${otherwise}.`,
      );
    } else if (reach === "records" && depth !== "Global" && depth !== "unknown") {
      warnings.push(
        `${who} has the privilege ${privilege} (${purpose}) for a part of the organisation alone (${depth}): other records are refused.`,
      );
    }
  }
  for (const { attribute, does } of columns) {
    if (held.columns === null) continue;
    const may = held.columns.get(attribute.metadataId);
    const missing = does.filter((what) => may?.[what] !== true);
    if (missing.length === 0) continue;
    lacks(
      ["fields", attribute.name],
      "dataverse.secured_column",
      `${who} may not ${missing.join(" or ")} the secured column '${attribute.name}'.`,
      `Add it to a column security profile that allows to ${missing.join(" and ")} it, or take the field out.`,
      attribute.name,
    );
  }
  return { problems, warnings };
}
