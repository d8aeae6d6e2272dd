/**
 * `$batch` bodies and replies. Source: "Execute batch operations using the Web API": every line ends with CRLF,
 * a request without a body has an empty line after its headers, replies without a change set come in the order of the requests.
 */
import type { Reply } from "../../../src/sdk.ts";
import { boundaryOf, headersOf, multipart } from "./multipart.ts";

export interface BatchPart {
  readonly method: "GET" | "PATCH" | "POST" | "DELETE";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const BOUNDARY = "batch_backhaul";

export function batchRequest(parts: readonly BatchPart[]): {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
} {
  const lines: string[] = [];
  for (const part of parts) {
    lines.push(`--${BOUNDARY}`, "Content-Type: application/http", "Content-Transfer-Encoding: binary", "");
    lines.push(`${part.method} ${part.path} HTTP/1.1`, "Accept: application/json");
    if (part.body !== undefined) lines.push("Content-Type: application/json; type=entry");
    for (const [name, value] of Object.entries(part.headers ?? {})) lines.push(`${name}: ${value}`);
    lines.push("", part.body ?? "");
  }
  lines.push(`--${BOUNDARY}--`, "");
  return {
    headers: { "content-type": `multipart/mixed; boundary="${BOUNDARY}"`, prefer: "odata.continue-on-error" },
    body: lines.join("\r\n"),
  };
}

/** A batch that stopped early carries its replies under a status of failure: `Content-Type` decides. */
export function isBatchReply(reply: Reply): boolean {
  return boundaryOf(reply.headers["content-type"] ?? "") !== null;
}

/**
 * The replies inside a reply; none when it is no multipart body. Decided by `Content-Type`, never by status: a
 * batch that failed as a whole is plain JSON with the same status that a stopped one carries.
 */
export function batchReply(reply: Reply): Reply[] {
  return multipart(reply.headers["content-type"] ?? "", reply.body).map(({ headers, body }) => {
    const type = headers["content-type"] ?? "";
    return type.startsWith("application/http") ? inner(body) : unreadable(body);
  });
}

const STATUS_LINE = /^HTTP\/1\.1 (\d{3})(?: [^\r\n]*)?\r?\n/;

function inner(text: string): Reply {
  const start = STATUS_LINE.exec(text);
  if (!start?.[1]) return unreadable(text);
  const rest = text.slice(start[0].length);
  const { headers, body } = headersOf(rest);
  return { kind: "reply", status: Number(start[1]), headers, body };
}

/** A part that says nothing is no success: it counts as a fault of the service. */
function unreadable(body: string): Reply {
  return { kind: "reply", status: 500, headers: {}, body };
}
