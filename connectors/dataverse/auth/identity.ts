/** The identity that Azure gives the machine: App Service, Functions, Container Apps, virtual machines, Arc. */
import { ManagedIdentityApplication } from "@azure/msal-node";
import type { ManagedIdentityAuth } from "../config.ts";
import { openNetwork } from "../sender/network.ts";
import { explained, type Issuer, refusedToken } from "./issuer.ts";

/**
 * One for the process, and never closed: MSAL keeps the first one that it is given. Idle connections keep no process
 * alive.
 */
const network = openNetwork({ route: (origin) => origin, name: "of this machine" });

/**
 * Where to ask is said by the machine's environment, not by the config ("How to use managed identities for App
 * Service", "How to use managed identities on an Azure VM to acquire an access token").
 */
export function openIdentity(
  auth: ManagedIdentityAuth,
  { resource, who }: { readonly resource: string; readonly who: string },
): Issuer {
  const application = new ManagedIdentityApplication({
    ...(auth.client_id === undefined
      ? {}
      : { managedIdentityIdParams: { userAssignedClientId: auth.client_id } }),
    system: { networkClient: network },
  });
  return {
    async issue(fresh) {
      network.begin();
      try {
        const result = await application.acquireToken({ resource, forceRefresh: fresh });
        return { token: result.accessToken, expires: result.expiresOn?.getTime() ?? 0 };
      } catch (error) {
        const { errorMessage, status, statusCode } = error as Record<string, unknown>;
        const isUnknown = /identity not found/i.test(String(errorMessage ?? ""));
        if (isUnknown || (status ?? statusCode) === 404) throw refusedToken("", "identity_not_found", who);
        throw explained(error, network.trouble, who);
      }
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
