import { payloadError, Refusal } from "./errors.ts";
import { splitUnquoted, trimEndOf, unquote } from "./scan.ts";
import type { Unverified } from "./unverified.ts";

/** Reads the multipart body of `$batch` (page: execute-batch-operations). Nothing runs before all of it is sound. */

export interface BatchOperation {
  readonly contentId: string | undefined;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type BatchItem =
  | { readonly is: "operation"; readonly operation: BatchOperation }
  | { readonly is: "change set"; readonly operations: readonly BatchOperation[] };

const MOST_REQUESTS = 1000;
const METHODS = new Set(["GET", "POST", "PATCH", "PUT", "DELETE"]);

const unreadable = () => payloadError("", "System.ArgumentException: Stream was not readable.");

const legacy = (message: string) => new Refusal(400, "0x0", message, { legacy: true });

/** RFC 2046 allows 70 characters; more are taken, but not any number. */
const LONGEST_BOUNDARY = 200;

/** The boundary of a multipart content type, quoted or bare. */
export function boundaryOf(contentType: string | undefined): string | undefined {
  const [type = "", ...parameters] = splitUnquoted(contentType ?? "", ";");
  if (type.trim().toLowerCase() !== "multipart/mixed") return undefined;
  for (const parameter of parameters) {
    const text = parameter.trim();
    if (text.slice(0, 9).toLowerCase() !== "boundary=") continue;
    const given = text.slice(9);
    const boundary = unquote(given);
    const isSound = boundary === given ? /^[^\s",]+$/.test(boundary) : !boundary.includes('"');
    return isSound && boundary !== "" && boundary.length <= LONGEST_BOUNDARY ? boundary : undefined;
  }
  return undefined;
}

/** The parts between boundary lines; `strictEnd` asks for a line end after the closing boundary. */
function splitParts(text: string, boundary: string, strictEnd: boolean): string[] {
  const line = `--${boundary}`;
  const parts: string[] = [];
  let at = text.startsWith(line) ? 0 : text.indexOf(`\r\n${line}`) + 2;
  if (at === 1 || text.slice(0, at).trim() !== "") throw unreadable();
  for (;;) {
    const after = at + line.length;
    if (text.startsWith("--", after)) {
      const rest = text.slice(after + 2);
      if ((strictEnd && !rest.startsWith("\r\n")) || rest.trim() !== "") throw unreadable();
      return parts;
    }
    if (!text.startsWith("\r\n", after)) throw unreadable();
    // The search starts at the line end itself, so that an empty part is found too.
    const next = text.indexOf(`\r\n${line}`, after);
    if (next < 0) throw unreadable();
    parts.push(text.slice(after + 2, Math.max(next, after + 2)));
    at = next + 2;
  }
}

interface Block {
  readonly headers: Record<string, string>;
  readonly rest: string;
}

/** Header lines up to the empty line, which must be there; names in lower case. */
function headerBlock(text: string): Block {
  const headers: Record<string, string> = {};
  let at = 0;
  for (;;) {
    const end = text.indexOf("\r\n", at);
    if (end < 0) throw unreadable();
    if (end === at) return { headers, rest: text.slice(end + 2) };
    const line = text.slice(at, end);
    const colon = line.indexOf(":");
    if (colon <= 0 || line.includes("\r")) throw unreadable();
    const name = line.slice(0, colon).trim();
    // The reader of the OData library refuses what HTTP itself would join.
    if (Object.hasOwn(headers, name.toLowerCase())) {
      throw legacy(
        `The header '${name}' was specified multiple times. Each header must appear only once in a batch part.`,
      );
    }
    headers[name.toLowerCase()] = line.slice(colon + 1).trim();
    at = end + 2;
  }
}

function parseOperation(rules: Unverified, block: Block): BatchOperation {
  if (!/^application\/http\b/i.test(block.headers["content-type"] ?? "")) throw unreadable();
  if (block.headers["content-transfer-encoding"]?.toLowerCase() !== "binary") {
    throw legacy("The 'Content-Transfer-Encoding' header of a batch part must be 'binary'.");
  }
  const end = block.rest.indexOf("\r\n");
  const first = end < 0 ? block.rest : block.rest.slice(0, end);
  const request = /^([A-Z]+) (\S+) HTTP\/1\.1$/.exec(first);
  if (!request || end < 0) throw unreadable();
  const method = request[1]!;
  if (!METHODS.has(method)) throw legacy(`An invalid HTTP method '${method}' was detected.`);
  // The line end before a boundary belongs to the boundary: a request without a body needs two empty lines.
  const spare = rules.batchPartsNeedTwoEmptyLines ? "" : "\r\n";
  const inner = headerBlock(block.rest.slice(end + 2) + spare);
  return {
    contentId: block.headers["content-id"] ?? inner.headers["content-id"],
    method,
    url: request[2]!,
    headers: inner.headers,
    body: trimEndOf(inner.rest, "\r\n"),
  };
}

function parseChangeSet(rules: Unverified, text: string, boundary: string): BatchOperation[] {
  const seen = new Set<string>();
  return splitParts(text, boundary, false).map((part) => {
    const block = headerBlock(part);
    if (/^multipart\//i.test(block.headers["content-type"] ?? "")) {
      throw legacy("A change set cannot contain another change set.");
    }
    const operation = parseOperation(rules, block);
    if (operation.method === "GET") {
      throw legacy(
        "An invalid HTTP method 'GET' was detected for a request in a change set. Requests in change sets only " +
          "support the HTTP methods 'POST', 'PUT', 'DELETE', and 'PATCH'.",
      );
    }
    const id = operation.contentId;
    if (id === undefined) throw legacy("A request in a change set has no Content-ID header.");
    if (seen.has(id)) {
      throw legacy(
        `The content ID '${id}' was found more than once in the same change set or same batch request. Content IDs ` +
          "have to be unique across all operations of a change set for OData V4.0 and have to be unique across all " +
          "operations in the whole batch request for OData V4.01.",
      );
    }
    seen.add(id);
    return operation;
  });
}

/** @throws Refusal for the whole batch when any of it is malformed */
export function parseBatch(rules: Unverified, contentType: string | undefined, body: string): BatchItem[] {
  const boundary = boundaryOf(contentType);
  if (boundary === undefined) {
    throw legacy("The content type of a batch request must be 'multipart/mixed' with a boundary.");
  }
  if (rules.batchRefusesBareLineFeeds && /(?<!\r)\n|\r(?!\n)/.test(body)) throw unreadable();
  const items = splitParts(body, boundary, true).map((part): BatchItem => {
    const block = headerBlock(part);
    const nested = boundaryOf(block.headers["content-type"]);
    if (nested === undefined) return { is: "operation", operation: parseOperation(rules, block) };
    return { is: "change set", operations: parseChangeSet(rules, block.rest, nested) };
  });
  const isEmpty = items.length === 0 || items.some((item) => item.is === "change set" && !item.operations[0]);
  if (isEmpty && rules.emptyBatch === "refused") throw unreadable();
  const count = items.reduce((sum, item) => sum + (item.is === "operation" ? 1 : item.operations.length), 0);
  if (count > MOST_REQUESTS) {
    throw new Refusal(400, rules.batchTooLarge.code, rules.batchTooLarge.message);
  }
  return items;
}
