/** A managed identity of a machine that Azure Arc looks after. A file of its own: MSAL asks the environment once in a process. */
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { tokenSource } from "../../connectors/dataverse/auth/auth.ts";
import { running } from "./support/bench.ts";
import { restoresEnvironment } from "./support/identity.ts";
import { refusalOf } from "./support/refusal.ts";

const VARIABLES = ["IDENTITY_ENDPOINT", "IMDS_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET"];
restoresEnvironment(VARIABLES);
const USER = "7d1e9c1a-0000-4000-8000-000000000002";

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body: unknown;
}

let server: Server;
let origin = "";
let answer: (asked: number) => Answer;
const asked: { readonly url: URL; readonly headers: IncomingHttpHeaders }[] = [];
const issued = (more: object = {}): Answer => ({
  status: 200,
  body: { access_token: `token-${asked.length}`, expires_in: "3600", token_type: "Bearer", ...more },
});

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push({ url: new URL(request.url ?? "", origin), headers: request.headers });
    const { status, headers = {}, body } = answer(asked.length);
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
  for (const name of VARIABLES) delete process.env[name];
  process.env.IDENTITY_ENDPOINT = `${origin}/metadata/identity/oauth2/token`;
  process.env.IMDS_ENDPOINT = origin;
  asked.length = 0;
  answer = () => issued();
});

test("is asked as the page says", async () => {
  const resource = new URL("https://contoso1.crm4.dynamics.com");
  await using source = tokenSource({ type: "managed_identity" }, resource, {});
  expect(await source.token(running())).toBe("token-1");
  expect(asked[0]?.url.pathname).toBe("/metadata/identity/oauth2/token");
  expect(asked[0]?.url.searchParams.get("resource")).toBe(resource.origin);
  expect(asked[0]?.headers).toMatchObject({ metadata: "true" });
  expect(asked).toHaveLength(1);
});

test("of the user counts only where the agent says that it is the one", async () => {
  const auth = { type: "managed_identity", client_id: USER } as const;
  const resource = new URL("https://contoso2.crm4.dynamics.com");
  answer = () => issued({ client_id: USER.toUpperCase() });
  await using source = tokenSource(auth, resource, {});
  expect(await source.token(running())).toBe("token-1");
  expect(asked[0]?.url.searchParams.get("client_id")).toBe(USER);
  answer = () => issued();
  await using other = tokenSource(auth, new URL("https://contoso3.crm4.dynamics.com"), {});
  const error = await refusalOf(other.token(running()), "token-2");
  expect(error.problems[0]).toMatchObject({ kind: "connection" });
});

test.each([
  ["a file elsewhere", "Basic realm=/etc/passwd.key"],
  ["a file that is no key", "Basic realm=/var/opt/azcmagent/tokens/secret.txt"],
  ["no file", undefined],
])("a challenge that names %s is not followed", async (_, challenge) => {
  answer = () => ({
    status: 401,
    headers: challenge === undefined ? {} : { "www-authenticate": challenge },
    body: { error: "unauthorized" },
  });
  const resource = new URL(`https://contoso4.crm4.dynamics.com`);
  await using source = tokenSource({ type: "managed_identity" }, resource, {});
  const error = await refusalOf(source.token(running()), challenge ?? "nothing to hide");
  expect(error.problems[0]).toMatchObject({ kind: "connection" });
  expect(asked.every(({ headers }) => headers.authorization === undefined)).toBe(true);
});
