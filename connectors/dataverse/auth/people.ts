/** People who sign in: with a code on any machine, or with this machine's browser. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  type AccountInfo,
  type AuthenticationResult,
  type DeviceCodeRequest,
  InteractionRequiredAuthError,
  PublicClientApplication,
} from "@azure/msal-node";
import { fail } from "../../../src/sdk.ts";
import type { PersonAuth } from "../config.ts";
import { authorityNetwork } from "../sender/network.ts";
import type { AuthorityOptions } from "./auth.ts";
import type { Authority } from "./authority.ts";
import { explained, type Issuer, refusedToken } from "./issuer.ts";
import { vaultPlugin } from "./vault.ts";

/** Milliseconds that a person has for the browser; a code says itself how long it holds. */
const BROWSER_TIME = 300_000;

interface SignIn {
  /** Asks the person; ends early when it is cancelled. */
  ask(): Promise<AuthenticationResult | null>;
  cancel(): void;
}

export interface PersonOptions extends AuthorityOptions {
  /** Tells the person what to do. */
  readonly tell: (text: string) => void;
  readonly openBrowser?: ((url: string) => void) | undefined;
}

/** A token of the kept sign-in where there is one, else the person is asked. */
export function openPerson(auth: PersonAuth, options: PersonOptions): Issuer {
  const { authority, scope, ca, cache, who } = options;
  const network = authorityNetwork(authority, ca);
  const cachePlugin =
    auth.cache_key === undefined || cache === undefined
      ? undefined
      : vaultPlugin(cache, cacheName(authority, auth.client_id, scope), auth.cache_key);
  const application = new PublicClientApplication({
    auth: { clientId: auth.client_id, authority: authority.url, knownAuthorities: [...authority.known] },
    ...(cachePlugin ? { cache: { cachePlugin } } : {}),
    system: { networkClient: network },
  });
  const scopes = [scope];
  const silent = async (account: AccountInfo, fresh: boolean) => {
    try {
      return await application.acquireTokenSilent({ account, scopes, forceRefresh: fresh });
    } catch (error) {
      const { errorCode } = error as { errorCode?: unknown };
      if (error instanceof InteractionRequiredAuthError || errorCode === "invalid_grant") return null;
      throw error;
    }
  };
  const signIn =
    auth.type === "device_code"
      ? byCode(application, scopes, options)
      : byBrowser(application, scopes, options);
  return {
    async issue(fresh) {
      network.begin();
      try {
        const [account] = await application.getAllAccounts();
        const result = (account && (await silent(account, fresh))) ?? (await signIn.ask());
        if (!result?.accessToken) throw refusedToken("", "empty_answer", who);
        return { token: result.accessToken, expires: result.expiresOn?.getTime() ?? 0 };
      } catch (error) {
        throw explained(error, network.trouble, who);
      }
    },
    async [Symbol.asyncDispose]() {
      signIn.cancel();
      await network[Symbol.asyncDispose]();
    },
  };
}

function cacheName({ url }: Authority, client: string, scope: string): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([url, client, scope]))
    .digest("hex");
  return `tokens-${hash.slice(0, 16)}`;
}

/** "Microsoft identity platform and the OAuth 2.0 device authorization grant flow". */
function byCode(application: PublicClientApplication, scopes: string[], { tell }: PersonOptions): SignIn {
  let asked: (DeviceCodeRequest & { cancel?: boolean }) | undefined;
  return {
    ask() {
      asked = {
        scopes,
        deviceCodeCallback: ({ verificationUri, userCode, expiresIn }) =>
          tell(
            `To sign in, open ${plain(verificationUri)} and enter the code ${plain(userCode)} within ${Math.ceil(expiresIn / 60)} minutes.`,
          ),
      };
      return application.acquireTokenByDeviceCode(asked);
    },
    cancel() {
      if (asked) asked.cancel = true;
    },
  };
}

/** "Microsoft identity platform and OAuth 2.0 authorization code flow", with PKCE and a loopback address. */
function byBrowser(
  application: PublicClientApplication,
  scopes: string[],
  { tell, authority, openBrowser = launch }: PersonOptions,
): SignIn {
  let end: ((reason: string) => void) | undefined;
  return {
    async ask() {
      let timer: NodeJS.Timeout | undefined;
      let isOver = false;
      try {
        return await application.acquireTokenInteractive({
          scopes,
          successTemplate: "You are signed in to Backhaul. This window can be closed.",
          errorTemplate: "The sign-in failed. Backhaul says why.",
          openBrowser: async (told) => {
            const url = rerouted(told, authority);
            end = (reason) => {
              isOver = true;
              refuseLoopback(url, reason);
            };
            timer = setTimeout(end, BROWSER_TIME, "expired_token");
            tell(`To sign in, use the browser, or open this address in one of this machine: ${url}`);
            openBrowser(url);
          },
        });
      } catch (error) {
        if (!isOver) throw error;
        throw fail.connection("auth.expired_token", "Nobody signed in with the browser.", "Run it again.");
      } finally {
        clearTimeout(timer);
        end = undefined;
      }
    },
    cancel: () => end?.("access_denied"),
  };
}

/** Plain http on this machine: where MSAL's authority is only a name for it. */
function rerouted(url: string, { url: told, origin }: Authority): string {
  const from = new URL(told).origin;
  return url.startsWith(`${from}/`) ? origin + url.slice(from.length) : url;
}

/** MSAL listens on this machine until somebody answers: an answer of ours is the only way to end that. */
function refuseLoopback(url: string, error: string): void {
  const asked = new URL(url).searchParams;
  const body = new URLSearchParams({ error, state: asked.get("state") ?? "" });
  fetch(asked.get("redirect_uri") ?? "", { method: "POST", body }).catch(() => {});
}

/** Where no browser opens, the address has been told. */
function launch(url: string): void {
  const [command, ...given] =
    process.platform === "win32"
      ? ["rundll32", "url.dll,FileProtocolHandler"]
      : [process.platform === "darwin" ? "open" : "xdg-open"];
  spawn(command!, [...given, url], { stdio: "ignore", detached: true })
    .on("error", () => {})
    .unref();
}

/** What a server sends goes to a terminal. */
function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, "").slice(0, 200);
}
