/** The connector's config, its defaults and what of it is checked here once more. */
import type {
  Browser,
  Certificate,
  ClientSecret,
  DataverseDestination,
  DeviceCode,
  ManagedIdentity,
  WorkloadIdentity,
} from "../../src/config/generated/dataverse.ts";
import { fail } from "../../src/sdk.ts";

export type DataverseConfig = Omit<DataverseDestination, "authority"> &
  Partial<Pick<DataverseDestination, "authority">>;
export type ApplicationAuth = ClientSecret | Certificate | WorkloadIdentity;
export type CertificateAuth = Certificate;
export type ManagedIdentityAuth = ManagedIdentity;
export type PersonAuth = DeviceCode | Browser;

/** Requests in flight of one user at most: beyond the 52 that one web server takes ("Service protection API limits"). */
export const DEFAULT_CONCURRENCY = 128;

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
      `The ${what} is no address.`,
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
