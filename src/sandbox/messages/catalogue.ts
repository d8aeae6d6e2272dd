import type { Unverified } from "../unverified.ts";

/**
 * The signatures of actions and functions, as data: what `$metadata` declares and what requests are checked against.
 * Types are Edm types or logical names of tables after `mscrm.`.
 */

export interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly optional?: boolean;
}

export interface Message {
  readonly name: string;
  readonly kind: "action" | "function";
  /** The table whose row (or whole set) stands before the name; nothing for unbound messages, `*` for each table. */
  readonly bound?: { readonly table: string; readonly to: "row" | "set" };
  readonly parameters: readonly Parameter[];
  /** The complex type of the reply and its properties; nothing means 204. */
  readonly reply?: { readonly type: string; readonly properties: readonly Parameter[] };
}

const required = (name: string, type: string): Parameter => ({ name, type });
const optional = (name: string, type: string): Parameter => ({ name, type, optional: true });
const reply = (name: string, ...properties: Parameter[]) => ({ type: `mscrm.${name}Response`, properties });

const LIST = { table: "list", to: "row" } as const;
const ANY_SET = { table: "*", to: "set" } as const;
const TARGETS = [required("Targets", "Collection(mscrm.crmbaseentity)")];
const STATIC_MEMBERS = [
  required("SegmentId", "Edm.String"),
  required("GroupId", "Edm.String"),
  required("EntityIds", "Collection(Edm.String)"),
];

/** Page: bulk-operations. Offered by the tables that `sdkmessagefilters` names. */
const BULK: readonly Message[] = [
  {
    name: "CreateMultiple",
    kind: "action",
    bound: ANY_SET,
    parameters: TARGETS,
    reply: reply("CreateMultiple", required("Ids", "Collection(Edm.Guid)")),
  },
  { name: "UpdateMultiple", kind: "action", bound: ANY_SET, parameters: TARGETS },
  { name: "UpsertMultiple", kind: "action", bound: ANY_SET, parameters: TARGETS },
  { name: "DeleteMultiple", kind: "action", bound: ANY_SET, parameters: TARGETS },
];

/** Pages: web-api-actions reference of the marketing list. */
const LISTS: readonly Message[] = [
  {
    name: "AddListMembersList",
    kind: "action",
    parameters: [required("List", "mscrm.list"), required("Members", "Collection(mscrm.crmbaseentity)")],
  },
  {
    name: "AddMemberList",
    kind: "action",
    bound: LIST,
    parameters: [required("EntityId", "Edm.Guid")],
    reply: reply("AddMemberList", required("Id", "Edm.Guid")),
  },
  {
    name: "CopyMembersList",
    kind: "action",
    bound: LIST,
    parameters: [required("TargetList", "mscrm.list")],
  },
  {
    name: "QualifyMemberList",
    kind: "action",
    bound: LIST,
    parameters: [required("MembersId", "Collection(Edm.Guid)"), required("OverrideorRemove", "Edm.Boolean")],
  },
];

/** Page: real-time-marketing-segments-api (Customer Insights – Journeys). */
const SEGMENTS: readonly Message[] = [
  { name: "msdynmkt_AddStaticMembers", kind: "action", parameters: STATIC_MEMBERS },
  { name: "msdynmkt_RemoveStaticMembers", kind: "action", parameters: STATIC_MEMBERS },
  {
    name: "msdynmkt_ListGroupMembers",
    kind: "action",
    parameters: [
      required("SegmentId", "Edm.String"),
      required("GroupId", "Edm.String"),
      optional("PageNo", "Edm.Int32"),
      optional("PageSize", "Edm.Int32"),
    ],
    reply: reply("msdynmkt_ListGroupMembers", required("Response", "Edm.String")),
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
    reply: reply(
      "msdynmkt_MembersList",
      required("StatusCode", "Edm.Int32"),
      required("ResultText", "Edm.String"),
    ),
  },
  {
    name: "msdynmkt_StopSegments",
    kind: "action",
    parameters: [required("SegmentIdList", "Collection(Edm.String)")],
    reply: reply(
      "msdynmkt_StopSegments",
      required("summary", "Edm.String"),
      required("stopSingleSegmentResults", "Collection(mscrm.crmbaseentity)"),
    ),
  },
];

/** Pages: WinOpportunity and LoseOpportunity in the action reference; the close activity itself is not kept. */
const OPPORTUNITIES: readonly Message[] = ["WinOpportunity", "LoseOpportunity"].map((name) => ({
  name,
  kind: "action",
  parameters: [required("OpportunityClose", "mscrm.crmbaseentity"), required("Status", "Edm.Int32")],
}));

/** Page: merge-entity-using-web-api. */
const MERGE: Message = {
  name: "Merge",
  kind: "action",
  parameters: [
    required("Target", "mscrm.crmbaseentity"),
    required("Subordinate", "mscrm.crmbaseentity"),
    optional("UpdateContent", "mscrm.crmbaseentity"),
    required("PerformParentingChecks", "Edm.Boolean"),
  ],
};

