/** The service that signs in: one of Microsoft Entra, or another that the config names. Pure. */
import { allowedOrigin, isLoopback } from "./config.ts";

export interface Authority {
  /** What MSAL is told; always https, because it refuses anything else. */
  readonly url: string;
  /** Where requests really go. */
  readonly origin: string;
  /** Hosts that MSAL must take our word for. */
  readonly known: readonly string[];
}

/** Microsoft Entra hosts by the end of the organisation's host ("Discover the URL for your organization"). */
const CLOUDS: readonly (readonly [end: string, host: string])[] = [
  [".microsoftdynamics.us", "login.microsoftonline.us"],
  [".appsplatform.us", "login.microsoftonline.us"],
  [".dynamics.cn", "login.chinacloudapi.cn"],
];
const PUBLIC = "login.microsoftonline.com";

/**
 * Where to sign in. The public authority, which is the config's default, gives way to the one of the national
 * cloud that the organisation is in.
 */
export function authorityOf(tenantName: string, configured: string | undefined, resource: URL): Authority {
  const tenant = encodeURIComponent(tenantName);
  const own = allowedOrigin(configured ?? `https://${PUBLIC}`, "authority");
  if (own.host === PUBLIC) {
    const host = CLOUDS.find(([end]) => resource.hostname.endsWith(end))?.[1] ?? PUBLIC;
    return { url: `https://${host}/${tenant}`, origin: `https://${host}`, known: [] };
  }
  // A plain http authority on this machine: MSAL is given the public one and our network client goes there.
  if (own.protocol === "http:" && isLoopback(own.hostname)) {
    return { url: `https://${PUBLIC}/${tenant}`, origin: own.origin, known: [] };
  }
  return { url: `${own.origin}/${tenant}`, origin: own.origin, known: [own.host] };
}
