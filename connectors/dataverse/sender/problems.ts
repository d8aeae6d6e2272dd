/** What a fault means: the one table of Dataverse's codes. Source: "Web service error codes". Pure. */
import {
  type Answer,
  type Failure,
  fail,
  type Limit,
  PROXY_REMEDY,
  type Problem,
  type Reply,
  SyncError,
} from "../../../src/sdk.ts";

/**
 * - throttled: the whole application user has to wait
 * - down: the service is away; the same request may succeed later
 * - passing: the same request may succeed later, as it is
 * - smaller: the same request may succeed in parts
 * - row: a record is at fault
 * - everyone: nothing will succeed until somebody mends it
 */
export type Fault = "throttled" | "down" | "passing" | "smaller" | "row" | "everyone";

export interface Verdict {
  readonly fault: Fault;
  readonly problem: Problem;
}

interface Rule {
  readonly fault: Fault;
  /** What happened, in our words; the service's own words follow where they help. */
  readonly text: string;
  readonly remedy: string;
  /** The service protection limit that was reached. */
  readonly limit?: Limit;
}

const WAIT = "Nothing to do: the next run tries again.";
const PRIVILEGE =
  "Give the application user a security role that may create, write and append to the table, for the whole organisation.";
const MAPPING = "Run `backhaul check`: the table's columns may have changed since.";

const rule = (fault: Fault, text: string, remedy: string): Rule => ({ fault, text, remedy });
const throttle = (text: string, limit?: Limit): Rule => ({
  ...rule("throttled", text, WAIT),
  ...(limit ? { limit } : {}),
});
const passing = (text: string) => rule("passing", text, WAIT);
const smaller = (text: string) => rule("smaller", text, WAIT);
const row = (text: string, remedy: string) => rule("row", text, remedy);
const everyone = (text: string, remedy: string) => rule("everyone", text, remedy);

const plugin = row(
  "custom logic in Dynamics refused the record",
  "Ask whoever owns the plug-in, or change the data.",
);
const slowPlugin = smaller("custom logic in Dynamics took too long");

