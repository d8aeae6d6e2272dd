/**
 * Files go by requests of their own, once their record is there: whole, or in parts when they are large. Source: "Use
 * file column data".
 */
import type { FieldWrite, Operation, Outcome, Problem, Reply } from "../../../src/sdk.ts";
import { optionHeaders, tagged } from "../compile/options.ts";
import type { Sending } from "../sender/sender.ts";
import { ownPath } from "../sender/service.ts";
import { pathOf } from "../url.ts";
import { applied, deferred, judged, rejected } from "./outcomes.ts";
import type { SettleOptions } from "./settle.ts";

/** What is sent in one request; the service would take 128 MB. */
const MOST_AT_ONCE = 16 * 1024 * 1024;
/** A part where the service does not say how large it may be. */
const PART = 4 * 1024 * 1024;
/** Files of one batch of records under way at once. */
const SIDE_BY_SIDE = 4;

/** A file as a field's value: the property is the path below its record. */
export interface FileContent {
  readonly name: string;
  readonly base64: string;
}

export const fileProperty = (column: string): string => `${column}/$value`;
export const isFile = ({ property }: FieldWrite): boolean => property.endsWith("/$value");
export function hasFiles({ fields }: Operation): boolean {
  for (const field of fields) if (isFile(field)) return true;
  return false;
}
export const withoutFiles = (operation: Operation): Operation =>
  hasFiles(operation)
    ? { ...operation, fields: operation.fields.filter((field) => !isFile(field)) }
    : operation;

/** Sends the files of records whose rows are written. */
export async function sendFiles(
  operations: readonly Operation[],
  options: SettleOptions,
): Promise<{ readonly outcomes: Outcome[]; readonly gone: Operation[] }> {
  const outcomes: Outcome[] = [];
  const gone: Operation[] = [];
  for (let from = 0; from < operations.length; from += SIDE_BY_SIDE) {
    const group = operations.slice(from, from + SIDE_BY_SIDE);
    const results = await Promise.all(group.map((operation) => sendOf(operation, options)));
    results.forEach((result, index) => {
      if (result === "gone") gone.push(group[index]!);
      else outcomes.push(result);
    });
  }
  return { outcomes, gone };
}

async function sendOf(operation: Operation, options: SettleOptions): Promise<Outcome | "gone"> {
  for (const field of operation.fields.filter(isFile)) {
    const problem = options.stopped();
    if (problem) return deferred(operation, problem);
    const sent = await sendFile(operation, field, options);
    if (sent !== "done") return sent;
  }
  return applied(operation);
}

async function sendFile(
  operation: Operation,
  { field, property, json }: FieldWrite,
  options: SettleOptions,
): Promise<Outcome | "gone" | "done"> {
  const path = `${pathOf(operation.record)}/${property.replace(/\/\$value$/, "")}`;
  const exchange = async (
    request: Omit<Sending, "accepts">,
    status = 204,
  ): Promise<Reply | Outcome | "gone"> => {
    const headers = { ...optionHeaders(options.options), ...request.headers };
    const accepts = (reply: Reply): boolean => reply.status === status;
    const sent = await options.sender.send({ ...request, headers, accepts }, options.context);
    if (sent.kind === "reply") return sent.reply;
    if (sent.fault === "everyone") options.stop(sent.problem);
    const result = sent.reply ? judged(operation, sent.reply, options.table.name) : undefined;
    if (result?.status === "gone") return "gone";
    const problem: Problem = { ...sent.problem, field };
    return sent.fault === "row" || sent.fault === "smaller"
      ? rejected(operation, { ...problem, message: `${field}: ${problem.message}` })
      : deferred(operation, problem);
  };
  const isDone = (result: Reply | Outcome | "gone"): result is Reply =>
    typeof result === "object" && "kind" in result;

  if (json === "null") {
    const result = await exchange({ method: "DELETE", path: tagged(path, options.options), body: "" });
    return isDone(result) ? "done" : result;
  }
  const { name, base64 } = JSON.parse(json) as FileContent;
  const bytes = Buffer.from(base64, "base64");
  const named = `${path}?x-ms-file-name=${encodeURIComponent(name)}`;
  const { tag } = options.options;
  const address = tag === undefined ? named : `${named}&tag=${encodeURIComponent(tag)}`;
  if (bytes.length <= MOST_AT_ONCE) {
    const result = await exchange({ method: "PATCH", path: address, headers: BYTES, body: bytes });
    return isDone(result) ? "done" : result;
  }
  // 200 with an address, 206 for each part and 204 for the last, as for a whole file.
  const opened = await exchange(
    { method: "PATCH", path: address, headers: { "x-ms-transfer-mode": "chunked" }, body: "" },
    200,
  );
  if (!isDone(opened)) return opened;
  const location = opened.headers.location;
  if (location === undefined) return deferred(operation, NO_LOCATION);
  const size = Math.min(PART, Number(opened.headers["x-ms-chunk-size"]) || PART);
  for (let from = 0; from < bytes.length; from += size) {
    const part = bytes.subarray(from, from + size);
    const range = `bytes ${from}-${from + part.length - 1}/${bytes.length}`;
    const headers = { ...BYTES, "content-range": range, "x-ms-file-name": encodeURIComponent(name) };
    const isLast = from + part.length === bytes.length;
    const result = await exchange(
      { method: "PATCH", path: ownPath(location, options.prefix), headers, body: part },
      isLast ? 204 : 206,
    );
    if (!isDone(result)) return result;
  }
  return "done";
}

const BYTES = { "content-type": "application/octet-stream" };

const NO_LOCATION: Problem = {
  kind: "deferred",
  code: "dataverse.no_upload",
  message: "Dataverse did not say where the parts of a file go.",
  remedy: "Nothing to do: the next run tries again.",
};
