import type { ServerResponse } from "node:http";
import type { Reply } from "../api.ts";
import type { Effects } from "./run.ts";

/** Bytes that `trickle` sends at a time, and the pause between them in milliseconds. */
const TRICKLE = { bytes: 64, pause: 20 };

/** Sends a reply that does not arrive as it should. The work behind it is done and stays done. */
export function sendCut(response: ServerResponse, reply: Reply, fate: Effects["reply"]): void {
  const body = Buffer.from(reply.body);
  const half = body.subarray(0, Math.floor(body.length / 2));
  if (fate === "cutMultipart") {
    // The length is right, the content is not: what a proxy leaves that was cut off itself.
    response.writeHead(reply.status, { ...reply.headers, "Content-Length": half.length });
    response.end(half);
    return;
  }
  if (body.length === 0) return void response.socket?.resetAndDestroy(); // nothing to cut
  response.writeHead(reply.status, { ...reply.headers, "Content-Length": body.length });
  if (fate === "truncated") {
    response.write(half, () => response.socket?.end());
    return;
  }
  let at = 0;
  const next = (): void => {
    if (response.destroyed) return;
    const piece = body.subarray(at, at + TRICKLE.bytes);
    at += TRICKLE.bytes;
    if (at >= body.length) return void response.end(piece);
    response.write(piece);
    setTimeout(next, TRICKLE.pause);
  };
  next();
}
