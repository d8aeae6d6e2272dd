/** MSAL's way to the network: to known hosts alone, with a deadline, and again after passing faults. */
import type { INetworkModule, NetworkRequestOptions, NetworkResponse } from "@azure/msal-node";
import {
  compose,
  fail,
  newTally,
  openTransport,
  retryReads,
  type Send,
  type Transport,
} from "../../../src/sdk.ts";
import type { Authority } from "../auth/authority.ts";
import { type Trouble, unreachableToken } from "../auth/issuer.ts";

/** Milliseconds that one request may take: MSAL itself would wait for ever. */
const DEADLINE = 30_000;
const ATTEMPTS = 3;
const PATIENCE = 60_000;

export interface Network extends INetworkModule, AsyncDisposable {
  /** What went wrong since `begin`: MSAL wraps what is thrown, and leaves out what some refusals say. */
  readonly trouble: Trouble;
  begin(): void;
}

export interface NetworkOptions {
  /** The origin that a request to an origin really goes to; undefined for one that is not called. */
  readonly route: (origin: string) => string | undefined;
  /** What asks to be called, for the words of a refusal. */
  readonly name: string;
  readonly ca?: string | undefined;
}

/** The network of one authority: a discovery document cannot send clients elsewhere. */
export function authorityNetwork({ url, origin }: Authority, ca: string | undefined): Network {
  const told = new URL(url).origin;
  return openNetwork({
    route: (asked) => (asked === origin || asked === told ? origin : undefined),
    name: origin,
    ca,
  });
}

export function openNetwork({ route, name, ca }: NetworkOptions): Network {
  const transports = new Map<string, Transport>();
  let trouble: Trouble = {};
  const sendTo = (origin: string): Send => {
    const transport =
      transports.get(origin) ?? openTransport(origin, { connections: 2, deadline: DEADLINE, ca });
    transports.set(origin, transport);
    return compose(
      [retryReads({ tally: newTally(), attempts: ATTEMPTS, patience: PATIENCE })],
      transport.send,
    );
  };
  const exchange = async <T>(
    method: "GET" | "POST",
    url: string,
    options: NetworkRequestOptions | undefined,
  ): Promise<NetworkResponse<T>> => {
    const target = new URL(url);
    const origin = route(target.origin);
    if (origin === undefined) {
      const error = fail.connection(
        "auth.foreign_host",
        `The token service ${name} points at another host, ${target.origin}.`,
        "Set the authority to the host that issues tokens.",
      );
      trouble = { error };
      throw error;
    }
    const answer = await sendTo(origin)({
      method,
      path: `${target.pathname}${target.search}`,
      headers: { ...options?.headers },
      ...(options?.body === undefined ? {} : { body: options.body }),
      purpose: "read",
      signal: new AbortController().signal, // the transport's own deadline ends it
    });
    if (answer.kind === "failure") {
      const error = unreachableToken(origin, answer);
      trouble = { error };
      throw error;
    }
    const body = parsed(answer.body);
    trouble = answer.status < 400 ? {} : refusalIn(body);
    return { headers: { ...answer.headers }, body: body as T, status: answer.status };
  };
  return {
    get trouble() {
      return trouble;
    },
    begin: () => {
      trouble = {};
    },
    sendGetRequestAsync: (url, options) => exchange("GET", url, options),
    sendPostRequestAsync: (url, options) => exchange("POST", url, options),
    async [Symbol.asyncDispose]() {
      for (const transport of transports.values()) await transport[Symbol.asyncDispose]();
    },
  };
}

/** "Error response" of the token endpoint. */
function refusalIn(body: unknown): Trouble {
  const { error, error_description } = (body ?? {}) as Record<string, unknown>;
  return typeof error === "string" ? { code: error, text: String(error_description ?? "") } : {};
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return {};
  }
}