const RULES: Readonly<Record<string, Rule>> = {
  "0x80072321": throttle("the limit on execution time was reached", "execution"),
  "0x80072322": throttle("the limit on requests was reached", "requests"),
  "0x80072326": throttle("the limit on concurrent requests was reached", "concurrency"),
  "0x80072327": throttle("a service limit was reached"),
  "0x8005f103": throttle("a service limit was reached"),

  "0x80044150": passing("the database reported an error or a deadlock"),
  "0x80044151": smaller("the database took too long"),
  "0x80044339": passing("the record is locked"),
  "0x8004ed47": passing("a lock could not be had"),
  "0x8004026c": passing("a lock could not be had"),
  "0x80072323": passing("the database is short of resources"),
  "0x80072324": passing("the database is short of resources"),
  "0x80048551": passing("the database could not be reached"),
  "0x80048543": passing("a solution import holds the tables"),
  "0x80071151": passing("a solution is being installed"),
  "0x80048553": passing("the database is being upgraded"),
  "0x80048549": passing("a cascading change is still running"),
  "0x80048555": passing("a cascading change is still running"),
  "0x80048105": passing("a cascading change is still running"),
  "0x80071154": passing("another operation runs at the same time"),
  "0x80072031": passing("a process of the service ended"),
  "0x80072494": passing("the table's definition was just changed"),
  "0x8004418d": passing("nothing was free to run custom logic"),
  "0x8004418e": passing("nothing was free to run custom logic"),
  "0x80081116": passing("custom logic in Dynamics is being started anew"),
  "0x80040251": smaller("the transaction was ended"),
  "0x80040252": smaller("the transaction was ended"),
  "0x80040255": smaller("the transaction was ended"),
  "0x8004418a": smaller("the request is too large"),
  "0x80040216": smaller("the service met an unexpected error"),

  "0x80040265": plugin,
  "0x80040224": plugin,
  "0x80048550": plugin,
  "0x8009000c": plugin,
  "0x80044171": slowPlugin,
  "0x80044172": slowPlugin,
  "0x80044173": slowPlugin,
  "0x80081111": slowPlugin,

  "0x80040237": row(
    "a record with this id or key exists already",
    "Find the other record, or correct the value.",
  ),
  "0x80060892": row("another record holds the same key", "Find the other record, or correct the value."),
  "0x80040333": row("duplicate detection found a similar record", "Merge the records, or change the rule."),
  "0x8006089d": row("the key matches more than one record", "Merge the records that share the key."),
  "0x80040227": row("other records still point at it", "Remove those first, or keep the record."),
  "0x80040217": row("a record does not exist", "Check the record and the ones it points at."),
  "0x80060891": row("no record has the key", "Check the record and the ones it points at."),
  "0x80060882": row("the record was changed by somebody else", WAIT),
  "0x8006088d": row("the table does not keep versions of its records", MAPPING),
  "0x80040236": row("nothing relates the two records", "Check the record and the ones it points at."),
  "0x80040229": row("the owner is missing or may not own it", "Give a user or a team that is enabled."),
  "0x8004022d": row("the customer is not valid", "Point at an account or a contact that exists."),
  "0x80040205": row("the parent is missing or not valid", "Check the record and the ones it points at."),

  "0x80040220": everyone("the application user lacks a privilege on the table", PRIVILEGE),
  "0x80040299": everyone("the application user lacks a privilege on the table", PRIVILEGE),
  "0x80048306": row("the application user may not write this record", PRIVILEGE),
  "0x80048405": row("the application user may not do this", PRIVILEGE),
  "0x8004a110": everyone(
    "the application user may not act for somebody else",
    "Give it the privilege to act on behalf of another user.",
  ),
  "0x80040231": row("the owner may not read the table", "Give the owner a security role on the table."),
  "0x8004f502": row(
    "a secured column may not be written",
    "Put the application user into the column security profile.",
  ),
  "0x8004f504": row(
    "a secured column may not be written",
    "Put the application user into the column security profile.",
  ),
  "0x8004f507": row(
    "a secured column may not be written",
    "Put the application user into the column security profile.",
  ),
  "0x80072560": everyone(
    "the application is no user of the organisation",
    "Add it as an application user in the Power Platform admin center, with a security role.",
  ),
  "0x80042f09": everyone(
    "the application user has no security role",
    "Give it one in the Power Platform admin center.",
  ),
  "0x8004d24b": everyone("the user has no licence", "Use an application user, or assign a licence."),
  "0x80040225": everyone("the user is disabled", "Enable it in the Power Platform admin center."),
  "0x8004a101": everyone("the token was refused", "Sign in again: check tenant, client_id and url."),
  "0x8004a102": everyone("the token was refused", "Sign in again: check tenant, client_id and url."),
  "0x80044302": everyone("the token was refused", "Sign in again: check tenant, client_id and url."),
  "0x8004a104": everyone("the organisation is disabled", "Enable it in the Power Platform admin center."),
  "0x80072561": everyone(
    "a policy keeps the caller out",
    "Ask whoever keeps the Conditional Access policies.",
  ),
  "0x80072325": everyone("the organisation's storage is full", "Free storage, or buy more."),

  "0x80044331": row("a text is too long", "Shorten it in the model."),
  "0x8004432f": row("a whole number is out of range", "Correct it in the model."),
  "0x80044330": row("a number is out of range", "Correct it in the model."),
  "0x8004431a": row("a choice does not exist", "Add the choice in Dynamics, or correct the value."),
  "0x80040239": row("a date is out of range", "Use dates from 1753 on."),
  "0x80040278": row(
    "a text holds characters that are not allowed",
    "Remove control characters in the model.",
  ),
  "0x80090001": row("a file is larger than the column takes", "Send a smaller one."),
  "0x80090006": row("the blocks of a file were not whole", WAIT),
  "0x80090008": row("a block of a file is too large", WAIT),
  "0x80072553": row("an image could not be read", "Send it as JPEG, PNG, GIF or BMP."),
  "0x80040200": row("a required value is missing", "Give a value for it."),
  "0x80044354": row("a value has the wrong type", MAPPING),
  "0x80048d19": row("the service could not read the record", MAPPING),
  "0x80060888": row("the service could not read the request", MAPPING),
  "0x8006088a": row("the service could not read the request", MAPPING),
  "0x80060890": row("the key does not exist", MAPPING),
  "0x8006088f": row("the key does not exist", MAPPING),
  "0x80044352": passing("what was known of the service's changes has expired"),
  "0x80041102": everyone("the table does not exist", MAPPING),
  "0x80041103": everyone("a column does not exist", MAPPING),

  "0x80048408": row("status and status reason do not fit", "Send a pair that belongs together."),
  "0x8004f00e": row("the change of status is not allowed", "Follow the table's status transitions."),
  "0x80040230": row("the record is inactive", "Reactivate it, or leave it out of the model."),
  "0x8004022e": row("the record is read only", "Leave it out of the model."),
  "0x80040301": everyone("the list has members of another table", "Name a list of that table."),
  "0x80040302": everyone("the list is locked", "Unlock it in Dynamics."),
  "0x8004033a": everyone("the list is not active", "Activate it in Dynamics."),
  "0x8004f701": everyone("a query decides on the list's members", "Name a static list."),
  "0x8004033b": row("the record is inactive", "Reactivate it, or leave it out of the model."),
  "0x80048458": row("the record is no member of the list", "Nothing to do."),
  "0x80040203": row("an argument is not valid", "Compare the record with the table's rules."),
};

