/** Stands between the connector and the sandbox and may change what comes back. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** An answer in the service's place. */
export interface Instead {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** @param change gets the path, the reply's body, and how many replies to writes of this path it has seen, from 1 */
export async function startProxy(
  target: string,
  change: (path: string, body: string, count: number) => string | Instead,
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
    const changed = change(request.url ?? "", body, count);
    const answer = typeof changed === "string" ? { status: reply.status, type, body: changed } : changed;
    response.writeHead(answer.status, { "content-type": answer.type });
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
