/** Applications with a credential of their own: client secret, certificate, or federated token. */
import { ConfidentialClientApplication, type NodeAuthOptions } from "@azure/msal-node";
import type { ApplicationAuth } from "../config.ts";
import { authorityNetwork } from "../sender/network.ts";
import type { AuthorityOptions } from "./auth.ts";
import { explained, type Issuer, refusedToken } from "./issuer.ts";

/** Opens the client credentials flow ("Microsoft identity platform and the OAuth 2.0 client credentials flow"). */
export async function openApplication(auth: ApplicationAuth, options: AuthorityOptions): Promise<Issuer> {
  const { authority, scope, ca, who, folder } = options;
  const credential = await credentialOf(auth, folder);
  const network = authorityNetwork(authority, ca);
  const application = new ConfidentialClientApplication({
    auth: {
      clientId: auth.client_id,
      authority: authority.url,
      knownAuthorities: [...authority.known],
      ...credential.auth,
    },
    system: { networkClient: network },
  });
  return {
    async issue(fresh) {
      network.begin();
      await credential.renew();
      try {
        const result = await application.acquireTokenByClientCredential({
          scopes: [scope],
          skipCache: fresh,
        });
        if (!result?.accessToken) throw refusedToken("", "empty_answer", who);
        return { token: result.accessToken, expires: result.expiresOn?.getTime() ?? 0 };
      } catch (error) {
        throw explained(error, network.trouble, who);
      }
    },
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  };
}

interface Credential {
  readonly auth: Pick<NodeAuthOptions, "clientSecret" | "clientCertificate" | "clientAssertion">;
  /** Brings the credential up to date before it is used. */
  renew(): Promise<void>;
}

const keep = async (): Promise<void> => {};

async function credentialOf(auth: ApplicationAuth, folder: string): Promise<Credential> {
  switch (auth.type) {
    case "client_secret":
      return { auth: { clientSecret: auth.client_secret }, renew: keep };
    case "certificate": {
      const { certificateOf } = await import("./certificate.ts");
      return { auth: { clientCertificate: await certificateOf(auth, folder) }, renew: keep };
    }
    case "workload_identity": {
      const { readToken } = await import("./token-file.ts");
      let token = "";
      const renew = async () => {
        token = await readToken(auth.token_file, folder);
      };
      return { auth: { clientAssertion: async () => token }, renew };
    }
  }
}