const STATUS_RULES: Readonly<Record<number, Rule>> = {
  401: everyone(
    "the token was refused",
    "Check tenant, client_id and url, and what a gateway in front wants, or get a new token.",
  ),
  403: row("the application user may not do this", PRIVILEGE),
  404: row("something was not found", MAPPING),
  408: rule("down", "the request did not arrive in time", WAIT),
  412: row("the record was changed, or exists already", WAIT),
  413: smaller("the request is too large"),
  429: throttle("a service limit was reached"),
  500: passing("the service met an error"),
  502: rule("down", "the service is not available", WAIT),
  503: rule("down", "the service is not available", WAIT),
  504: rule("down", "the service did not answer in time", WAIT),
};

/** True when the body is an error as the service writes one; a gateway's or a sign-in page's is not. */
export function isFramed(reply: Reply): boolean {
  try {
    const body = JSON.parse(reply.body) as Record<string, unknown> | null;
    const frame = body?.error as Record<string, unknown> | null | undefined;
    return [frame?.code, body?.ErrorCode, body?.ExceptionMessage, body?.Message].some(
      (text) => typeof text === "string",
    );
  } catch {
    return false;
  }
}

/** Statuses that say enough without the service's frame: whoever sends them, no record is at fault. */
const PLAIN: ReadonlySet<number> = new Set([401, 408, 413, 429]);

/** Something answered in the service's place: no record can be at fault, and none was written. */
export function notAnAnswer(reply: Reply): Verdict {
  const type = reply.headers["content-type"]?.split(";")[0] ?? "";
  const what = type ? ` with ${shortened(type, 60)}` : "";
  return {
    fault: "everyone",
    problem: {
      kind: "connection",
      code: "dataverse.not_an_answer",
      message: `The answer ${reply.status}${what} is not one that Dataverse gives.`,
      remedy:
        "A gateway, a proxy or a sign-in page answers in the service's place: check url in the destination, and what stands before it.",
    },
  };
}

/** Code and text of an error in either frame ("Compose HTTP requests and handle errors"; older batch errors). */
export function errorOf(reply: Reply): { readonly code: string; readonly message: string } {
  let body: Record<string, unknown>;
  try {
    body = JSON.parse(reply.body) as Record<string, unknown>;
  } catch {
    return { code: "", message: "" };
  }
  const frame = body?.error as Record<string, unknown> | undefined;
  const code = String(frame?.code ?? body?.ErrorCode ?? "").toLowerCase();
  const message = String(frame?.message ?? body?.ExceptionMessage ?? body?.Message ?? "");
  return { code: code === "0x0" ? "" : code, message };
}

