import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface Received {
  readonly headers: IncomingMessage["headers"];
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it as they like
  readonly body: any;
}

/** What is told over HTTP: answers with each of the replies in turn, the last one for ever. */
export async function receiver(
  ...replies: readonly { status: number; body?: string; headers?: Record<string, string> }[]
): Promise<{ readonly received: readonly Received[]; readonly url: string }> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const part of request) text += part;
    const { status, body = "", headers = {} } = replies[Math.min(received.length, replies.length - 1)]!;
    received.push({ headers: request.headers, body: JSON.parse(text) });
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  onTestFinished(() => void server.close());
  return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?sig=s3cret` };
}
