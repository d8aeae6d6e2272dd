import {
  createHmac,
  createPublicKey,
  randomBytes,
  timingSafeEqual,
  verify,
  X509Certificate,
} from "node:crypto";
import { isGuid, randomId } from "./guid.ts";
import { type SandboxUser, TENANT_ID } from "./organization.ts";

/**
 * The part of Entra that a client meets: the token endpoint of the v2 protocol and its discovery document (pages:
 * authenticate-oauth; identity-platform/v2-oauth2-client-creds-grant-flow, reference-error-codes,
 * certificate-credentials).
 */

export interface TokenReply {
  readonly status: number;
  readonly body: string;
}

export interface Authority {
  /** @param url the sandbox as the client reached it, the audience of its tokens */
  token(url: string, tenant: string, form: string): TokenReply;
  /** The user that a bearer token names, or undefined when it is not good any more. */
  userOf(authorization: string | undefined): SandboxUser | undefined;
  /** Ends one token (an Authorization header), or all of one application, or all there are. */
  revoke(what?: string | { readonly clientId: string }): void;
}

const MOST_TOKENS = 10_000;
const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function decodePart(part: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part ?? "", "base64url").toString());
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** The error frame of the token endpoint. */
function refuse(now: Date, status: number, error: string, number: number, text: string): TokenReply {
  const trace = randomId();
  const correlation = randomId();
  const timestamp = `${now.toISOString().slice(0, 19).replace("T", " ")}Z`;
  const body = {
    error,
    error_description: `AADSTS${number}: ${text} Trace ID: ${trace} Correlation ID: ${correlation} Timestamp: ${timestamp}`,
    error_codes: [number],
    timestamp,
    trace_id: trace,
    correlation_id: correlation,
    error_uri: `https://login.microsoftonline.com/error?code=${number}`,
  };
  return { status, body: JSON.stringify(body) };
}

const sameText = (a: string, b: string): boolean => {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
};

/** A resource is the environment's URL; this machine has several names. */
function isSameSite(audience: string, url: string): boolean {
  const plain = (text: string) => text.replace(/\/$/, "").replace("//localhost", "//127.0.0.1");
  return plain(audience) === plain(url);
}

/** Whether an assertion is signed by the user's certificate and meant for this endpoint. */
function assertionHolds(user: SandboxUser, assertion: string, tenant: string, now: Date): boolean {
  const [head, payload, signature] = assertion.split(".");
  if (!head || !payload || !signature || !user.certificate) return false;
  const { alg } = decodePart(head);
  const claims = decodePart(payload);
  const seconds = now.getTime() / 1000;
  if (claims.iss !== user.clientId || claims.sub !== user.clientId) return false;
  if (typeof claims.exp !== "number" || claims.exp < seconds) return false;
  if (typeof claims.aud !== "string" || !claims.aud.includes(`/${tenant}/`)) return false;
  try {
    const pem = user.certificate;
    const key = pem.includes("CERTIFICATE") ? new X509Certificate(pem).publicKey : createPublicKey(pem);
    const signed = Buffer.from(`${head}.${payload}`);
    const bytes = Buffer.from(signature, "base64url");
    if (alg === "RS256") return verify("sha256", signed, key, bytes);
    return alg === "PS256" && verify("sha256", signed, { key, padding: 6, saltLength: 32 }, bytes);
  } catch {
    return false;
  }
}

