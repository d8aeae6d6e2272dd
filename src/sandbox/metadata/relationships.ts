import { derivedId } from "../guid.ts";
import type { AlternateKey, Schema, Table } from "../schema.ts";
import type { Column, ManyToMany, Relationship } from "../tables/column.ts";
import { type Document, label, managed } from "./labels.ts";

const EMPTY_ID = "00000000-0000-0000-0000-000000000000";
const KEEP = "NoCascade";
/** These are the service's own: a row's people and its unit. */
const SYSTEM_TARGETS = new Set(["systemuser", "businessunit", "owner", "team"]);

const menu = (seed: string, behavior: string): Document => ({
  Behavior: behavior,
  Group: "Details",
  Order: behavior === "DoNotDisplay" ? null : 10_000,
  IsCustomizable: behavior !== "DoNotDisplay",
  Icon: null,
  ViewId: EMPTY_ID,
  AvailableOffline: true,
  MenuId: null,
  QueryApi: null,
  Label: label(seed, null),
});

/** A lookup and its far end (page: web-api-navigation-properties). */
export function relationshipDocument(
  schema: Schema,
  table: Table,
  column: Column,
  relationship: Relationship,
): Document {
  const target = schema.tables.get(relationship.target);
  const seed = `relationship:${relationship.schemaName}:${table.logicalName}`;
  const own = SYSTEM_TARGETS.has(relationship.target);
  return {
    ReferencedAttribute: target?.primaryId ?? `${relationship.target}id`,
    ReferencedEntity: relationship.target,
    ReferencingAttribute: column.logicalName,
    ReferencingEntity: table.logicalName,
    IsHierarchical: false,
    EntityKey: null,
    IsRelationshipAttributeDenormalized: false,
    ReferencedEntityNavigationPropertyName: relationship.referencedNavigation,
    ReferencingEntityNavigationPropertyName: relationship.navigation,
    RelationshipBehavior: own ? 0 : 1,
    IsDenormalizedLookup: null,
    DenormalizedAttributeName: null,
    IsCustomRelationship: column.custom,
    IsValidForAdvancedFind: true,
    SchemaName: relationship.schemaName,
    SecurityTypes: own ? "None" : "Append",
    IsManaged: !column.custom,
    RelationshipType: "OneToManyRelationship",
    IntroducedVersion: column.custom ? "1.0.0.0" : "5.0.0.0",
    MetadataId: derivedId(seed),
    HasChanged: null,
    AssociatedMenuConfiguration: menu(seed, own ? "DoNotDisplay" : "UseCollectionName"),
    CascadeConfiguration: {
      Assign: KEEP,
      Delete: relationship.onDelete ?? (own ? KEEP : "RemoveLink"),
      Archive: KEEP,
      Merge: KEEP,
      Reparent: KEEP,
      Share: KEEP,
      Unshare: KEEP,
      RollupView: KEEP,
    },
    RelationshipAttributes: [],
    IsCustomizable: managed(true, false, "iscustomizable"),
  };
}

/** A many-to-many relationship; both tables show the same document. */
export function manyToManyDocument(link: ManyToMany): Document {
  const seed = `relationship:${link.schemaName}`;
  const custom = link.schemaName.startsWith("new_");
  return {
    Entity1LogicalName: link.entity1,
    Entity2LogicalName: link.entity2,
    IntersectEntityName: link.intersect,
    Entity1IntersectAttribute: link.attribute1,
    Entity2IntersectAttribute: link.attribute2,
    Entity1NavigationPropertyName: link.navigation1,
    Entity2NavigationPropertyName: link.navigation2,
    IsCustomRelationship: custom,
    IsValidForAdvancedFind: true,
    SchemaName: link.schemaName,
    SecurityTypes: "None",
    IsManaged: !custom,
    RelationshipType: "ManyToManyRelationship",
    IntroducedVersion: custom ? "1.0.0.0" : "5.0.0.0",
    MetadataId: derivedId(seed),
    HasChanged: null,
    Entity1AssociatedMenuConfiguration: menu(`${seed}:1`, "UseCollectionName"),
    Entity2AssociatedMenuConfiguration: menu(`${seed}:2`, "UseCollectionName"),
    IsCustomizable: managed(true, false, "iscustomizable"),
  };
}

/** An alternate key and the state of its index (page: define-alternate-keys-entity). */
export function keyDocument(table: Table, key: AlternateKey): Document {
  const seed = `key:${table.logicalName}.${key.logicalName}`;
  return {
    KeyAttributes: key.columns,
    LogicalName: key.logicalName,
    SchemaName: key.schemaName,
    EntityLogicalName: table.logicalName,
    EntityKeyIndexStatus: key.status,
    IsManaged: false,
    IntroducedVersion: "1.0.0.0",
    IsSynchronous: false,
    IsExportKey: false,
    IsSecondaryKey: false,
    MetadataId: derivedId(seed),
    HasChanged: null,
    DisplayName: label(seed, key.label),
    IsCustomizable: managed(true, true, "iscustomizable"),
  };
}
