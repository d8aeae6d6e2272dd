import { derivedId } from "../guid.ts";
import type { Table } from "../schema.ts";
import { type Document, label, managed } from "./labels.ts";

/** Settings that a solution may lock, as an ordinary table has them: value, changeable, name of the lock. */
const SETTINGS: Readonly<Record<string, readonly [value: boolean, changeable: boolean, name: string]>> = {
  IsAuditEnabled: [false, true, "canmodifyauditsettings"],
  IsValidForQueue: [false, true, "canmodifyqueuesettings"],
  IsConnectionsEnabled: [true, true, "canmodifyconnectionsettings"],
  IsCustomizable: [true, false, "iscustomizable"],
  IsRenameable: [true, false, "isrenameable"],
  IsMappable: [true, false, "ismappable"],
  IsDuplicateDetectionEnabled: [true, true, "canmodifyduplicatedetectionsettings"],
  CanCreateAttributes: [true, false, "cancreateattributes"],
  CanCreateForms: [true, false, "cancreateforms"],
  CanCreateViews: [true, false, "cancreateviews"],
  CanCreateCharts: [true, false, "cancreatecharts"],
  CanBeRelatedEntityInRelationship: [true, false, "canberelatedentityinrelationship"],
  CanBePrimaryEntityInRelationship: [true, false, "canbeprimaryentityinrelationship"],
  CanBeInManyToMany: [true, false, "canbeinmanytomany"],
  CanBeInCustomEntityAssociation: [true, false, "canbeincustomentityassociation"],
  CanEnableSyncToExternalSearchIndex: [true, true, "canenablesynctoexternalsearchindex"],
  CanModifyAdditionalSettings: [true, true, "canmodifyadditionalsettings"],
  CanChangeHierarchicalRelationship: [true, true, "canchangehierarchicalrelationship"],
  CanChangeTrackingBeEnabled: [true, true, "canchangetrackingbeenabled"],
  IsMailMergeEnabled: [true, true, "canmodifymailmergesettings"],
  IsVisibleInMobile: [true, true, "canmodifymobilevisibility"],
  IsVisibleInMobileClient: [true, true, "canmodifymobileclientvisibility"],
  IsReadOnlyInMobileClient: [false, true, "canmodifymobileclientreadonly"],
  IsOfflineInMobileClient: [true, true, "canmodifymobileclientoffline"],
};

/** System tables may not take columns of a maker; intersect tables neither. */
const CLOSED = new Set(["sdkmessage", "sdkmessagefilter", "listmember"]);

const privilege = (table: Table, type: string): Document => ({
  CanBeBasic: table.ownership === "UserOwned",
  CanBeDeep: table.ownership !== "OrganizationOwned",
  CanBeGlobal: true,
  CanBeLocal: table.ownership !== "OrganizationOwned",
  CanBeEntityReference: false,
  CanBeParentEntityReference: false,
  CanBeRecordFilter: false,
  Name: `prv${type}${table.schemaName}`,
  PrivilegeId: derivedId(`privilege:${type}:${table.logicalName}`),
  PrivilegeType: type,
});

const PRIVILEGES = ["Create", "Read", "Write", "Delete", "Assign", "Share", "Append", "AppendTo"];

/** How rows are kept (page: elastic-tables; the strings beside `Standard` are unverified). */
export const tableType = (table: Table): string =>
  table.elastic
    ? "Elastic"
    : table.dataProvider !== undefined
      ? "Virtual"
      : table.activity
        ? "Activity"
        : "Standard";