export function createAuthority(
  users: readonly SandboxUser[],
  lifetimeSeconds: number,
  now: () => Date,
): Authority {
  const secret = randomBytes(32);
  const sign = (text: string): string => createHmac("sha256", secret).update(text).digest("base64url");
  /** By the Authorization header that carries them: what is not here was never issued, or is over. */
  const issued = new Map<string, { readonly user: SandboxUser; readonly expires: number }>();

  function forgetExpired(): void {
    const time = now().getTime();
    for (const [header, { expires }] of issued) if (expires <= time) issued.delete(header);
    // A client that asks for a token per request must not fill the memory: the oldest go.
    for (const header of issued.keys()) {
      if (issued.size < MOST_TOKENS) break;
      issued.delete(header);
    }
  }

  function issue(user: SandboxUser, audience: string): TokenReply {
    const seconds = Math.floor(now().getTime() / 1000);
    const claims = {
      aud: audience,
      iss: `https://sts.windows.net/${TENANT_ID}/`,
      iat: seconds,
      nbf: seconds,
      exp: seconds + lifetimeSeconds,
      appid: user.clientId,
      tid: TENANT_ID,
      idtyp: "app",
      uti: randomId(),
      ver: "1.0",
    };
    const unsigned = `${encode({ typ: "JWT", alg: "HS256" })}.${encode(claims)}`;
    const token = `${unsigned}.${sign(unsigned)}`;
    const body = {
      token_type: "Bearer",
      expires_in: lifetimeSeconds,
      ext_expires_in: lifetimeSeconds,
      access_token: token,
    };
    forgetExpired();
    issued.set(`Bearer ${token}`, { user, expires: (seconds + lifetimeSeconds) * 1000 });
    return { status: 200, body: JSON.stringify(body) };
  }

  return {
    token(url, tenant, form) {
      const fields = new URLSearchParams(form);
      const no = (status: number, error: string, number: number, text: string) =>
        refuse(now(), status, error, number, text);
      if (tenant.toLowerCase() !== TENANT_ID) {
        return no(
          400,
          "invalid_request",
          90002,
          `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID.`,
        );
      }
      const grant = fields.get("grant_type");
      if (grant === null) {
        return no(
          400,
          "invalid_request",
          900144,
          "The request body must contain the following parameter: 'grant_type'.",
        );
      }
      if (grant !== "client_credentials") {
        return no(
          400,
          "unsupported_grant_type",
          70003,
          `The app requested an unsupported grant type '${grant}'.`,
        );
      }
      const clientId = fields.get("client_id") ?? "";
      const user = users.find((candidate) => candidate.clientId === clientId.toLowerCase());
      if (!user) {
        const known = isGuid(clientId) ? clientId : `${clientId.slice(0, 60)}`;
        return no(
          400,
          "unauthorized_client",
          700016,
          `Application with identifier '${known}' was not found in the directory 'Contoso'.`,
        );
      }
      const assertion = fields.get("client_assertion");
      const given = fields.get("client_secret");
      if (assertion !== null) {
        if (
          fields.get("client_assertion_type") !== ASSERTION_TYPE ||
          !assertionHolds(user, assertion, tenant, now())
        ) {
          return no(
            401,
            "invalid_client",
            700027,
            "The certificate with identifier used to sign the client assertion is not registered on application, or the assertion is not valid.",
          );
        }
      } else if (given === null) {
        return no(
          401,
          "invalid_client",
          7000218,
          "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        );
      } else if (!sameText(given, user.clientSecret)) {
        return no(
          401,
          "invalid_client",
          7000215,
          `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`,
        );
      }
      const scope = fields.get("scope");
      const audience = scope?.endsWith("/.default") ? scope.slice(0, -"/.default".length) : undefined;
      if (audience === undefined || !isSameSite(audience, url)) {
        return no(
          400,
          "invalid_scope",
          1002012,
          `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
        );
      }
      return issue(user, url);
    },
    userOf(authorization) {
      const found = issued.get(authorization ?? "");
      return found && found.expires > now().getTime() ? found.user : undefined;
    },
    revoke(what) {
      if (typeof what === "string") issued.delete(what);
      else if (what === undefined) issued.clear();
      else {
        const clientId = what.clientId.toLowerCase();
        for (const [header, { user }] of issued) if (user.clientId === clientId) issued.delete(header);
      }
    },
  };
}

/** `/{tenant}/v2.0/.well-known/openid-configuration` (page: identity-platform/v2-protocols-oidc). */
export function discovery(url: string, tenant: string): string {
  return JSON.stringify({
    token_endpoint: `${url}/${tenant}/oauth2/v2.0/token`,
    token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt"],
    jwks_uri: `${url}/${tenant}/discovery/v2.0/keys`,
    response_modes_supported: ["query", "fragment", "form_post"],
    subject_types_supported: ["pairwise"],
    id_token_signing_alg_values_supported: ["RS256"],
    response_types_supported: ["code", "id_token", "code id_token", "id_token token"],
    scopes_supported: ["openid", "profile", "email", "offline_access"],
    issuer: `${url}/${tenant}/v2.0`,
    authorization_endpoint: `${url}/${tenant}/oauth2/v2.0/authorize`,
    device_authorization_endpoint: `${url}/${tenant}/oauth2/v2.0/devicecode`,
    end_session_endpoint: `${url}/${tenant}/oauth2/v2.0/logout`,
    tenant_region_scope: "EU",
    cloud_instance_name: "microsoftonline.com",
  });
}