/** Pages: delete-data-bulk; file-attributes; image-attributes. */
const OTHERS: readonly Message[] = [
  {
    name: "BulkDelete",
    kind: "action",
    parameters: [
      required("QuerySet", "Collection(mscrm.QueryExpression)"),
      required("JobName", "Edm.String"),
      required("SendEmailNotification", "Edm.Boolean"),
      required("ToRecipients", "Collection(mscrm.activityparty)"),
      required("CCRecipients", "Collection(mscrm.activityparty)"),
      required("RecurrencePattern", "Edm.String"),
      required("StartDateTime", "Edm.DateTimeOffset"),
      optional("SourceImportId", "Edm.Guid"),
      optional("RunNow", "Edm.Boolean"),
    ],
    reply: reply("BulkDelete", required("JobId", "Edm.Guid")),
  },
  {
    name: "InitializeFileBlocksUpload",
    kind: "action",
    parameters: [
      required("Target", "mscrm.crmbaseentity"),
      required("FileAttributeName", "Edm.String"),
      required("FileName", "Edm.String"),
    ],
    reply: reply("InitializeFileBlocksUpload", required("FileContinuationToken", "Edm.String")),
  },
  {
    name: "UploadBlock",
    kind: "action",
    parameters: [
      required("BlockId", "Edm.String"),
      required("BlockData", "Edm.Binary"),
      required("FileContinuationToken", "Edm.String"),
    ],
  },
  {
    name: "CommitFileBlocksUpload",
    kind: "action",
    parameters: [
      required("FileName", "Edm.String"),
      required("MimeType", "Edm.String"),
      required("BlockList", "Collection(Edm.String)"),
      required("FileContinuationToken", "Edm.String"),
    ],
    reply: reply(
      "CommitFileBlocksUpload",
      required("FileId", "Edm.Guid"),
      required("FileSizeInBytes", "Edm.Int64"),
    ),
  },
  {
    name: "WhoAmI",
    kind: "function",
    parameters: [],
    reply: reply(
      "WhoAmI",
      required("BusinessUnitId", "Edm.Guid"),
      required("UserId", "Edm.Guid"),
      required("OrganizationId", "Edm.Guid"),
    ),
  },
  {
    name: "RetrieveTotalRecordCount",
    kind: "function",
    parameters: [required("EntityNames", "Collection(Edm.String)")],
    reply: reply(
      "RetrieveTotalRecordCount",
      required("EntityRecordCountCollection", "mscrm.EntityRecordCountCollection"),
    ),
  },
];

/** Pages: RetrieveUserPrivileges, RetrieveUserSetOfPrivilegesByNames, RetrievePrincipalAttributePrivileges. */
const SECURITY: readonly Message[] = [
  {
    name: "RetrieveUserPrivileges",
    kind: "function",
    bound: { table: "systemuser", to: "row" },
    parameters: [],
    reply: reply("RetrieveUserPrivileges", required("RolePrivileges", "Collection(mscrm.RolePrivilege)")),
  },
  {
    name: "RetrieveUserSetOfPrivilegesByNames",
    kind: "function",
    bound: { table: "systemuser", to: "row" },
    parameters: [
      required("PrivilegeNames", "Collection(Edm.String)"),
      optional("ExcludeTeamBasic", "Edm.Boolean"),
    ],
    reply: reply(
      "RetrieveUserSetOfPrivilegesByNames",
      required("RolePrivileges", "Collection(mscrm.RolePrivilege)"),
    ),
  },
  {
    name: "RetrievePrincipalAttributePrivileges",
    kind: "function",
    bound: { table: "systemuser", to: "row" },
    parameters: [],
    reply: reply(
      "RetrievePrincipalAttributePrivileges",
      required("AttributePrivileges", "Collection(mscrm.AttributePrivilege)"),
    ),
  },
];

/** Page: query-schema-definitions. */
const METADATA: readonly Message[] = [
  {
    name: "RetrieveMetadataChanges",
    kind: "function",
    parameters: [
      optional("Query", "mscrm.EntityQueryExpression"),
      optional("DeletedMetadataFilters", "mscrm.DeletedMetadataFilters"),
      optional("ClientVersionStamp", "Edm.String"),
      optional("AppModuleId", "Edm.Guid"),
      optional("RetrieveAllSettings", "Edm.Boolean"),
    ],
    reply: reply(
      "RetrieveMetadataChanges",
      required("ServerVersionStamp", "Edm.String"),
      required("DeletedMetadata", "mscrm.DeletedMetadataCollection"),
      required("EntityMetadata", "Collection(mscrm.ComplexEntityMetadata)"),
    ),
  },
];

/** The name in its reply is unverified. */
const copyDynamicListToStatic = (name: string): Message => ({
  name: "CopyDynamicListToStatic",
  kind: "action",
  bound: LIST,
  parameters: [],
  reply: reply("CopyDynamicListToStatic", required(name, "Edm.Guid")),
});

/** Its body is unverified, so its signature depends on a switch: see `unverified.ts`. */
const removeMemberList = (body: "ListMember" | "EntityId"): Message => ({
  name: "RemoveMemberList",
  kind: "action",
  bound: LIST,
  parameters: [
    body === "EntityId" ? required("EntityId", "Edm.Guid") : required("ListMember", "mscrm.listmember"),
  ],
});

const MESSAGES: readonly Message[] = [
  ...BULK,
  ...LISTS,
  ...SEGMENTS,
  ...OPPORTUNITIES,
  MERGE,
  ...OTHERS,
  ...SECURITY,
  ...METADATA,
];

/** All actions and functions, those among them that no page describes in full as the switches say. */
export function messagesOf(rules: Unverified): readonly Message[] {
  const form = rules.removeMemberListTakes;
  const removal =
    form === "nothing" ? [] : [removeMemberList(form === "EntityId" ? "EntityId" : "ListMember")];
  return [...MESSAGES, copyDynamicListToStatic(rules.copyToStaticReply), ...removal];
}
