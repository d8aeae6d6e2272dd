/** Which proxy leads to an origin, by the environment variables that other programs read too. Pure. */
import { fail } from "../core/errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What to do about a proxy that refuses. */
export const PROXY_REMEDY =
  "Check the user and the password in HTTPS_PROXY and what the proxy allows, or name the host in NO_PROXY.";

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * The proxy for an origin: `HTTPS_PROXY`, else `ALL_PROXY`, unless `NO_PROXY` names the host; in small letters too,
 * which come first. Undefined for this machine and for plain http, which goes nowhere else. Throws `config` errors.
 */
export function proxyOf(origin: string, env: Environment): URL | undefined {
  const { hostname, port, protocol } = new URL(origin);
  if (protocol !== "https:" || LOOPBACK.test(hostname)) return undefined;
  const of = (name: string) => env[name.toLowerCase()] || env[name];
  const name = of("HTTPS_PROXY") ? "HTTPS_PROXY" : "ALL_PROXY";
  const address = of(name)?.trim();
  if (!address || isExcepted(hostname, port || "443", of("NO_PROXY") ?? "")) return undefined;
  try {
    const proxy = new URL(address.includes("://") ? address : `http://${address}`);
    if (/^https?:$/.test(proxy.protocol) && proxy.hostname !== "") return proxy;
  } catch {
    // Said below, without the address: it may hold a password.
  }
  throw fail.config(
    "proxy.address",
    `The environment variable ${name} is not the address of an HTTP proxy.`,
    `Write it as http://proxy.example.com:8080, or name ${hostname} in NO_PROXY.`,
  );
}

/** A name in `NO_PROXY` stands for the host and all below it, with a port for that port alone; `*` for all hosts. */
function isExcepted(hostname: string, port: string, list: string): boolean {
  return list.split(/[,\s]+/).some((entry) => {
    if (entry === "*") return true;
    const [, host = "", only = port] = /^(?:\*?\.)?(.+?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    return host !== "" && only === port && (hostname === host || hostname.endsWith(`.${host}`));
  });
}

/** What the proxy wants to know of who comes, from the user and the password in its address. */
export function proxyToken({ username, password }: URL): string | undefined {
  if (username === "") return undefined;
  const who = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(who).toString("base64")}`;
}
