/**
 * Tokens. Source: "Use OAuth authentication with Microsoft Dataverse" (Microsoft Learn); the scope of an
 * application is the organisation's origin with `/.default`.
 */
import { type Failure, fail, type SyncError, type TokenSource } from "../../src/sdk.ts";
import { allowedOrigin, type DataverseConfig, isLoopback } from "./config.ts";

export interface AuthOptions {
  /** The service that signs in. */
  readonly authority?: string | undefined;
  /** Certificates to trust beside the system's, in PEM. */
  readonly ca?: string | undefined;
}

/** Opens the token source that the config names; the library behind it is loaded when a token is first needed. */
export function tokenSource(
  auth: DataverseConfig["auth"],
  resource: URL,
  options: AuthOptions,
): TokenSource & AsyncDisposable {
  if (auth === undefined) {
    throw fail.config(
      "auth.missing",
      "The destination has no auth.",
      "Add auth with a type, such as client_secret.",
    );
  }
  if (auth.type === "bearer") {
    return { token: async () => auth.token, [Symbol.asyncDispose]: async () => {} };
  }
  if (auth.type !== "client_secret") {
    throw fail.config(
      "auth.unsupported",
      `Signing in by ${auth.type} is not supported yet.`,
      "Use client_secret or bearer.",
    );
  }
  const authority = authorityOf(auth.tenant, options.authority, resource);
  const issuer = import("./msal.ts").then(({ openIssuer }) =>
    openIssuer({ auth, authority, scope: `${resource.origin}/.default`, ca: options.ca }),
  );
  issuer.catch(() => {}); // seen by whoever asks for a token
  return singleFlight(issuer);
}

export interface IssuedToken {
  readonly token: string;
  /** Moment of expiry, in milliseconds. */
  readonly expires: number;
}

export interface Issuer extends AsyncDisposable {
  /** Gets a token; `fresh` skips every cache. Throws `connection` errors. */
  issue(fresh: boolean): Promise<IssuedToken>;
}

/** A token with less left than this is renewed before it is used; one that lives shortly, at half its life. */
const MARGIN = 300_000;

/** Ten callers at once make one request: a cold MSAL application would make ten. */
export function singleFlight(opening: Promise<Issuer>, now = Date.now): TokenSource & AsyncDisposable {
  let held: (IssuedToken & { readonly renew: number }) | undefined;
  let flight: Promise<NonNullable<typeof held>> | undefined;
  const fly = async (fresh: boolean) => {
    const issuer = await opening;
    const issued = await issuer.issue(fresh);
    return { ...issued, renew: issued.expires - Math.min(MARGIN, (issued.expires - now()) / 2) };
  };
  return {
    async token(_signal, refused) {
      if (held && held.token !== refused && now() < held.renew) return held.token;
      flight ??= fly(refused !== undefined).finally(() => {
        flight = undefined;
      });
      held = await flight;
      return held.token;
    },
    [Symbol.asyncDispose]: async () => {
      const issuer = await opening.catch(() => undefined);
      await issuer?.[Symbol.asyncDispose]();
    },
  };
}

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

const REMEDIES: Readonly<Record<string, string>> = {
  AADSTS7000215: "Check that client_secret is the secret's value, not its id, and belongs to this client_id.",
  AADSTS7000222: "The secret has expired: make a new one for the app registration.",
  AADSTS700016: "Check client_id and tenant: the tenant knows no such application.",
  AADSTS90002: "Check tenant: there is no such tenant.",
  AADSTS900023: "Check tenant: it is neither a tenant id nor a domain.",
  AADSTS500011: "Check url: the tenant knows no such organisation.",
  AADSTS53003: "A conditional access policy blocks the application: ask an administrator of the tenant.",
};

/** A refusal by the token service. Its own text is not repeated: only the code is ours to vouch for. */
export function refusedToken(text: string, code: string | undefined): SyncError {
  const found = /AADSTS\d+/.exec(text)?.[0];
  const name = found ?? code ?? "unknown";
  return fail.connection(
    `auth.${name}`,
    `The token service refused the application (${name}).`,
    REMEDIES[name] ??
      "Look the code up in Microsoft's list of AADSTS codes and mend the app registration or the config.",
  );
}

export function unreachableToken(origin: string, failure: Failure): SyncError {
  const remedy =
    failure.reason === "tls"
      ? "Trust its certificate by NODE_EXTRA_CA_CERTS, or mend the authority."
      : "Check the network, a proxy in between, and the authority.";
  return fail.connection(
    `auth.${failure.reason}`,
    `The token service ${origin} cannot be reached (${failure.detail}).`,
    remedy,
  );
}
