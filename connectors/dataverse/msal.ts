/** Client credentials through MSAL, over a network client of our own: one origin, with a deadline. */
import {
  ConfidentialClientApplication,
  type INetworkModule,
  type NetworkRequestOptions,
  type NetworkResponse,
} from "@azure/msal-node";
import { fail, openTransport, SyncError, type Transport } from "../../src/sdk.ts";
import type { Authority } from "./authority.ts";
import type { ClientSecretAuth } from "./config.ts";
import { type Issuer, refusedToken, unreachableToken } from "./issuer.ts";

const DEADLINE = 30_000;

export interface IssuerOptions {
  readonly auth: ClientSecretAuth;
  readonly authority: Authority;
  readonly scope: string;
  readonly ca?: string | undefined;
}

export function openIssuer({ auth, authority, scope, ca }: IssuerOptions): Issuer {
  const transport = openTransport(authority.origin, { connections: 2, deadline: DEADLINE, ca });
  const network = new Network(transport, authority);
  const application = new ConfidentialClientApplication({
    auth: {
      clientId: auth.client_id,
      clientSecret: auth.client_secret,
      authority: authority.url,
      knownAuthorities: [...authority.known],
    },
    system: { networkClient: network },
  });
  return {
    async issue(fresh) {
      network.error = undefined;
      try {
        const result = await application.acquireTokenByClientCredential({
          scopes: [scope],
          skipCache: fresh,
        });
        if (!result?.accessToken) throw refusedToken("", "empty_answer");
        return { token: result.accessToken, expires: result.expiresOn?.getTime() ?? 0 };
      } catch (error) {
        throw explained(error, network);
      }
    },
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
}

function explained(error: unknown, network: Network): SyncError {
  if (error instanceof SyncError) return error;
  if (network.error) return network.error; // MSAL wraps what its network client throws
  const { errorCode, errorMessage, message } = error as Record<string, unknown>;
  return refusedToken(
    String(errorMessage ?? message ?? ""),
    typeof errorCode === "string" ? errorCode : undefined,
  );
}

/** MSAL's default client has no timeout and would follow a discovery document to any host. */
class Network implements INetworkModule {
  error: SyncError | undefined;
  readonly #transport: Transport;
  readonly #authority: Authority;

  constructor(transport: Transport, authority: Authority) {
    this.#transport = transport;
    this.#authority = authority;
  }

  sendGetRequestAsync<T>(url: string, options?: NetworkRequestOptions): Promise<NetworkResponse<T>> {
    return this.#exchange<T>("GET", url, options);
  }

  sendPostRequestAsync<T>(url: string, options?: NetworkRequestOptions): Promise<NetworkResponse<T>> {
    return this.#exchange<T>("POST", url, options);
  }

  async #exchange<T>(
    method: "GET" | "POST",
    url: string,
    options: NetworkRequestOptions | undefined,
  ): Promise<NetworkResponse<T>> {
    const target = new URL(url);
    const expected = [this.#authority.origin, new URL(this.#authority.url).origin];
    if (!expected.includes(target.origin)) {
      this.error = fail.connection(
        "auth.foreign_host",
        `The token service ${this.#authority.origin} points at another host, ${target.origin}.`,
        "Set the authority to the host that issues tokens.",
      );
      throw this.error;
    }
    const answer = await this.#transport.send({
      method,
      path: `${target.pathname}${target.search}`,
      headers: { ...options?.headers },
      ...(options?.body === undefined ? {} : { body: options.body }),
      purpose: "read",
      signal: new AbortController().signal, // the transport's own deadline ends it
    });
    if (answer.kind === "failure") {
      this.error = unreachableToken(this.#authority.origin, answer);
      throw this.error;
    }
    return { headers: { ...answer.headers }, body: parsed(answer.body) as T, status: answer.status };
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return {};
  }
}
