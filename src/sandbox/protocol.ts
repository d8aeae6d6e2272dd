import { Refusal } from "./errors.ts";
import type { Headers } from "./headers.ts";
import type { Unverified } from "./unverified.ts";

/** What the headers of a request ask of the protocol itself (page: compose-http-requests-handle-errors). */

/** `4.0`, and what clients of other libraries append to it: `4.0;NetFx`. */
const VERSION = /^4\.0(?:;|$)/;
/** The newest version that a client reads: any from 4.0. */
const NEWEST = /^4\.\d{1,2}(?:;|$)/;
/** Replies are JSON, text, bytes, or batches of them; `$metadata` alone is XML. */
const ANSWERED =
  /^(?:\*\/\*|application\/(?:\*|json|octet-stream|http)|text\/(?:\*|plain)|multipart\/(?:\*|mixed)|image\/[\w*+.-]+)$/;
const XML = /^(?:application|text)\/xml$/;

const versionOf = (header: string | undefined, pattern: RegExp): boolean =>
  header === undefined || pattern.test(header.trim());

function isAnswered(accept: string | undefined, target: string): boolean {
  if (accept === undefined || accept.trim() === "") return true;
  const isDocument = target.split("?", 1)[0] === "$metadata";
  return accept.split(",").some((item) => {
    const type = (item.split(";", 1)[0] ?? "").trim().toLowerCase();
    return ANSWERED.test(type) || (isDocument && XML.test(type));
  });
}

/** @throws Refusal when the headers ask for what this protocol does not offer */
export function requireProtocol(rules: Unverified, headers: Headers, target: string): void {
  const knows =
    versionOf(headers["odata-version"], VERSION) && versionOf(headers["odata-maxversion"], NEWEST);
  if (!knows && rules.versionsAreChecked) {
    throw new Refusal(400, "0x80060888", "The version of OData that the request names is not supported.");
  }
  const encoding = headers["content-encoding"]?.trim().toLowerCase() ?? "";
  if (encoding !== "" && encoding !== "identity" && rules.contentEncoding !== "passed over") {
    const { status, code } = rules.contentEncoding;
    throw new Refusal(status, code, `The content encoding '${encoding.slice(0, 100)}' is not supported.`);
  }
  if (rules.unacceptable !== "answered" && !isAnswered(headers.accept, target)) {
    const { status, code } = rules.unacceptable;
    throw new Refusal(status, code, "None of the media types in Accept is supported.");
  }
}
