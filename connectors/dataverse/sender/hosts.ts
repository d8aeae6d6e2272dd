/** Where requests may go: Dataverse's own hosts, this machine, or another host that the config allows. Pure. */

import { fail } from "../../../src/sdk.ts";
import { allowedOrigin, type DataverseConfig, isLoopback } from "../config.ts";

export interface Endpoint {
  /** Where connections go. */
  readonly origin: string;
  /** What a gateway wants before every path; empty without one. */
  readonly prefix: string;
  /** What tokens are for: the organisation's own address, also behind a gateway. */
  readonly resource: URL;
  /** What a gateway wants with every request. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Microsoft Entra's hosts. */
export const PUBLIC_LOGIN = "login.microsoftonline.com";
const US_LOGIN = "login.microsoftonline.us";
const CHINA_LOGIN = "login.partner.microsoftonline.cn";

/**
 * Hosts of organisations with the Entra host of their cloud ("Discover the URL for your organization", "Dataverse
 * datacenter regions", "National clouds"). GCC is `crm9` of the public cloud; GCC High and DoD have their own.
 */
const CLOUDS: readonly (readonly [host: RegExp, login: string])[] = [
  [/^[a-z0-9-]+(\.api)?\.crm\d*\.dynamics\.com$/, PUBLIC_LOGIN],
  [/^[a-z0-9-]+(\.api)?\.crm\.microsoftdynamics\.us$/, US_LOGIN],
  [/^[a-z0-9-]+(\.api)?\.crm\.appsplatform\.us$/, US_LOGIN],
  [/^[a-z0-9-]+(\.api)?\.crm\.dynamics\.cn$/, CHINA_LOGIN],
];

/** `login.chinacloudapi.cn` is the older name of China's. */
const LOGINS: ReadonlySet<string> = new Set([PUBLIC_LOGIN, US_LOGIN, CHINA_LOGIN, "login.chinacloudapi.cn"]);

/** The Entra host for an organisation's host, undefined for a host that is none of Dataverse's. */
export function loginOf(hostname: string): string | undefined {
  return CLOUDS.find(([host]) => host.test(hostname))?.[1];
}

/** Checks a config's addresses and headers. Throws `config` errors. */
export function endpointOf(config: DataverseConfig): Endpoint {
  const url = allowedOrigin(config.url, "url");
  const isAllowed = config.allow_host === true || isLoopback(url.hostname);
  if (!isAllowed && loginOf(url.hostname) === undefined)
    throw foreign("url", url, "an organisation's, such as https://contoso.crm4.dynamics.com");
  const authority = allowedOrigin(config.authority ?? `https://${PUBLIC_LOGIN}`, "authority");
  if (!config.allow_host && !isLoopback(authority.hostname) && !LOGINS.has(authority.hostname))
    throw foreign("authority", authority, `one of Microsoft Entra's, such as https://${PUBLIC_LOGIN}`);
  const prefix = url.pathname.replace(/\/+$/, "");
  if (prefix !== "" && !isAllowed)
    throw fail.config(
      "dataverse.url",
      `The url has the path ${prefix}, which an organisation's address has not.`,
      `Write ${url.origin}; the path of a gateway needs allow_host: true.`,
    );
  return {
    origin: url.origin,
    prefix,
    resource: resourceOf(config.resource === undefined ? url : allowedOrigin(config.resource, "resource")),
    headers: headersOf(config.headers ?? {}),
  };
}

/** Tokens are for the organisation's address without `.api` ("Use OAuth authentication with Microsoft Dataverse"). */
function resourceOf({ origin, hostname }: URL): URL {
  return new URL(loginOf(hostname) === undefined ? origin : origin.replace(".api.", "."));
}

function foreign(key: string, { origin }: URL, what: string) {
  return fail.config(
    "dataverse.foreign_host",
    `The ${key} ${origin} is not ${what}.`,
    `Correct ${key}, or set allow_host: true if that host may see your tokens and data.`,
  );
}

/** What the connector says itself, or what the connection needs. */
const OWN =
  /^(accept(-.*)?|authorization|connection|content-.*|cookie|expect|host|if-.*|mscrm[.-].*|odata-.*|prefer|te|trailer|transfer-encoding|upgrade|caller.*)$/;

function headersOf(given: Readonly<Record<string, string>>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [written, value] of Object.entries(given)) {
    const name = written.toLowerCase();
    if (OWN.test(name))
      throw fail.config(
        "dataverse.header",
        `The header "${written}" is Backhaul's own to send.`,
        "Leave it out of headers.",
      );
    if (!/^[\t\x20-\x7e]+$/.test(value))
      throw fail.config(
        "dataverse.header",
        `The value of the header "${written}" has characters that a header cannot hold.`,
        "Use plain ASCII in one line.",
      );
    headers[name] = value;
  }
  return headers;
}
