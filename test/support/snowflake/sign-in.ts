/** Who may sign in, and how each refusal is said: codes and sentences of the service. */
import { createHash, createPublicKey, verify } from "node:crypto";

export interface User {
  readonly password?: string;
  /** PEM of the public key. */
  readonly publicKey?: string;
  readonly accessTokens?: readonly string[];
  readonly oauthTokens?: readonly string[];
  readonly workloadTokens?: readonly string[];
}

export interface Login {
  readonly ACCOUNT_NAME?: string;
  readonly LOGIN_NAME?: string;
  readonly PASSWORD?: string;
  readonly TOKEN?: string;
  readonly AUTHENTICATOR?: string;
  readonly PROVIDER?: string;
}

export interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** The user's name, or a refusal. */
export function signIn(
  account: string,
  users: Readonly<Record<string, User>>,
  login: Login,
): string | Refusal {
  const name = login.LOGIN_NAME?.toUpperCase() ?? "";
  const byToken = (list: "accessTokens" | "oauthTokens" | "workloadTokens"): string | undefined =>
    Object.keys(users).find((user) => users[user]?.[list]?.includes(login.TOKEN ?? ""));
  switch (login.AUTHENTICATOR) {
    case "SNOWFLAKE":
    case undefined:
      if (users[name]?.password !== undefined && users[name].password === login.PASSWORD) return name;
      return { code: "390100", message: "Incorrect username or password was specified." };
    case "SNOWFLAKE_JWT":
      return isSigned(account, name, users[name], login.TOKEN ?? "")
        ? name
        : { code: "390144", message: "JWT token is invalid. [0ce9eb56-821d-4ca9-a774-04ae89a0cf5a]" };
    case "OAUTH":
      return byToken("oauthTokens") ?? { code: "390303", message: "Invalid OAuth access token. [1f0a]" };
    case "PROGRAMMATIC_ACCESS_TOKEN":
      return byToken("accessTokens") ?? { code: "394400", message: "Programmatic access token is invalid." };
    case "WORKLOAD_IDENTITY":
      return (
        byToken("workloadTokens") ?? { code: "390144", message: "The workload's attestation is invalid." }
      );
    default:
      return { code: "390139", message: "The specified authenticator is not accepted." };
  }
}

/** A JWT signed by the user's key, issued by ACCOUNT.USER.SHA256:fingerprint, and not out of date. */
function isSigned(account: string, name: string, user: User | undefined, token: string): boolean {
  const [head = "", body = "", signature = ""] = token.split(".");
  if (user?.publicKey === undefined) return false;
  const key = createPublicKey(user.publicKey);
  const der = key.export({ format: "der", type: "spki" });
  const fingerprint = `SHA256:${createHash("sha256").update(der).digest("base64")}`;
  const parse = (part: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(part, "base64url").toString());
  const claims = parse(body);
  const expires = Number(claims.exp) > 1e11 ? Number(claims.exp) : Number(claims.exp) * 1_000;
  const subject = `${account.toUpperCase()}.${name}`;
  return (
    parse(head).alg === "RS256" &&
    verify("sha256", Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url")) &&
    claims.iss === `${subject}.${fingerprint}` &&
    claims.sub === subject &&
    expires > Date.now()
  );
}
