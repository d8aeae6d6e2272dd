/** An API gateway in front of the sandbox: another host and path, and a key of its own. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export const KEY = "subscription-key-that-nobody-may-see";
export const PREFIX = "/dynamics";

/** An answer in the service's place. */
export interface Instead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface GatewayOptions {
  /** Writes its own address into answers, instead of leaving the service's. */
  readonly rewrites?: boolean;
  /** May answer itself, or change a body; `user` is the client id in the token. */
  readonly instead?: (user: string, path: string, body: string) => Instead | undefined;
}

export async function startGateway(target: string, { rewrites = false, instead }: GatewayOptions = {}) {
  /** Client ids of the requests so far. */
  const users: string[] = [];
  const seen: string[] = [];
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = request.url ?? "";
    seen.push(path);
    if (!path.startsWith(`${PREFIX}/`) || request.headers["ocp-apim-subscription-key"] !== KEY) {
      response.writeHead(401, { "content-type": "application/json" });
      return response.end('{"statusCode":401,"message":"Access denied due to missing subscription key."}');
    }
    const user = userOf(request.headers.authorization);
    users.push(user);
    const {
      host: _,
      connection: __,
      "content-length": ___,
      "ocp-apim-subscription-key": ____,
      ...headers
    } = request.headers;
    const reply = await fetch(target + path.slice(PREFIX.length), {
      method: request.method ?? "GET",
      headers: headers as Record<string, string>,
      ...(chunks.length > 0 ? { body: Buffer.concat(chunks) } : {}),
    });
    const text = await reply.text();
    const body = rewrites ? text.replaceAll(target, url + PREFIX) : text;
    bodies.push(body);
    const other = instead?.(user, path, body);
    if (other !== undefined) {
      response.writeHead(other.status, other.headers);
      return response.end(other.body);
    }
    const kept = [...reply.headers].filter(
      ([name]) => !/^(connection|keep-alive|content-length|transfer-encoding|content-encoding)$/.test(name),
    );
    const told = kept.map(([name, value]) => [
      name,
      rewrites ? value.replaceAll(target, url + PREFIX) : value,
    ]);
    response.writeHead(reply.status, Object.fromEntries(told));
    response.end(reply.status === 204 ? undefined : body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${url}${PREFIX}`,
    seen,
    users,
    bodies,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function userOf(authorization = ""): string {
  const claims = Buffer.from(authorization.split(".")[1] ?? "", "base64url").toString();
  return (JSON.parse(claims || "{}") as { appid?: string }).appid ?? "";
}
