/**
 * Facts about the service that no page settles and no organisation was asked about yet. Each stands here alone,
 * so that finding out changes one line.
 */

/**
 * Characters that an alternate key's value may not hold where it stands in an address. "Define alternate keys
 * for a table" lists `/ < > * % & : \ ? +`; `#` fails in reports of users, encoded or not. A record with such a
 * value is found by a filter and written by its id.
 */
export const UNSAFE_IN_KEY = /[/\\#%&+?:*<>]/;

/** Whether empty text is stored as null: it is sent as null. */
export const EMPTY_TEXT_IS_NULL = true;

/**
 * Longest path and query of a GET. The service takes 32,768 characters ("Compose HTTP requests and handle
 * errors"); proxies often take 16 KB with all headers.
 */
export const LONGEST_PATH = 12_000;

/** Values in one `In` filter; a condition's values are bounded by the database's 2,100 parameters. */
export const MOST_IN_VALUES = 500;

/** Conditions in one filter of composite keys. */
export const MOST_OR_TERMS = 50;

/**
 * How the annotation ends that tells the fate of each row of an elastic table's bulk message; the .NET client knows it
 * as `Plugin.BulkApiErrorDetails`.
 */
export const BULK_DETAILS = "BulkApiErrorDetails";

/** Largest body of a write request, in characters: far below what message processing takes. */
export const LARGEST_BODY = 16_000_000;

/**
 * Tables whose records are closed by actions of their own. "Special update operation behavior" names opportunities
 * and incidents; the list is not whole anywhere.
 */
export const CLOSED_BY_ACTION: readonly string[] = [
  "opportunity",
  "incident",
  "quote",
  "salesorder",
  "invoice",
];

/** Members in one call on a marketing list: no page names a limit. */
export const MOST_LIST_MEMBERS = 1_000;

/**
 * How `RemoveMemberList` is told whom to remove: under `ListMember` the id of the member or of its `listmember` row, or
 * plainly by `EntityId`; else the `listmember` row is deleted, which needs no action. Two clients use the first one.
 * The one that an organisation understands is found out by a removal, and proven by reading the membership back.
 */
export const REMOVAL_FORMS = ["member", "row", "entity", "delete"] as const;

/** Ids in a page of `msdynmkt_ListGroupMembers`: the example has 100, and no page names a limit. */
export const SEGMENT_PAGE = 1_000;

/**
 * How `In` names the member in a row of `listmember`: functions take a lookup by its logical name ("Query data using
 * the Web API" shows `ownerid`), and no page shows `In` with one.
 */
export const MEMBER_PROPERTY = "entityid";

/** Milliseconds in what `x-ms-ratelimit-time-remaining-xrm-requests` counts: no page names its unit, replies say `1,199.99`. */
export const TIME_LEFT_MS = 1_000;
