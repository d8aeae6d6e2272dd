/** The service that signs in: one of Microsoft Entra, or another that the config names. Pure. */
import { allowedOrigin, isLoopback } from "../config.ts";
import { loginOf, PUBLIC_LOGIN } from "../sender/hosts.ts";

export interface Authority {
  /** What MSAL is told; always https, because it refuses anything else. */
  readonly url: string;
  /** Where requests really go. */
  readonly origin: string;
  /** Hosts that MSAL must take our word for. */
  readonly known: readonly string[];
}

/**
 * Where to sign in. The public authority, which is the config's default, gives way to the one of the national
 * cloud that the organisation is in.
 */
export function authorityOf(tenantName: string, configured: string | undefined, resource: URL): Authority {
  const tenant = encodeURIComponent(tenantName);
  const own = allowedOrigin(configured ?? `https://${PUBLIC_LOGIN}`, "authority");
  if (own.host === PUBLIC_LOGIN) {
    const host = loginOf(resource.hostname) ?? PUBLIC_LOGIN;
    return { url: `https://${host}/${tenant}`, origin: `https://${host}`, known: [] };
  }
  // A plain http authority on this machine: MSAL is given the public one and our network client goes there.
  if (own.protocol === "http:" && isLoopback(own.hostname)) {
    return { url: `https://${PUBLIC_LOGIN}/${tenant}`, origin: own.origin, known: [] };
  }
  return { url: `${own.origin}/${tenant}`, origin: own.origin, known: [own.host] };
}
