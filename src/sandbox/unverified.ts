/**
 * Every behaviour of Dataverse that no page states and no capture proves. Each has one switch here, set to the
 * side that a careful client survives either way; `startSandbox({ unverified: { … } })` turns single ones over.
 */
export interface Unverified {
  /** Text in keys and comparisons ignores case (database collation). */
  readonly textFoldsCase: boolean;
  /** Text in keys and comparisons ignores trailing spaces. */
  readonly textFoldsTrailingSpaces: boolean;
  /** Rows with null in a key column are left out of the uniqueness check. */
  readonly nullKeyPartsAreUnchecked: boolean;
  /** Which characters an alternate key value in a URL may not hold: `/` and `\`, or the documented long list. */
  readonly refusedKeyCharacters: "slashes" | "documented";
  /** `%23` in an `@odata.bind` or `@odata.id` value stays as it is; other escapes are decoded. */
  readonly bindKeepsEscapedHash: boolean;
  /** `MSCRM.*`, `CallerObjectId` and `MSCRMCallerID` on a `$batch` hold for its parts that have none. */
  readonly batchHeadersReachParts: boolean;
  /** An address with the host of somebody else: in a part of a batch, a bind, a `$ref`. */
  readonly foreignHosts: "refused" | "passed over";
  /** `OData-Version` and `OData-MaxVersion` must fit 4.0. */
  readonly versionsAreChecked: boolean;
  /** An `Accept` that no reply can meet. */
  readonly unacceptable: { readonly status: number; readonly code: string } | "answered";
  /** A `Content-Encoding`: the pages name none for requests. */
  readonly contentEncoding: { readonly status: number; readonly code: string } | "passed over";
  /** A body that is not JSON by its `Content-Type`. */
  readonly wrongMediaType: { readonly status: number; readonly code: string };
  /** A URL that is too long. */
  readonly urlTooLong: { readonly status: number; readonly code: string };
  /** An `If-Match` or `If-None-Match` that is no version: refused, or a version that no row has. */
  readonly unreadableCondition: "refused" | "no match";
  /** A name that comes twice in one object. */
  readonly repeatedNames: "refused" | "the last counts";
  /** An id in a body beside an address that names another row, and an address on what is to be created. */
  readonly conflictingIds: "refused" | "the address counts";
  /** A fraction of a second in a key value. */
  readonly keyDateFractions: "refused" | "dropped";
  /** Frame of a 429 that stands alone: the usual one, or the one without `error` that batch parts have. */
  readonly throttledFrame: "usual" | "legacy";
  /** A LF without its CR, or the other way round, anywhere in a `$batch` body is refused. */
  readonly batchRefusesBareLineFeeds: boolean;
  /** A part without a body ends in two empty lines, as the page says; DynamicsWebApi sends one and is understood. */
  readonly batchPartsNeedTwoEmptyLines: boolean;
  /** A `$batch` without parts and an empty change set. */
  readonly emptyBatch: "refused" | "answered";
  /** An empty string is stored as null. */
  readonly emptyTextIsNull: boolean;
  /** An upsert by a key whose new row would hold null in it, so that the same address never finds the row. */
  readonly upsertToNullKey: "refused" | "makes a row each time";
  /** Decimals beyond the column's precision are rounded (half away from zero); otherwise refused as out of range. */
  readonly excessDecimalsAreRounded: boolean;
  /** Text length is counted in UTF-16 units; otherwise in code points. */
  readonly lengthInUtf16Units: boolean;
  /** Date-times lose their fraction of a second when stored. */
  readonly dateTimesDropFractions: boolean;
  /** A new row of a table with a currency gets the base currency even when it holds no amount. */
  readonly everyRowGetsCurrency: boolean;
  /** `ne` and negated text functions also match null. */
  readonly notEqualMatchesNull: boolean;
  /** Status of 0x80060892 and of 0x80040237 on a plain create. */
  readonly duplicateStatus: number;
  /** Code of the 404 for an unknown entity set. */
  readonly unknownSetCode: string;
  /** `$expand` may stand inside `$expand` in a query of definitions: an option set under an expanded cast. */
  readonly metadataExpandMayNest: boolean;
  /** Code of the 400 for an unknown property in a query option. */
  readonly unknownQueryPropertyCode: string;
  /** How a missing row is named: `Entity 'account' With Id = …` (captured) or `account With Id = …` (documented). */
  readonly missingRowText: "entity" | "plain";
  /** `If-Match` with a version, row absent. */
  readonly staleVersionOfMissingRow: number;
  /** Reading one property that is null answers 204. */
  readonly nullPropertyIs204: boolean;
  /** Code of the refusal of null in a SystemRequired column. */
  readonly requiredNullCode: string;
  /** Code of a bulk item without `@odata.type`. */
  readonly missingItemTypeCode: string;
  /** Code of an UpsertMultiple request that names one row twice. */
  readonly duplicateIdentityCode: string;
  /** Code of a bulk message that the table does not offer. */
  readonly unsupportedBulkCode: string;
  /** Code and text of a batch with more than 1000 requests. */
  readonly batchTooLarge: { readonly code: string; readonly message: string };
  /** A bulk item's `@odata.type` may start with `#`. */
  readonly itemTypeMayHaveHash: boolean;
  /** Refusal of a write to a virtual table whose provider only reads. */
  readonly virtualTableWrite: { readonly status: number; readonly code: string };
  /** Refusal of a direct write to the rows of an intersect table. */
  readonly intersectTableWrite: { readonly status: number; readonly code: string };
  /** Code of the refusal of `_x_value` in a body. */
  readonly rawLookupCode: string;
  /**
   * What RemoveMemberList is told: under `ListMember` the id of the member or of its `listmember` row, `EntityId`, or
   * nothing because the action is not installed.
   */
  readonly removeMemberListTakes: "the member's id" | "the row's id" | "EntityId" | "nothing";
  /** Adding a member that a list has: passed over, or refused as a double. */
  readonly presentListMember: "passed over" | "refused";
  /** The name under which CopyDynamicListToStatic answers the id of the new list. */
  readonly copyToStaticReply: string;
  /** Members that one call on a marketing list takes: not documented, and 1000 is prudent. */
  readonly mostListMembersPerCall: number;
  /** `SourceType` of a calculated column. */
  readonly calculatedSourceType: number;
  /** Lookup names of what an activity is about: `regardingobjectid_account_task`, or without the activity. */
  readonly regardingNames: "table and activity" | "table";
  /** Whether calls on segments take the id of the definition too. */
  readonly segmentCallsTakeDefinitions: boolean;
  /** Status of the calls on segments whose reply is not documented. */
  readonly segmentCallStatus: 200 | 204;
  /** Under which name `ErrorDetails` carries the fate of each row of an elastic bulk message. */
  readonly elasticDetailsName: string;
  /** Whether those details name the rows that went well too. */
  readonly elasticDetailsListSuccesses: boolean;
  /** Code of a query option that change tracking does not take. */
  readonly trackingOptionCode: string;
  /** Code of change tracking on a table without it. */
  readonly trackingDisabledCode: string;
  /** Code of a delta token that is too old. */
  readonly expiredTokenCode: string;
  /** A row that changed several times is one of the changes; otherwise it comes twice, as it is now. */
  readonly changedRowsComeOnce: boolean;
  /** An expanded collection comes with a link to itself. */
  readonly expandedCollectionsHaveLinks: boolean;
  /** `$ref` writes to the pairs of a marketing list. */
  readonly listLinksAreWritable: boolean;
  /** Tables whose inactive rows refuse updates with 0x80040230; which ones do is not listed anywhere. */
  readonly inactiveRowsRefuse: readonly string[];
  /** Tables whose state is changed by actions alone, such as WinOpportunity. */
  readonly lifecycleTables: readonly string[];
  /** A user that the token names but the organisation does not know: status of 0x80072560. */
  readonly unknownUserStatus: number;
  /** Status of 0x80042f09, a user without roles. */
  readonly noRolesStatus: number;
  /** The privilege that MSCRM.SuppressCallbackRegistrationExpanderJob needs; page bypass-power-automate-flows: none. */
  readonly suppressCallbacksNeeds: string | undefined;
  /** How 0x80040225 names the user: the placeholder that the capture shows, or the id. */
  readonly disabledUserText: "placeholder" | "id";
  /** Code of a bypass header without its privilege. */
  readonly bypassDeniedCode: string;
  /** Status of 0x80044150 and 0x80044151. */
  readonly sqlErrorStatus: number;
  /** Status of 0x80040333: 412 by the newer page, 500 by an older one. */
  readonly duplicateDetectionStatus: number;
  /** Name of the cookie that ties a client to one web server. */
  readonly affinityCookie: string;
  /** Whose limits an impersonated request uses up. */
  readonly throttledUser: "caller" | "impersonated";
  /** A merge writes what the target has not and the subordinate has, short of keys and lookups. */
  readonly mergeFillsEmptyColumns: boolean;
  /** Lookups at the subordinate point at the target after a merge. */
  readonly mergeMovesReferences: boolean;
  /** Code of the refusal to merge rows of other tables than those that the page names. */
  readonly unmergeableTableCode: string;
  /** A filter or order by a secured column that the user may not read: 0x8004f504, or as if it were null. */
  readonly hiddenColumnInQuery: "refused" | "null";
  /** An amount that may not be read is hidden in the base currency too. */
  readonly baseAmountsAreHiddenToo: boolean;
}

