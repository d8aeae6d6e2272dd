/**
 * The actions and functions of the service: one table that `$metadata` prints and the router reads. A type is `Edm.…`,
 * the logical name of a table, or the name of a type below; `[]` at its end makes it a collection.
 */

export interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly nullable?: boolean;
}

export interface Signature {
  readonly name: string;
  readonly kind: "action" | "function";
  /** A table's row or its set (`list[]`); the words in braces stand for every table of that sort. */
  readonly boundTo?: string;
  readonly parameters: readonly Parameter[];
  /** Nothing for an action that answers 204. */
  readonly returns?: string;
}

export interface ComplexType {
  readonly name: string;
  readonly properties: readonly Parameter[];
}

export interface EnumType {
  readonly name: string;
  readonly flags?: boolean;
  readonly members: Readonly<Record<string, number>>;
}

const required = (name: string, type: string): Parameter => ({ name, type, nullable: false });
const optional = (name: string, type: string): Parameter => ({ name, type });

/** Bound to the set of every table that offers bulk messages; elastic tables alone offer DeleteMultiple (page: bulk-operations). */
export const BULK_TABLES = "{bulk}[]";
export const ELASTIC_TABLES = "{elastic}[]";

const targets = [required("Targets", "crmbaseentity[]")];
const members = [
  required("SegmentId", "Edm.String"),
  required("GroupId", "Edm.String"),
  required("EntityIds", "Edm.String[]"),
];

export const SIGNATURES: readonly Signature[] = [
  { name: "WhoAmI", kind: "function", parameters: [], returns: "WhoAmIResponse" },
  {
    name: "RetrieveTotalRecordCount",
    kind: "function",
    parameters: [required("EntityNames", "Edm.String[]")],
    returns: "RetrieveTotalRecordCountResponse",
  },
  // Page: query-schema-definitions.
  {
    name: "RetrieveMetadataChanges",
    kind: "function",
    parameters: [
      optional("Query", "EntityQueryExpression"),
      optional("DeletedMetadataFilters", "DeletedMetadataFilters"),
      optional("ClientVersionStamp", "Edm.String"),
      optional("AppModuleId", "Edm.Guid"),
      optional("RetrieveAllSettings", "Edm.Boolean"),
    ],
    returns: "RetrieveMetadataChangesResponse",
  },
  // Page: bulk-operations.
  {
    name: "CreateMultiple",
    kind: "action",
    boundTo: BULK_TABLES,
    parameters: targets,
    returns: "CreateMultipleResponse",
  },
  { name: "UpdateMultiple", kind: "action", boundTo: BULK_TABLES, parameters: targets },
  { name: "UpsertMultiple", kind: "action", boundTo: BULK_TABLES, parameters: targets },
  { name: "DeleteMultiple", kind: "action", boundTo: ELASTIC_TABLES, parameters: targets },
  // Page: BulkDelete action reference.
  {
    name: "BulkDelete",
    kind: "action",
    parameters: [
      required("QuerySet", "QueryExpression[]"),
      required("JobName", "Edm.String"),
      required("SendEmailNotification", "Edm.Boolean"),
      required("ToRecipients", "crmbaseentity[]"),
      required("CCRecipients", "crmbaseentity[]"),
      required("RecurrencePattern", "Edm.String"),
      required("StartDateTime", "Edm.DateTimeOffset"),
      optional("SourceImportId", "Edm.Guid"),
      optional("RunNow", "Edm.Boolean"),
    ],
    returns: "BulkDeleteResponse",
  },
  // Pages: the action references of marketing lists.
  {
    name: "AddListMembersList",
    kind: "action",
    parameters: [required("List", "list"), required("Members", "crmbaseentity[]")],
  },
  {
    name: "AddMemberList",
    kind: "action",
    boundTo: "list",
    parameters: [required("EntityId", "Edm.Guid")],
    returns: "AddMemberListResponse",
  },
  {
    name: "RemoveMemberList",
    kind: "action",
    boundTo: "list",
    parameters: [required("ListMember", "listmember")],
  },
  {
    name: "CopyMembersList",
    kind: "action",
    boundTo: "list",
    parameters: [required("TargetList", "list")],
  },
  {
    name: "CopyDynamicListToStatic",
    kind: "action",
    boundTo: "list",
    parameters: [],
    returns: "CopyDynamicListToStaticResponse",
  },
  {
    name: "QualifyMemberList",
    kind: "action",
    boundTo: "list",
    parameters: [required("Members", "crmbaseentity[]"), required("OverrideorRemove", "Edm.Boolean")],
  },
  // Page: customer-insights/journeys/real-time-marketing-api-segment.
  { name: "msdynmkt_AddStaticMembers", kind: "action", parameters: members },
  { name: "msdynmkt_RemoveStaticMembers", kind: "action", parameters: members },
  {
    name: "msdynmkt_ListGroupMembers",
    kind: "action",
    parameters: [
      required("SegmentId", "Edm.String"),
      required("GroupId", "Edm.String"),
      optional("PageNo", "Edm.Int32"),
      optional("PageSize", "Edm.Int32"),
    ],
    returns: "msdynmkt_ListGroupMembersResponse",
  },
  {
    name: "msdynmkt_PublishSegmentDefinition",
    kind: "action",
    parameters: [required("SegmentId", "Edm.String")],
  },
  {
    name: "msdynmkt_MembersList",
    kind: "action",
    parameters: [required("SegmentId", "Edm.String")],
    returns: "msdynmkt_MembersListResponse",
  },
  {
    name: "msdynmkt_StopSegments",
    kind: "action",
    parameters: [required("SegmentIdList", "Edm.String[]")],
    returns: "msdynmkt_StopSegmentsResponse",
  },
];
