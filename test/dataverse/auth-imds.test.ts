/** A managed identity of a virtual machine, as its metadata service offers it. A file of its own: MSAL asks the environment once in a process. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { tokenSource } from "../../connectors/dataverse/auth/auth.ts";
import { running } from "./support/bench.ts";
import { askedForTokens, restoresEnvironment } from "./support/identity.ts";
import { refusalOf } from "./support/refusal.ts";
import { startTokenServer, type TokenServer } from "./support/token-server.ts";

const HOST = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
const OTHERS = ["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET"];
restoresEnvironment([HOST, ...OTHERS]);

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

test.each([
  ["of the machine", undefined],
  ["of the user", "7d1e9c1a-0000-4000-8000-000000000002"],
])("%s: asked as the page says, once, and again when a token was refused", async (_, client_id) => {
  const asked = await askedForTokens(server, client_id);
  expect(asked.pathname).toMatch(/^\/metadata\/identity\/oauth2\/token\/?$/);
  expect(asked.searchParams.get("api-version")).toBe("2018-02-01");
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
