/** What issues tokens, and how its refusals are told. */
import { type Failure, fail, type SyncError } from "../../src/sdk.ts";

export interface IssuedToken {
  readonly token: string;
  /** Moment of expiry, in milliseconds. */
  readonly expires: number;
}

export interface Issuer extends AsyncDisposable {
  /** Gets a token; `fresh` skips every cache. Throws `connection` errors. */
  issue(fresh: boolean): Promise<IssuedToken>;
}

const REMEDIES: Readonly<Record<string, string>> = {
  AADSTS7000215: "Check that client_secret is the secret's value, not its id, and belongs to this client_id.",
  AADSTS7000222: "The secret has expired: make a new one for the app registration.",
  AADSTS700016: "Check client_id and tenant: the tenant knows no such application.",
  AADSTS90002: "Check tenant: there is no such tenant.",
  AADSTS900023: "Check tenant: it is neither a tenant id nor a domain.",
  AADSTS500011: "Check url: the tenant knows no such organisation.",
  AADSTS1002012: "Check url: it has to be the organisation's own address.",
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
