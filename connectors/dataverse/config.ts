/** The connector's config, its defaults and what of it is checked here once more. */
import { fail } from "../../src/sdk.ts";

export interface ClientSecretAuth {
  readonly type: "client_secret";
  readonly tenant: string;
  readonly client_id: string;
  readonly client_secret: string;
  /** Where tokens come from; by default the Microsoft Entra host of the organisation's cloud. */
  readonly authority?: string;
}

export interface BearerAuth {
  readonly type: "bearer";
  readonly token: string;
}

export interface DataverseConfig {
  readonly type: "dataverse";
  readonly url: string;
  readonly auth: ClientSecretAuth | BearerAuth;
  /** Records in one write request. */
  readonly batch_size?: number;
  /** Most requests in flight at once; the service's own hint may be lower. */
  readonly concurrency?: number;
}

export const DEFAULT_BATCH_SIZE = 500;
export const DEFAULT_CONCURRENCY = 16;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** True for a host name of this machine. */
export function isLoopback(hostname: string): boolean {
  return LOOPBACK.test(hostname);
}

/** The origin of a URL that may be called: https, or plain http on this machine. */
export function allowedOrigin(url: string, what: string): URL {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw fail.config(
      "dataverse.url",
      `The ${what} is no URL.`,
      "Write it as https://contoso.crm4.dynamics.com.",
    );
  }
  if (parsed.protocol === "https:" || (parsed.protocol === "http:" && isLoopback(parsed.hostname)))
    return parsed;
  throw fail.config(
    "dataverse.url",
    `The ${what} ${parsed.origin} is not encrypted.`,
    "Use https; plain http is allowed on this machine alone.",
  );
}