export const UNVERIFIED: Unverified = {
  textFoldsCase: true,
  textFoldsTrailingSpaces: true,
  nullKeyPartsAreUnchecked: true,
  refusedKeyCharacters: "slashes",
  bindKeepsEscapedHash: true,
  batchHeadersReachParts: false,
  foreignHosts: "refused",
  versionsAreChecked: true,
  unacceptable: { status: 406, code: "" },
  contentEncoding: { status: 415, code: "" },
  wrongMediaType: { status: 415, code: "" },
  urlTooLong: { status: 414, code: "0x80060888" },
  unreadableCondition: "refused",
  repeatedNames: "refused",
  conflictingIds: "refused",
  keyDateFractions: "refused",
  throttledFrame: "usual",
  batchRefusesBareLineFeeds: true,
  batchPartsNeedTwoEmptyLines: false,
  emptyBatch: "refused",
  emptyTextIsNull: true,
  upsertToNullKey: "refused",
  excessDecimalsAreRounded: true,
  lengthInUtf16Units: true,
  dateTimesDropFractions: true,
  everyRowGetsCurrency: true,
  notEqualMatchesNull: true,
  duplicateStatus: 412,
  unknownSetCode: "0x80060888",
  metadataExpandMayNest: false,
  unknownQueryPropertyCode: "0x80060888",
  missingRowText: "entity",
  staleVersionOfMissingRow: 404,
  nullPropertyIs204: true,
  requiredNullCode: "0x80040200",
  missingItemTypeCode: "0x80048d19",
  duplicateIdentityCode: "0x80040237",
  unsupportedBulkCode: "0x80040800",
  batchTooLarge: {
    code: "0x80048d19",
    message: "The number of requests in the batch exceeds the maximum of 1000.",
  },
  itemTypeMayHaveHash: true,
  virtualTableWrite: { status: 400, code: "0x80040800" },
  intersectTableWrite: { status: 400, code: "0x80040800" },
  rawLookupCode: "0x80048d19",
  removeMemberListTakes: "the member's id",
  presentListMember: "passed over",
  copyToStaticReply: "StaticListId",
  mostListMembersPerCall: 1000,
  calculatedSourceType: 1,
  regardingNames: "table and activity",
  segmentCallsTakeDefinitions: false,
  segmentCallStatus: 204,
  elasticDetailsName: "Plugin.BulkApiErrorDetails",
  elasticDetailsListSuccesses: false,
  trackingOptionCode: "0x80060888",
  trackingDisabledCode: "0x80040203",
  expiredTokenCode: "0x80044352",
  changedRowsComeOnce: true,
  expandedCollectionsHaveLinks: true,
  listLinksAreWritable: false,
  inactiveRowsRefuse: ["opportunity"],
  lifecycleTables: ["opportunity"],
  unknownUserStatus: 403,
  noRolesStatus: 403,
  suppressCallbacksNeeds: undefined,
  disabledUserText: "placeholder",
  bypassDeniedCode: "0x80040220",
  sqlErrorStatus: 400,
  duplicateDetectionStatus: 412,
  affinityCookie: "ARRAffinity",
  throttledUser: "caller",
  mergeFillsEmptyColumns: true,
  mergeMovesReferences: true,
  unmergeableTableCode: "0x80040203",
  hiddenColumnInQuery: "refused",
  baseAmountsAreHiddenToo: true,
};
