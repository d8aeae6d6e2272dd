import { createPrivateKey } from "node:crypto";
import type { ConnectionOptions } from "snowflake-sdk";
import type { SnowflakeWarehouse } from "../../src/config/generated/snowflake.ts";
import { fail } from "../../src/sdk.ts";

export type SnowflakeConfig = SnowflakeWarehouse;

/** The driver's own form of the config. Throws `connection` for a private key that cannot be read. */
export function connectionOf(config: SnowflakeConfig): ConnectionOptions {
  const { account, user, database, schema, warehouse, role, access_url } = config;
  return {
    account,
    ...(user === undefined ? {} : { username: user }),
    ...signIn(config),
    ...(database === undefined ? {} : { database }),
    ...(schema === undefined ? {} : { schema }),
    ...(warehouse === undefined ? {} : { warehouse }),
    ...(role === undefined ? {} : { role }),
    ...(access_url === undefined ? {} : { accessUrl: access_url.replace(/\/$/, "") }),
    application: "backhaul",
    // A number that is null is null, and not the text NULL.
    representNullAsStringNull: false,
    // A server that does not answer is told of within seconds; the driver would try for five minutes.
    sfRetryMaxLoginRetries: 2,
    timeout: 90_000,
  };
}

function signIn(config: SnowflakeConfig): ConnectionOptions {
  const { private_key, passphrase, access_token, oauth_token, workload_identity, password } = config;
  if (private_key !== undefined)
    return { authenticator: "SNOWFLAKE_JWT", privateKey: pem(private_key, passphrase) };
  if (access_token !== undefined) return { authenticator: "PROGRAMMATIC_ACCESS_TOKEN", token: access_token };
  if (oauth_token !== undefined) return { authenticator: "OAUTH", token: oauth_token };
  if (workload_identity !== undefined) {
    const { provider, token, client_id, resource } = workload_identity;
    return {
      authenticator: "WORKLOAD_IDENTITY",
      workloadIdentityProvider: provider.toUpperCase() as "AWS" | "AZURE" | "GCP" | "OIDC",
      ...(token === undefined ? {} : { token }),
      ...(client_id === undefined ? {} : { workloadIdentityAzureClientId: client_id }),
      ...(resource === undefined ? {} : { workloadIdentityAzureEntraIdResource: resource }),
    };
  }
  return { authenticator: "SNOWFLAKE", ...(password === undefined ? {} : { password }) };
}

/** The key without its passphrase, in the one form that the driver takes. */
function pem(key: string, passphrase: string | undefined): string {
  try {
    const read = createPrivateKey({ key, ...(passphrase === undefined ? {} : { passphrase }) });
    if (read.asymmetricKeyType === "rsa") return read.export({ format: "pem", type: "pkcs8" }).toString();
  } catch {
    // What the library says of a key is kept out of the message: it may quote it.
  }
  throw fail.connection(
    "snowflake.private_key",
    "The private key of the Snowflake warehouse cannot be read.",
    "It is an RSA key in PEM; one that is encrypted needs its passphrase.",
  );
}

/** Account and address for messages; never a user's name or a secret. */
export const addressOf = ({ account, access_url }: SnowflakeConfig): string =>
  access_url === undefined ? account : `${account} (${access_url.replace(/\/$/, "")})`;

/**
 * The parameters of each session of ours: set by one statement, since the driver passes on a few alone. Every
 * format that we depend on is said in the statements themselves, so that the user may set any of these otherwise.
 */
export function parametersOf(config: SnowflakeConfig): Readonly<Record<string, string | number | boolean>> {
  return {
    TIMEZONE: "UTC",
    // What a killed process has left running ends after five minutes, and so do the locks of its transaction
    // once another waits for them ("Aborting transactions"): that long is waited, not half a day.
    ABORT_DETACHED_QUERY: true,
    LOCK_TIMEOUT: 660,
    ...upperCase(config.session_parameters ?? {}),
    QUERY_TAG: config.query_tag,
    // A model is one statement.
    MULTI_STATEMENT_COUNT: 1,
    ...(config.statement_timeout === undefined
      ? {}
      : { STATEMENT_TIMEOUT_IN_SECONDS: Math.ceil(config.statement_timeout / 1_000) }),
  };
}

const upperCase = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name.toUpperCase(), value]));