/** What a refusal means and how to say it. */
export function verdictOf(reply: Reply): Verdict {
  if (reply.status < 500 && !PLAIN.has(reply.status) && !isFramed(reply)) return notAnAnswer(reply);
  const { code, message } = errorOf(reply);
  const known = unknownSegment(reply.status, message) ?? RULES[code] ?? STATUS_RULES[reply.status];
  const found =
    known ?? (reply.status >= 500 ? passing : (text: string) => row(text, MAPPING))("the service refused it");
  const fault = AWAY.has(reply.status) ? "down" : found.fault;
  const name = code || `http_${reply.status}`;
  const said = message ? `: ${shortened(message)}` : "";
  return {
    fault,
    problem: {
      kind: fault === "row" ? "rejected" : fault === "everyone" ? "connection" : "deferred",
      code: `dataverse.${name}`,
      message: `Dataverse answered ${reply.status} (${name}), ${found.text}${said}`,
      remedy: found.remedy,
    },
  };
}

/** The service protection limit that a refusal tells, where it is one. */
export const limitOf = (reply: Reply): Limit | undefined => RULES[errorOf(reply).code]?.limit;

/** A gateway's status says more than the code behind it. */
const AWAY: ReadonlySet<number> = new Set([502, 503, 504]);

function unknownSegment(status: number, message: string): Rule | undefined {
  if (status !== 404 || !/segment|No HTTP resource/i.test(message)) return undefined;
  return everyone("the table or the message is unknown", MAPPING);
}

/** What a request without a reply means: it may be sent again, since every write of ours can be repeated. */
export function verdictOfFailure(failure: Failure, origin: string): Verdict {
  const text = FAILURES[failure.reason];
  const isLasting = failure.reason === "tls" || failure.reason === "proxy";
  return {
    fault: isLasting ? "everyone" : failure.reason === "too_large" ? "smaller" : "down",
    problem: {
      kind: isLasting ? "connection" : "deferred",
      code: `dataverse.${failure.reason}`,
      message: `${origin} ${text} (${failure.detail}).`,
      remedy: REMEDIES[failure.reason] ?? WAIT,
    },
  };
}

const FAILURES: Readonly<Record<Failure["reason"], string>> = {
  unknown_host: "is not known to the network",
  refused: "does not take connections",
  tls: "has a certificate that is not trusted",
  proxy: "cannot be reached: the proxy on the way refuses",
  connect_timeout: "could not be reached in time",
  timeout: "did not answer in time",
  reset: "ended the connection",
  too_large: "answered with more than can be taken",
  aborted: "was not asked any more",
};

const REMEDIES: Partial<Record<Failure["reason"], string>> = {
  unknown_host: "Check url in the destination, and the network.",
  refused: "Check url in the destination, and the network.",
  tls: "Trust its certificate by NODE_EXTRA_CA_CERTS, or mend url.",
  proxy: PROXY_REMEDY,
  connect_timeout: "Check url in the destination, a firewall or a proxy in between.",
};

const SILENT =
  "Check url in the destination, what stands before it, and the service's health; then run again.";

/** The error of a read that did not succeed: without it nothing can go on. */
export function readError(answer: Answer, origin: string): SyncError {
  if (answer.kind === "failure") {
    if (answer.reason === "aborted")
      return new SyncError({ kind: "aborted", code: "aborted", message: "Interrupted." });
    const { problem } = verdictOfFailure(answer, origin);
    const remedy = answer.reason === "timeout" ? SILENT : problem.remedy;
    return new SyncError({ ...problem, kind: "connection", ...(remedy === undefined ? {} : { remedy }) });
  }
  const { fault, problem } = verdictOf(answer);
  return new SyncError(fault === "throttled" ? problem : { ...problem, kind: "connection" });
}

/** The items of a page; a page without any is no empty one, because an empty one says so. */
export function itemsOf<T>(
  page: { readonly value?: unknown } | null | undefined,
  origin: string,
): readonly T[] {
  if (Array.isArray(page?.value)) return page.value as readonly T[];
  throw everyoneProblem("dataverse.no_collection", `${origin} answered a query without a list of records.`);
}

export function everyoneProblem(code: string, message: string): SyncError {
  return fail.connection(code, message, "Check url in the destination: something else may answer there.");
}

/** Texts of the service are cut and stripped of control characters before they are shown. */
export function shortened(text: string, longest = 300): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ").trim();
  return clean.length > longest ? `${clean.slice(0, longest)}…` : clean;
}
