/** Stands between the connector and the sandbox and may change what comes back. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** An answer in the service's place. */
export interface Instead {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** A request: its headers and its body. */
export interface Asked {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** @param change gets the path, the reply's body, and how many replies to writes of this path it has seen, from 1 */
export async function startProxy(
  target: string,
  change: (path: string, body: string, count: number, asked: Asked) => string | Instead,
): Promise<AsyncDisposable & { readonly url: string }> {
  let count = 0;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { host: _host, connection: _connection, "content-length": _length, ...headers } = request.headers;
    const reply = await fetch(`${target}${request.url}`, {
      method: request.method ?? "GET",
      redirect: "manual",
      headers: headers as Record<string, string>,
      ...(chunks.length > 0 ? { body: Buffer.concat(chunks) } : {}),
    });
    const body = await reply.text();
    if (body.includes("HTTP/1.1 204")) count++;
    const type = reply.headers.get("content-type") ?? "";
    const asked = { headers: request.headers, body: Buffer.concat(chunks).toString() };
    const changed = change(request.url ?? "", body, count, asked);
    const answer = typeof changed === "string" ? { status: reply.status, type, body: changed } : changed;
    const token = reply.headers.get("x-ms-session-token");
    response.writeHead(answer.status, {
      "content-type": answer.type,
      ...(token === null ? {} : { "x-ms-session-token": token }),
    });
    response.end(answer.status === 204 ? undefined : answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