/** The definition of a table without its parts (page: query-metadata-web-api; properties as captured). */
export function entityDocument(table: Table): Document {
  const seed = `entity:${table.logicalName}`;
  const image = [...table.columns.values()].find((column) => column.type === "image");
  const isClosed = CLOSED.has(table.logicalName) || table.intersect === true;
  const settings = Object.entries(SETTINGS).map(([property, [value, changeable, name]]) => [
    property,
    managed(value && !(property === "CanCreateAttributes" && isClosed), changeable, name),
  ]);
  return {
    ActivityTypeMask: table.activity ? 1 : 0,
    AutoRouteToOwnerQueue: false,
    CanTriggerWorkflow: true,
    EntityHelpUrlEnabled: false,
    EntityHelpUrl: null,
    IsDocumentManagementEnabled: false,
    IsOneNoteIntegrationEnabled: false,
    IsInteractionCentricEnabled: false,
    IsKnowledgeManagementEnabled: false,
    IsSLAEnabled: false,
    IsBPFEntity: false,
    IsDocumentRecommendationsEnabled: false,
    IsMSTeamsIntegrationEnabled: false,
    SettingOf: null,
    DataProviderId: table.dataProvider ?? null,
    DataSourceId: null,
    AutoCreateAccessTeams: false,
    IsActivity: table.activity === true,
    IsActivityParty: ["account", "contact", "lead", "systemuser", "team"].includes(table.logicalName),
    IsRetrieveAuditEnabled: false,
    IsRetrieveMultipleAuditEnabled: false,
    IsArchivalEnabled: false,
    IsRetentionEnabled: false,
    IsAvailableOffline: true,
    IsChildEntity: false,
    IsAIRUpdated: true,
    IconLargeName: null,
    IconMediumName: null,
    IconSmallName: null,
    IconVectorName: null,
    IsCustomEntity: table.custom,
    IsBusinessProcessEnabled: false,
    SyncToExternalSearchIndex: false,
    IsOptimisticConcurrencyEnabled: table.dataProvider === undefined,
    ChangeTrackingEnabled: table.changeTracking,
    IsImportable: true,
    IsIntersect: table.intersect === true,
    IsManaged: !table.custom,
    IsEnabledForCharts: true,
    IsEnabledForTrace: false,
    IsValidForAdvancedFind: true,
    DaysSinceRecordLastModified: 0,
    MobileOfflineFilters: null,
    IsReadingPaneEnabled: true,
    IsQuickCreateEnabled: false,
    LogicalName: table.logicalName,
    ObjectTypeCode: table.code,
    OwnershipType: table.ownership,
    PrimaryNameAttribute: table.primaryName,
    PrimaryImageAttribute: image?.logicalName ?? null,
    PrimaryIdAttribute: table.primaryId,
    RecurrenceBaseEntityLogicalName: null,
    ReportViewName: `Filtered${table.schemaName}`,
    SchemaName: table.schemaName,
    IntroducedVersion: table.custom ? "1.0.0.0" : "5.0.0.0",
    IsStateModelAware: table.state !== undefined,
    EnforceStateTransitions: table.enforceTransitions === true,
    ExternalName: table.dataProvider === undefined ? null : table.logicalName,
    EntityColor: null,
    LogicalCollectionName: table.set,
    ExternalCollectionName: table.dataProvider === undefined ? null : table.set,
    CollectionSchemaName: `${table.schemaName}s`,
    EntitySetName: table.set,
    IsEnabledForExternalChannels: false,
    IsPrivate: table.logicalName.startsWith("sdk"),
    UsesBusinessDataLabelTable: false,
    IsLogicalEntity: false,
    HasNotes: false,
    HasActivities: false,
    HasFeedback: false,
    IsSolutionAware: false,
    CreatedOn: "1900-01-01T00:00:00Z",
    ModifiedOn: "2024-01-01T00:00:00Z",
    HasEmailAddresses: [...table.columns.values()].some((column) => column.format === "Email"),
    OwnerId: null,
    OwnerIdType: 8,
    OwningBusinessUnit: null,
    TableType: tableType(table),
    MetadataId: derivedId(seed),
    HasChanged: null,
    Description: label(`${seed}:description`, null),
    DisplayCollectionName: label(`${seed}:collection`, table.pluralLabel),
    DisplayName: label(seed, table.label),
    ...Object.fromEntries(settings),
    Privileges: PRIVILEGES.map((type) => privilege(table, type)),
    Settings: [],
  };
}
