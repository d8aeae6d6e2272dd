/** A managed identity of a virtual machine, as its metadata service offers it. A file of its own: MSAL asks the environment once in a process. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { tokenSource } from "../../connectors/dataverse/auth/auth.ts";
import { running } from "./support/bench.ts";
import { refusalOf } from "./support/refusal.ts";
import { startTokenServer, type TokenServer } from "./support/token-server.ts";

const HOST = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
const OTHERS = ["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET"];
const before = [HOST, ...OTHERS].map((name) => [name, process.env[name]] as const);

let server: TokenServer;
beforeAll(async () => {
  server = await startTokenServer("http");
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  for (const name of OTHERS) delete process.env[name];
  process.env[HOST] = server.origin;
  for (const list of [server.paths, server.headers, server.forms]) list.length = 0;
  server.answer = () => ({
    status: 200,
    body: {
      access_token: `token-${server.paths.length}`,
      expires_in: "3600",
      expires_on: String(Math.floor(Date.now() / 1000) + 3600),
      resource: "https://contoso.crm4.dynamics.com/",
      token_type: "Bearer",
    },
  });
});
afterEach(() => {
  for (const [name, value] of before)
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
});

test.each([
  ["of the machine", undefined],
  ["of the user", "7d1e9c1a-0000-4000-8000-000000000002"],
])("%s: asked as the page says, once, and again when a token was refused", async (_, client_id) => {
  const auth = { type: "managed_identity", ...(client_id ? { client_id } : {}) } as const;
  const resource = new URL(`https://contoso${client_id ? 2 : 1}.crm4.dynamics.com`);
  await using source = tokenSource(auth, resource, {});
  const tokens = await Promise.all([source.token(running()), source.token(running())]);
  expect(new Set(tokens)).toEqual(new Set(["token-1"]));
  expect(await source.token(running(), tokens[0])).toBe("token-2");
  expect(server.paths).toHaveLength(2);
  const asked = new URL(server.paths[0]!, server.origin);
  expect(asked.pathname).toMatch(/^\/metadata\/identity\/oauth2\/token\/?$/);
  expect(Object.fromEntries(asked.searchParams)).toMatchObject({
    "api-version": "2018-02-01",
    resource: resource.origin,
  });
  expect(asked.searchParams.get("client_id")).toBe(client_id ?? null);
  expect(server.headers[0]).toMatchObject({ metadata: "true" });
});

test("that the machine does not have is told, without the service's own words", async () => {
  const words = "words-that-nobody-may-see";
  server.answer = () => ({
    status: 400,
    body: { error: "invalid_request", error_description: `Identity not found ${words}` },
  });
  await using source = tokenSource(
    { type: "managed_identity", client_id: "7d1e9c1a-0000-4000-8000-000000000003" },
    new URL("https://contoso3.crm4.dynamics.com"),
    {},
  );
  const error = await refusalOf(source.token(running()), words);
  expect(error.problems[0]).toMatchObject({ kind: "connection", code: "auth.identity_not_found" });
});
