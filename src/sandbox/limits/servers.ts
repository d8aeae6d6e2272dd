import { derivedId } from "../guid.ts";

/**
 * The web servers behind one host name (page: send-parallel-requests, "Server affinity"): who sends the cookie back
 * stays with one of them, who does not is spread over all.
 */
export interface ServerFarm {
  readonly size: number;
  next: number;
}

export const newFarm = (size: number): ServerFarm => ({ size: Math.max(1, Math.floor(size)), next: 0 });

const markOf = (server: number): string => derivedId(`server:${server}`).replaceAll("-", "");

/** The server that takes a request. */
export function serverFor(farm: ServerFarm, cookies: string | undefined, name: string): number {
  if (farm.size === 1) return 0;
  if (cookies !== undefined) {
    for (const pair of cookies.split(";")) {
      const [key, value] = pair.trim().split("=");
      if (key !== name) continue;
      for (let server = 0; server < farm.size; server++) if (value === markOf(server)) return server;
    }
  }
  const server = farm.next;
  farm.next = (farm.next + 1) % farm.size;
  return server;
}

export const affinityCookie = (name: string, server: number, secure: boolean): string =>
  `${name}=${markOf(server)}; path=/; HttpOnly${secure ? "; Secure" : ""}`;
