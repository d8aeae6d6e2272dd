/**
 * Tokens. Source: "Use OAuth authentication with Microsoft Dataverse" (Microsoft Learn); the scope of an
 * application is the organisation's origin with `/.default`.
 */
import { fail, type TokenSource } from "../../src/sdk.ts";
import { authorityOf } from "./authority.ts";
import type { DataverseConfig } from "./config.ts";
import type { IssuedToken, Issuer } from "./issuer.ts";

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
  const { ca } = options;
  const scope = `${resource.origin}/.default`;
  return singleFlight(async () => (await import("./msal.ts")).openIssuer({ auth, authority, scope, ca }));
}

/** A token with less left than this is renewed before it is used; one that lives shortly, at half its life. */
const MARGIN = 300_000;

/** Ten callers at once make one request: a cold MSAL application would make ten. */
export function singleFlight(open: () => Promise<Issuer>, now = Date.now): TokenSource & AsyncDisposable {
  let opening: Promise<Issuer> | undefined;
  let held: (IssuedToken & { readonly renew: number }) | undefined;
  let flight: Promise<NonNullable<typeof held>> | undefined;
  const fly = async (fresh: boolean) => {
    opening ??= open();
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
      const issuer = await opening?.catch(() => undefined);
      await issuer?.[Symbol.asyncDispose]();
    },
  };
}
