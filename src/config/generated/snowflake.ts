// Made from spec/connectors/snowflake.schema.json by spec/generate.mjs: edit that file, not this one.
// Describes the config after its defaults have been filled in.

/**
 * A Snowflake account, and one of the ways to sign in to it.
 */
export interface SnowflakeWarehouse {
  /**
   * A Snowflake account.
   */
  type: "snowflake";
  /**
   * The account's identifier: organisation and account name with a hyphen between, or the older locator with its region.
   */
  account: string;
  /**
   * The user's login name; a token says by itself who it is for.
   */
  user?: string;
  /**
   * The user's private key in PEM; its public half is the user's RSA_PUBLIC_KEY.
   */
  private_key?: string;
  /**
   * The passphrase of the private key, where it has one.
   */
  passphrase?: string;
  /**
   * A programmatic access token of the user.
   */
  access_token?: string;
  /**
   * An OAuth access token that the account's security integration accepts.
   */
  oauth_token?: string;
  workload_identity?: WorkloadIdentity;
  /**
   * The user's password; Snowflake has ended it for users that are services.
   */
  password?: string;
  /**
   * The database that unqualified names belong to.
   */
  database?: string;
  /**
   * The schema that unqualified names belong to.
   */
  schema?: string;
  /**
   * The virtual warehouse that runs the queries; left out, the user's default.
   */
  warehouse?: string;
  /**
   * The role; left out, the user's default.
   */
  role?: string;
  /**
   * The tag that the account's query history shows beside each statement.
   */
  query_tag: string;
  /**
   * Parameters of the session, by their names in Snowflake.
   */
  session_parameters?: {
    [k: string]: string | number | boolean;
  };
  /**
   * Milliseconds that a statement may take, rounded up to seconds; left out, the account decides.
   */
  statement_timeout?: number;
  /**
   * Another address than the account's own, such as that of a private link or of a proxy.
   */
  access_url?: string;
}
/**
 * Signing in as the cloud workload that this machine is, without any secret of its own.
 */
export interface WorkloadIdentity {
  /**
   * Who vouches for the workload: the cloud that it runs in, or an OpenID Connect issuer.
   */
  provider: "aws" | "azure" | "gcp" | "oidc";
  /**
   * The issuer's token; for oidc alone.
   */
  token?: string;
  /**
   * The client id of the user-assigned managed identity; for azure alone.
   */
  client_id?: string;
  /**
   * The Entra resource that Snowflake expects in the token; for azure alone.
   */
  resource?: string;
}
