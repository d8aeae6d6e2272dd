/** What the tests of managed identities share: an environment that is put back, and the questions of one sign-in. */
import { afterEach, expect } from "vitest";
import { tokenSource } from "../../../connectors/dataverse/auth/auth.ts";
import { running } from "./bench.ts";
import type { TokenServer } from "./token-server.ts";

/** Puts these variables back after each test. */
export function restoresEnvironment(names: readonly string[]): void {
  const before = names.map((name) => [name, process.env[name]] as const);
  afterEach(() => {
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  });
}

/** Signs in twice at once, then again after a refused token: two requests in all. Gives the first of them. */
export async function askedForTokens(server: TokenServer, client_id: string | undefined): Promise<URL> {
  const auth = { type: "managed_identity", ...(client_id ? { client_id } : {}) } as const;
  // Another organisation for each: MSAL keeps these tokens for the process.
  const resource = new URL(`https://contoso${client_id ? 2 : 1}.crm4.dynamics.com`);
  await using source = tokenSource(auth, resource, {});
  const tokens = await Promise.all([source.token(running()), source.token(running())]);
  expect(new Set(tokens)).toEqual(new Set(["token-1"]));
  expect(await source.token(running(), tokens[0])).toBe("token-2");
  expect(server.paths).toHaveLength(2);
  const asked = new URL(server.paths[0]!, server.origin);
  expect(asked.searchParams.get("resource")).toBe(resource.origin);
  expect(asked.searchParams.get("client_id")).toBe(client_id ?? null);
  return asked;
}
