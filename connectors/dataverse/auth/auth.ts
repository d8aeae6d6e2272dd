/**
 * Tokens. Source: "Use OAuth authentication with Microsoft Dataverse" (Microsoft Learn); the scope of an
 * application is the organisation's origin with `/.default`.
 */
import { type Cache, fail, SyncError, type TokenSource } from "../../../src/sdk.ts";
import type { DataverseConfig } from "../config.ts";
import { type Authority, authorityOf } from "./authority.ts";
import type { IssuedToken, Issuer } from "./issuer.ts";

export interface AuthOptions {
  /** The service that signs in. */
  readonly authority?: string | undefined;
  /** Certificates to trust beside the system's, in PEM. */
  readonly ca?: string | undefined;
  /** Relative paths start here. */
  readonly folder?: string | undefined;
  /** Keeps people's sign-ins, where the config has a key for that. */
  readonly cache?: Cache | undefined;
  /** The place in the config, where there are several sign-ins. */
  readonly place?: string | undefined;
  /** Tells a person what to do to sign in. */
  readonly tell?: ((text: string) => void) | undefined;
  readonly openBrowser?: ((url: string) => void) | undefined;
}

/** What a flow of Microsoft Entra needs. */
export interface AuthorityOptions {
  readonly authority: Authority;
  readonly scope: string;
  readonly folder: string;
  /** What a refusal is about, in words. */
  readonly who: string;
  readonly ca?: string | undefined;
  readonly cache?: Cache | undefined;
}

export type Tokens = TokenSource & AsyncDisposable;

/**
 * Opens the token source that the config names; the library behind it is loaded when a token is first needed.
 *
 * @param resource the organisation's own address, which tokens are for
 */
export function tokenSource(auth: DataverseConfig["auth"], resource: URL, options: AuthOptions): Tokens {
  if (auth === undefined) {
    throw fail.config(
      "auth.missing",
      "The destination has no auth.",
      "Add auth with a type, such as client_secret.",
    );
  }
  const { ca, cache, folder = process.cwd(), place } = options;
  const of = place === undefined ? "" : ` of ${place}`;
  switch (auth.type) {
    case "bearer":
      return { token: async () => auth.token, [Symbol.asyncDispose]: async () => {} };
    case "managed_identity": {
      const asked = { resource: resource.origin, who: `the managed identity${of}` };
      return singleFlight(async () => (await import("./identity.ts")).openIdentity(auth, asked));
    }
  }
  const authority = authorityOf(auth.tenant, options.authority, resource);
  const asked = { authority, scope: `${resource.origin}/.default`, folder, ca, cache };
  if (auth.type === "device_code" || auth.type === "browser") {
    const { tell = tellOnStderr, openBrowser } = options;
    const person = { ...asked, who: `the sign-in${of}`, tell, openBrowser };
    return singleFlight(async () => (await import("./people.ts")).openPerson(auth, person));
  }
  const application = { ...asked, who: `the application${of}` };
  return singleFlight(async () => (await import("./msal.ts")).openApplication(auth, application));
}

/** Standard output is for results. */
function tellOnStderr(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** A token with less left than this is renewed before it is used; one that lives shortly, at half its life. */
const MARGIN = 300_000;
/** A token that could not be renewed is used on as long as it has this much left. */
const LEAST = 30_000;

/** Ten callers at once make one request: a cold MSAL application would make ten. */
export function singleFlight(open: () => Promise<Issuer>, now = Date.now): Tokens {
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
    async token(signal, refused) {
      const known = held && held.token !== refused ? held : undefined;
      if (known && now() < known.renew) return known.token;
      flight ??= fly(refused !== undefined || known !== undefined).finally(() => {
        flight = undefined;
      });
      try {
        held = await unless(signal, flight);
      } catch (error) {
        if (known && now() < known.expires - LEAST && !signal.aborted) return known.token;
        throw error;
      }
      return held.token;
    },
    [Symbol.asyncDispose]: async () => {
      const issuer = await opening?.catch(() => undefined);
      await issuer?.[Symbol.asyncDispose]();
    },
  };
}

/** A person may take minutes: an interrupted caller does not wait for them. */
async function unless<T>(signal: AbortSignal, result: Promise<T>): Promise<T> {
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(new SyncError({ kind: "aborted", code: "aborted", message: "Interrupted." }));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([result, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
