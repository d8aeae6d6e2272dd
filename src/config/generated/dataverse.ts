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
  auth?: Auth;
  /**
   * The service that signs in; national clouds have their own.
   */
  authority: string;
  /**
   * The most rows in one bulk request; left out, the connector finds what suits the table.
   */
  batch_size?: number;
  /**
   * The most requests in flight; left out, the server's hint and its limits decide.
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
  certificate: string;
  /**
   * The certificate's private key in PEM.
   */
  private_key: string;
  /**
   * The passphrase of the private key, where it has one.
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
   * The file of the federated token, which is read again for each sign-in.
   */
  token_file: string;
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
