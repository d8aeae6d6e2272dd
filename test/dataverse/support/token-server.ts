/** A token service over http or https: answers what Microsoft Entra answers, and remembers what it was asked. */
import { createServer as createPlain, type IncomingHttpHeaders, type RequestListener } from "node:http";
import { createServer as createSecure } from "node:https";
import type { AddressInfo } from "node:net";
import { generate } from "selfsigned";

export interface TokenServer extends AsyncDisposable {
  readonly origin: string;
  /** The certificate to trust, for https. */
  readonly ca: string | undefined;
  /** Forms of the token requests so far. */
  readonly forms: Record<string, string>[];
  /** Paths asked for. */
  readonly paths: string[];
  /** Headers of all requests. */
  readonly headers: IncomingHttpHeaders[];
  /** Where its discovery document sends clients; itself by default. */
  tokenOrigin: string;
  /** What the next token requests are answered with. */
  answer: () => {
    readonly status: number;
    readonly body: unknown;
    readonly headers?: Record<string, string>;
  };
}

export function issued(token: string, seconds = 3599) {
  return {
    status: 200,
    body: { token_type: "Bearer", expires_in: seconds, ext_expires_in: seconds, access_token: token },
  };
}

export async function startTokenServer(kind: "http" | "https"): Promise<TokenServer> {
  let origin = "";
  const state: Pick<TokenServer, "forms" | "paths" | "headers" | "tokenOrigin" | "answer"> = {
    tokenOrigin: "",
    forms: [],
    paths: [],
    headers: [],
    answer: () => issued(`token-${state.forms.length}`),
  };
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const path = request.url ?? "";
      state.paths.push(path);
      state.headers.push(request.headers);
      const isDiscovery = path.includes("/.well-known/openid-configuration");
      if (!isDiscovery)
        state.forms.push(Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString())));
      const { status, body, headers } = isDiscovery
        ? { status: 200, body: discovery(origin, state.tokenOrigin), headers: {} }
        : { headers: {}, ...state.answer() };
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify(body));
    });
  };
  const pems =
    kind === "https"
      ? await generate([{ name: "commonName", value: "localhost" }], {
          extensions: [
            { name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] },
            { name: "basicConstraints", cA: true },
          ],
        })
      : undefined;
  const server = pems
    ? createSecure({ key: pems.private, cert: pems.cert }, listener)
    : createPlain(listener);
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  origin = `${kind}://localhost:${(server.address() as AddressInfo).port}`;
  state.tokenOrigin = origin;
  return Object.assign(state, {
    origin,
    ca: pems?.cert,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

function discovery(origin: string, tokenOrigin: string) {
  return {
    token_endpoint: `${tokenOrigin}/t1/oauth2/v2.0/token`,
    authorization_endpoint: `${origin}/t1/oauth2/v2.0/authorize`,
    end_session_endpoint: `${origin}/t1/oauth2/v2.0/logout`,
    issuer: `${origin}/t1/v2.0`,
    jwks_uri: `${origin}/t1/discovery/v2.0/keys`,
  };
}
