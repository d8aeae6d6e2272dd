import { STATUS_CODES } from "node:http";
import { answer, refusalReply } from "./answer.ts";
import type { Call, Reply } from "./api.ts";
import { type BatchItem, type BatchOperation, parseBatch } from "./batch-request.ts";
import { bump } from "./counters.ts";
import { errorBody, payloadError, Refusal } from "./errors.ts";
import { type Effects, underFaults } from "./faults/run.ts";
import { randomId } from "./guid.ts";
import { type Headers, parsePreferences } from "./headers.ts";
import { costOf } from "./limits/cost.ts";
import { requireProtocol } from "./protocol.ts";
import type { Unverified } from "./unverified.ts";
import { belowRoot } from "./url.ts";
import type { World } from "./world.ts";

const REFERENCE = /^\$([^/?(]+)/;

/**
 * Batches (page: execute-batch-operations-using-web-api; frames of the parts after captures in `batch-captures/`): parts
 * run one after another, a change set is one transaction that leaves one failing part.
 */

/** Ends a change set: its transaction is taken back and this is the one reply that it leaves. */
class Failed extends Error {
  readonly reply: Reply;
  readonly contentId: string | undefined;
  constructor(reply: Reply, contentId: string | undefined) {
    super("change set failed");
    this.reply = reply;
    this.contentId = contentId;
  }
}

const INHERITED = /^(?:mscrm\.|callerobjectid$|mscrmcallerid$)/;

/** Unverified: what of the outer headers holds for a part that says nothing of its own. */
function headersOf(outer: Call, operation: BatchOperation, rules: Unverified): Headers {
  if (!rules.batchHeadersReachParts) return operation.headers;
  const inherited = Object.entries(outer.headers).filter(([name]) => INHERITED.test(name));
  return { ...Object.fromEntries(inherited), ...operation.headers };
}

/** The part's own URL: absolute, from the host's root, relative to the service root, or `$1…`. */
function callOf(
  { rules }: World,
  outer: Call,
  operation: BatchOperation,
  references: ReadonlyMap<string, string>,
): Call {
  let { url } = operation;
  const reference = REFERENCE.exec(url);
  if (reference && !url.startsWith("$metadata") && !url.startsWith("$batch")) {
    const known = references.get(reference[1]!);
    if (known === undefined) {
      throw payloadError(
        "",
        `Microsoft.OData.ODataException: Content-ID Reference: '$${reference[1]}' does not exist in the batch context.`,
      );
    }
    url = known + url.slice(reference[0].length);
  }
  return {
    method: operation.method,
    target: belowRoot(rules, outer.session.root, url).replace(/^\//, ""),
    headers: headersOf(outer, operation, rules),
    body: operation.body,
    session: { ...outer.session, references },
    uri: url,
    inBatch: true,
  };
}

function runOperation(
  world: World,
  outer: Call,
  operation: BatchOperation,
  references: ReadonlyMap<string, string>,
  effects: Effects,
): Reply {
  try {
    return legacyThrottle(answer(world, callOf(world, outer, operation, references), effects));
  } catch (problem) {
    if (problem instanceof Refusal) return refusalReply(world, operation, problem);
    throw problem;
  }
}

/** Seen live: a throttled part comes in the frame without `error`. */
function legacyThrottle(reply: Reply): Reply {
  if (reply.status !== 429) return reply;
  const { error } = JSON.parse(String(reply.body)) as { error?: { code: string; message: string } };
  if (!error) return reply; // in that frame already
  const refusal = new Refusal(429, error.code, error.message, { legacy: true });
  return { ...reply, body: errorBody(refusal) };
}

function partText(reply: Reply, contentId: string | undefined): string {
  const reason = reply.status === 429 ? "Unknown Status Code" : (STATUS_CODES[reply.status] ?? "Unknown");
  const lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"];
  if (contentId !== undefined) lines.push(`Content-ID: ${contentId}`);
  lines.push("", `HTTP/1.1 ${reply.status} ${reason}`);
  const { REQ_ID, "Content-Type": type, ...rest } = reply.headers;
  if (REQ_ID !== undefined) lines.push(`REQ_ID: ${REQ_ID}`);
  if (type !== undefined) {
    const streamed = reply.status < 300 && type.startsWith("application/json");
    lines.push(`Content-Type: ${type}${streamed ? "; odata.streaming=true" : ""}`);
  }
  lines.push("OData-Version: 4.0");
  for (const [name, value] of Object.entries(rest)) lines.push(`${name}: ${value}`);
  return `${lines.join("\r\n")}\r\n\r\n${reply.body}\r\n`;
}

interface Done {
  readonly text: string;
  readonly status: number;
}

function runChangeSet(
  world: World,
  outer: Call,
  operations: readonly BatchOperation[],
  effects: Effects,
): Done {
  const boundary = `changesetresponse_${randomId()}`;
  const references = new Map<string, string>();
  let replies: { reply: Reply; contentId: string | undefined }[] = [];
  let status = 200;
  try {
    world.store.transaction(() => {
      for (const operation of operations) {
        const reply = runOperation(world, outer, operation, references, effects);
        if (reply.status >= 400) throw new Failed(reply, operation.contentId);
        replies.push({ reply, contentId: operation.contentId });
        const address = reply.headers["OData-EntityId"] ?? reply.address;
        if (operation.contentId !== undefined && address) references.set(operation.contentId, address);
      }
    });
  } catch (problem) {
    if (!(problem instanceof Failed)) throw problem;
    replies = [problem];
    status = problem.reply.status;
  }
  const parts = replies.map(({ reply, contentId }) => `--${boundary}\r\n${partText(reply, contentId)}`);
  const text = `Content-Type: multipart/mixed; boundary=${boundary}\r\n\r\n${parts.join("")}--${boundary}--\r\n`;
  return { text, status };
}

function runItem(world: World, outer: Call, item: BatchItem, effects: Effects): Done {
  if (item.is === "change set") return runChangeSet(world, outer, item.operations, effects);
  const reply = runOperation(world, outer, item.operation, new Map(), effects);
  return { text: partText(reply, undefined), status: reply.status };
}

/**
 * Runs a `$batch` request. Without `odata.continue-on-error` it stops at the first failure, whose status becomes the
 * status of the whole; what ran before stays done (page: execute-batch-operations-using-web-api, "Handle errors").
 */
export function runBatch(world: World, call: Call, effects: Effects): Reply {
  try {
    bump(world.counters.operations, "batch");
    requireProtocol(world.rules, call.headers, call.target);
    const items = parseBatch(world.rules, call.headers["content-type"], call.body);
    effects.executionMs += costOf(world.costs, "batch", undefined, 0);
    return underFaults(world, effects, { kind: "batch", inBatch: false }, () =>
      runItems(world, call, items, effects),
    );
  } catch (problem) {
    if (problem instanceof Refusal) return refusalReply(world, call, problem);
    throw problem;
  }
}

function runItems(world: World, call: Call, items: readonly BatchItem[], effects: Effects): Reply {
  const boundary = `batchresponse_${randomId()}`;
  const goOn = parsePreferences(call.headers.prefer).continueOnError;
  let body = "";
  let status = 200;
  for (const item of items) {
    const done = runItem(world, call, item, effects);
    body += `--${boundary}\r\n${done.text}`;
    if (done.status >= 400 && !goOn) {
      status = done.status;
      break;
    }
  }
  return {
    status,
    headers: { "Content-Type": `multipart/mixed; boundary=${boundary}` },
    body: `${body}--${boundary}--\r\n`,
  };
}
