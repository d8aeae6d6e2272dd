// Made from spec/connectors/dataverse.schema.json by spec/generate.mjs: edit that file, not this one.
// Describes the config after its defaults have been filled in.

export type Auth = ClientSecret | Certificate | ManagedIdentity | WorkloadIdentity | DeviceCode | Browser | Bearer;
/**
 * The Microsoft Entra tenant, by id or domain.
 */
export type Tenant = string;
/**
 * The application's (client) id.
 */
export type ClientId = string;
/**
 * Encrypts the sign-in that is kept for the next command; left out, nothing is kept.
 */
export type CacheKey = string;
export type ApplicationUser = ClientSecret | Certificate | ManagedIdentity | WorkloadIdentity | Bearer;

/**
 * A Dataverse organisation, such as one of Dynamics 365, and the way to sign in.
 */
export interface DataverseDestination {
  /**
   * A Dataverse organisation.
   */
  type: "dataverse";
  /**
   * The organisation's address, or the word `sandbox` for one that is started on this machine for the command.
   */
  url: string;
  /**
   * True allows an address that is none of Dataverse's own, such as a gateway's, and an authority that is none of Microsoft Entra's.
   */
  allow_host?: boolean;
  /**
   * The organisation's own address, which tokens are for, where `url` is that of a gateway.
   */
  resource?: string;
  /**
   * Headers that a gateway wants with every request; each value is a secret.
   */
  headers?: {
    /**
     * The header's value.
     */
    [k: string]: string;
  };
  auth?: Auth;
  /**
   * More application users of the organisation: requests are spread over them and the one of `auth`, since the service counts its limits by user.
   *
   * @minItems 1
   */
  users?: ApplicationUser[];
  /**
   * The service that signs in; national clouds have their own.
   */
  authority: string;
  /**
   * The most rows in one bulk request; left out, the connector finds what suits the table.
   */
  batch_size?: number;
  /**
   * The most requests in flight for each application user; left out, the server's hint and its limits decide.
   */
  concurrency?: number;
}
/**
 * An application user with a client secret.
 */
export interface ClientSecret {
  /**
   * An application user with a client secret.
   */
  type: "client_secret";
  tenant: Tenant;
  client_id: ClientId;
  /**
   * The secret's value (not its id).
   */
  client_secret: string;
}
/**
 * An application user with a certificate.
 */
export interface Certificate {
  /**
   * An application user with a certificate.
   */
  type: "certificate";
  tenant: Tenant;
  client_id: ClientId;
  /**
   * The certificate in PEM.
   */
  certificate?: string;
  /**
   * The certificate's private key in PEM.
   */
  private_key?: string;
  /**
   * A file with both (.pfx or .p12), instead of certificate and private_key.
   */
  pfx_file?: string;
  /**
   * The passphrase of the private key or of the file, where it has one.
   */
  passphrase?: string;
}
/**
 * The identity that Azure gives the machine.
 */
export interface ManagedIdentity {
  /**
   * The identity that Azure gives the machine.
   */
  type: "managed_identity";
  /**
   * The client id of a user-assigned identity; left out, the system-assigned one is used.
   */
  client_id?: string;
}
/**
 * A federated token, as Kubernetes and pipelines hand out.
 */
export interface WorkloadIdentity {
  /**
   * A federated token from a file.
   */
  type: "workload_identity";
  tenant: Tenant;
  client_id: ClientId;
  /**
   * The file of the federated token, which is read again for each sign-in; left out, the one that AZURE_FEDERATED_TOKEN_FILE names.
   */
  token_file?: string;
}
/**
 * A person who types a code into a browser on any machine.
 */
export interface DeviceCode {
  /**
   * A person who types a code into a browser.
   */
  type: "device_code";
  /**
   * The Microsoft Entra tenant, by id or domain.
   */
  tenant: string;
  client_id: ClientId;
  cache_key?: CacheKey;
}
/**
 * A person who signs in with the browser of this machine.
 */
export interface Browser {
  /**
   * A person who signs in with the browser of this machine.
   */
  type: "browser";
  /**
   * The Microsoft Entra tenant, by id or domain.
   */
  tenant: string;
  client_id: ClientId;
  cache_key?: CacheKey;
}
/**
 * A token that somebody else has fetched.
 */
export interface Bearer {
  /**
   * A token that somebody else has fetched.
   */
  type: "bearer";
  /**
   * The access token.
   */
  token: string;
}
