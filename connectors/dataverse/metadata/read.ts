/** How the replies about a table become a `Table`. Source: "Column definitions". Pure. */
import type { Json } from "../sender/service.ts";
import type { Attribute, Key, Navigation, Table } from "../table.ts";
import { labelOf, list } from "./labels.ts";
import { MESSAGES } from "./paths.ts";
import { type ShapeOptions, shapeOf } from "./shape.ts";

/**
 * Makes a table of the replies to `tablePaths`. A cast that answered nothing leaves its columns unlimited: the
 * service then says what is wrong with a value.
 */
export function tableOf(replies: readonly Json[]): Table {
  const [entity, attributes] = replies;
  const messages = replies.slice(2, 2 + MESSAGES.length);
  const casts = replies.slice(2 + MESSAGES.length);
  const rights = replies.at(-1);
  const offers = (message: (typeof MESSAGES)[number]): boolean =>
    list(messages[MESSAGES.indexOf(message)]?.value).length > 0;
  const details = new Map<string, Json>();
  for (const cast of casts) {
    for (const item of list(cast?.value)) details.set(String(item.LogicalName), item);
  }
  const navigations = navigationsOf(entity);
  const transitions = entity.EnforceStateTransitions === true;
  const found = new Map<string, Attribute>();
  for (const item of list(attributes?.value)) {
    const name = String(item.LogicalName);
    const own = navigations.filter(({ field }) => field === name);
    found.set(name, attributeOf(item, details.get(name) ?? {}, { own, transitions }));
  }
  return {
    name: String(entity.LogicalName),
    displayName: labelOf(entity.DisplayName) || String(entity.LogicalName),
    set: String(entity.EntitySetName),
    primaryId: String(entity.PrimaryIdAttribute),
    primaryName: entity.PrimaryNameAttribute ?? null,
    attributes: found,
    keys: list(entity.Keys).map(keyOf),
    navigations: [...navigations, ...ownerNavigations(found)],
    bulk: { create: offers("CreateMultiple"), update: offers("UpdateMultiple") },
    kind: kindOf(entity, rights),
    takes: takesOf(offers),
    privileges: Object.fromEntries(
      list(rights?.Privileges).map((item) => [String(item.PrivilegeType), String(item.Name)]),
    ),
  };
}

/** "Elastic tables", "Get started with virtual tables": a data provider keeps the rows of a virtual one. */
function kindOf(entity: Json, rights: Json): Table["kind"] {
  if (entity.TableType === "Elastic") return "elastic";
  return entity.TableType === "Virtual" || rights?.DataProviderId ? "virtual" : "standard";
}

/** Who does not even list how a row is read does not tell messages by table: then nothing is known. */
function takesOf(offers: (message: (typeof MESSAGES)[number]) => boolean): Table["takes"] {
  const isUnknown = !offers("Retrieve");
  return {
    create: isUnknown || offers("Create"),
    update: isUnknown || offers("Update"),
    delete: isUnknown || offers("Delete"),
  };
}

function keyOf(item: Json): Key {
  return {
    name: String(item.LogicalName),
    fields: list(item.KeyAttributes).map(String),
    status: String(item.EntityKeyIndexStatus),
  };
}

function navigationsOf(entity: Json): Navigation[] {
  return list(entity.ManyToOneRelationships).map((item) => ({
    field: String(item.ReferencingAttribute),
    target: String(item.ReferencedEntity),
    property: String(item.ReferencingEntityNavigationPropertyName),
  }));
}

/** `ownerid` is bound to users and teams directly ("Associate and disassociate table rows"). */
function ownerNavigations(attributes: ReadonlyMap<string, Attribute>): Navigation[] {
  return [...attributes.values()].flatMap(({ name, type, shape }) =>
    type === "Owner" && shape.kind === "lookup"
      ? shape.targets.map((target) => ({ field: name, target, property: name }))
      : [],
  );
}

function attributeOf(item: Json, detail: Json, options: ShapeOptions): Attribute {
  const name = String(item.LogicalName);
  const type = String(item.AttributeTypeName?.Value ?? item.AttributeType ?? "").replace(/Type$/, "");
  // An image belongs to the column of its id by name alone: the image is what is written ("Image columns").
  const of = type === "Image" ? null : (item.AttributeOf ?? null);
  const own = of === null && item.IsValidODataAttribute !== false;
  // Parties travel with a new activity under a name of their own, and never later ("Activity parties").
  const isParties = type === "PartyList";
  const isSecondary = type === "Image" && detail.IsPrimaryImage === false;
  return {
    name,
    displayName: labelOf(item.DisplayName) || name,
    metadataId: String(item.MetadataId ?? "").toLowerCase(),
    type,
    shape: shapeOf(type, detail, options),
    required: REQUIRED[String(item.RequiredLevel?.Value)] ?? "none",
    creatable: (own || isParties) && item.IsValidForCreate === true && !isSecondary,
    // The row cannot bring a file, which is why its definition says that it takes none.
    updatable: (own && !isParties && item.IsValidForUpdate === true) || type === "File",
    readable: item.IsValidForRead !== false,
    secured: item.IsSecured === true,
    of,
    hasDefault: hasDefault(type, detail),
  };
}

const REQUIRED: Readonly<Record<string, Attribute["required"]>> = {
  Recommended: "recommended",
  ApplicationRequired: "application",
  SystemRequired: "system",
};

/** Owner, state and status are filled in by the platform, a yes-no column by its default. */
function hasDefault(type: string, detail: Json): boolean {
  if (type === "Picklist")
    return typeof detail.DefaultFormValue === "number" && detail.DefaultFormValue !== -1;
  return ["Owner", "State", "Status", "Boolean", "Uniqueidentifier", "EntityName"].includes(type);
}
