import { request as send } from "node:http";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../src/sandbox/index.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly text: string;
  /** The body as JSON; tests read it freely. */
  // biome-ignore lint/suspicious/noExplicitAny: wire bodies are asserted, not typed
  readonly json: any;
}

/** A client without opinions: it sends what it is told and gives back what came. */
export interface Wire {
  readonly sandbox: Sandbox;
  readonly root: string;
  readonly token: string;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  batch(body: string, boundary?: string, headers?: Record<string, string>): Promise<Answer>;
  admin(method: string, path: string, body?: unknown): Promise<Answer>;
  raw(
    method: string,
    path: string,
    body: string | Buffer | undefined,
    headers: Record<string, string>,
  ): Promise<Answer>;
}

export function rawRequest(
  port: number,
  method: string,
  path: string,
  body: string | Buffer | undefined,
  headers: Record<string, string>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = send({ host: "127.0.0.1", port, method, path, headers }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("error", reject);
      incoming.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        let json: unknown;
        try {
          json = JSON.parse(text);
        } catch {
          json = undefined;
        }
        const all = incoming.headers as Record<string, string>;
        resolve({ status: incoming.statusCode ?? 0, headers: all, text, json });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

export async function tokenFor(sandbox: Sandbox, more: Record<string, string> = {}): Promise<Answer> {
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: sandbox.clientId,
    client_secret: sandbox.clientSecret,
    scope: `${sandbox.url}/.default`,
    ...more,
  });
  return rawRequest(sandbox.port, "POST", `/${sandbox.tenant}/oauth2/v2.0/token`, form.toString(), {
    "Content-Type": "application/x-www-form-urlencoded",
  });
}

export async function openWire(options: SandboxOptions = {}): Promise<Wire & AsyncDisposable> {
  const sandbox = await startSandbox(options);
  const token = (await tokenFor(sandbox)).json.access_token as string;
  const common = {
    Authorization: `Bearer ${token}`,
    Accept: "application/json",
    "OData-Version": "4.0",
    "OData-MaxVersion": "4.0",
  };
  const raw: Wire["raw"] = (method, path, body, headers) =>
    rawRequest(sandbox.port, method, path, body, headers);
  return {
    sandbox,
    token,
    root: `${sandbox.url}/api/data/v9.2/`,
    raw,
    call(method, path, body, headers = {}) {
      const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
      const type = text === undefined ? {} : { "Content-Type": "application/json" };
      const url = `/api/data/v9.2/${path}`.replaceAll(" ", "%20");
      return raw(method, url, text, { ...common, ...type, ...headers });
    },
    batch(body, boundary = "b1", headers = {}) {
      const type = { "Content-Type": `multipart/mixed; boundary=${boundary}` };
      return raw("POST", "/api/data/v9.2/$batch", body, { ...common, ...type, ...headers });
    },
    admin(method, path, body) {
      const text = body === undefined ? undefined : JSON.stringify(body);
      return raw(method, `/sandbox/${path}`, text, { "Content-Type": "application/json" });
    },
    [Symbol.asyncDispose]: () => sandbox.close(),
  };
}

export const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The id in an OData-EntityId header. */
export const idIn = (answer: Answer): string =>
  /\(([0-9a-f-]{36})\)$/.exec(answer.headers["odata-entityid"] ?? "")?.[1] ?? "";

/** Lines with CRLF, as the wire wants them. */
export const crlf = (...lines: string[]): string => `${lines.join("\r\n")}\r\n`;

/** One part of a batch. */
export const part = (
  method: string,
  url: string,
  body?: unknown,
  contentId?: string,
  headers: string[] = [],
) => [
  "Content-Type: application/http",
  "Content-Transfer-Encoding: binary",
  ...(contentId === undefined ? [] : [`Content-ID: ${contentId}`]),
  "",
  `${method} ${url} HTTP/1.1`,
  ...(body === undefined ? ["Accept: application/json"] : ["Content-Type: application/json; type=entry"]),
  ...headers,
  "",
  ...(body === undefined ? [""] : [typeof body === "string" ? body : JSON.stringify(body)]),
];
