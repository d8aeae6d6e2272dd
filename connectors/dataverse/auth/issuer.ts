/** What issues tokens, and how its refusals are told. */
import { type Failure, fail, PROXY_REMEDY, SyncError } from "../../../src/sdk.ts";

export interface IssuedToken {
  readonly token: string;
  /** Moment of expiry, in milliseconds. */
  readonly expires: number;
}

export interface Issuer extends AsyncDisposable {
  /** Gets a token; `fresh` skips every cache. Throws `connection` and `config` errors. */
  issue(fresh: boolean): Promise<IssuedToken>;
}

const FEDERATION =
  "Compare issuer, subject and audience of the token file with the federated credential of the app registration.";
const AGAIN = "Run the command again and sign in within the time that is given.";
const ALLOW_PUBLIC = 'Switch on "Allow public client flows" of the app registration, under Authentication.';
const CONSENT =
  "Ask an administrator of the tenant to consent to the permission user_impersonation of Dynamics CRM for this client_id.";
const GONE = "Sign in again: run the command once more.";

/** By AADSTS number ("Microsoft Entra authentication and authorization error codes") or by MSAL's own word. */
const REMEDIES: Readonly<Record<string, string>> = {
  AADSTS7000215: "Check that client_secret is the secret's value, not its id, and belongs to this client_id.",
  AADSTS7000222: "The secret has expired: make a new one for the app registration.",
  AADSTS7000218: ALLOW_PUBLIC,
  AADSTS7000112: "The application is disabled: enable it in the tenant's enterprise applications.",
  AADSTS700016: "Check client_id and tenant: the tenant knows no such application.",
  AADSTS700027:
    "Check the certificate: upload its public part to the app registration of this client_id, and see that it has not expired.",
  AADSTS700024: "Check this machine's clock, and that the token file is renewed before it expires.",
  AADSTS70021: FEDERATION,
  AADSTS700211: FEDERATION,
  AADSTS700212: FEDERATION,
  AADSTS700213: FEDERATION,
  AADSTS90002: "Check tenant: there is no such tenant.",
  AADSTS900023: "Check tenant: it is neither a tenant id nor a domain.",
  AADSTS90038: "Check url and authority: the tenant is in another national cloud.",
  AADSTS500011:
    "Check url: the tenant knows no such organisation. Behind a gateway, set resource to the organisation's own address.",
  AADSTS1002012:
    "Check url: it has to be the organisation's own address. Behind a gateway, set resource to that address.",
  AADSTS65001: CONSENT,
  AADSTS650057: CONSENT,
  AADSTS90094: CONSENT,
  AADSTS500113: 'Add the redirect URI http://localhost to the app registration, as "Mobile and desktop".',
  AADSTS50011: 'Add the redirect URI http://localhost to the app registration, as "Mobile and desktop".',
  AADSTS50020: "Sign in with an account of the tenant, or add this one to it as a guest.",
  AADSTS50034: "Sign in with an account of the tenant, or add this one to it as a guest.",
  AADSTS50105: "Assign the person to the enterprise application in the tenant.",
  AADSTS53003: "A conditional access policy blocks the application: ask an administrator of the tenant.",
  AADSTS70020: AGAIN,
  AADSTS700082: GONE,
  AADSTS50173: GONE,
  authorization_declined: "The person declined: run the command again and accept.",
  access_denied: "The person declined: run the command again and accept.",
  expired_token: AGAIN,
  device_code_expired: AGAIN,
  user_timeout_reached: AGAIN,
  identity_not_found:
    "Assign the identity to this machine; for a user-assigned one, check client_id, for a system-assigned one, leave it out.",
};

/**
 * A refusal by the token service. Its own text is not repeated: only the code is ours to vouch for.
 *
 * @param who what was refused, for example `the application`
 */
export function refusedToken(text: string, code: string | undefined, who: string): SyncError {
  const found = /AADSTS\d+/.exec(text)?.[0];
  const name = found ?? code ?? "unknown";
  return fail.connection(
    `auth.${name}`,
    `The token service refused ${who} (${name}).`,
    REMEDIES[name] ??
      "Look the code up in Microsoft's list of AADSTS codes and mend the app registration or the config.",
  );
}

/** What the network met: a failure of its own, or what the token service said when it refused. */
export interface Trouble {
  readonly error?: SyncError;
  readonly code?: string;
  readonly text?: string;
}

/** What MSAL threw, in our words. */
export function explained(error: unknown, trouble: Trouble, who: string): SyncError {
  if (error instanceof SyncError) return error;
  if (trouble.error) return trouble.error;
  const { errorCode, errorMessage, message } = error as Record<string, unknown>;
  const code = [trouble.code, errorCode].find((word) => typeof word === "string" && /^\w{1,60}$/.test(word));
  const text = [trouble.text, errorMessage, message].map((part) => String(part ?? "")).join(" ");
  return refusedToken(text, code as string | undefined, who);
}

export function unreachableToken(origin: string, failure: Failure): SyncError {
  return fail.connection(
    `auth.${failure.reason}`,
    `The token service ${origin} cannot be reached (${failure.detail}).`,
    UNREACHABLE[failure.reason] ?? "Check the network, a proxy in between, and the authority.",
  );
}

const UNREACHABLE: Partial<Record<Failure["reason"], string>> = {
  tls: "Trust its certificate by NODE_EXTRA_CA_CERTS, or mend the authority.",
  proxy: PROXY_REMEDY,
};
