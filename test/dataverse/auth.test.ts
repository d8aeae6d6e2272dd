import { describe, expect, test } from "vitest";
import { singleFlight, tokenSource } from "../../connectors/dataverse/auth/auth.ts";
import { authorityOf } from "../../connectors/dataverse/auth/authority.ts";
import { openApplication } from "../../connectors/dataverse/auth/msal.ts";
import { openDataverse } from "../../connectors/dataverse/destination.ts";
import { startSandbox } from "../../src/sandbox/index.ts";
import { configOf } from "./support/bench.ts";
import { refusalOf } from "./support/refusal.ts";
import { issued, startTokenServer, type TokenServer } from "./support/token-server.ts";

const SECRET = "s3cr3t-that-nobody-may-see";
const { signal } = new AbortController();
const organisation = new URL("https://contoso.crm4.dynamics.com");

function open(server: Pick<TokenServer, "origin" | "ca">) {
  const auth = { type: "client_secret", tenant: "t1", client_id: "c1", client_secret: SECRET } as const;
  return tokenSource(auth, organisation, { authority: server.origin, ca: server.ca });
}

const refusal = (asking: Promise<unknown>) => refusalOf(asking, SECRET);

describe.each(["http", "https"] as const)("client credentials over %s", (kind) => {
  test("ten callers at once make one request, and the token is kept", async () => {
    await using server = await startTokenServer(kind);
    await using source = open(server);
    const tokens = await Promise.all(Array.from({ length: 10 }, () => source.token(signal)));
    expect(new Set(tokens)).toEqual(new Set(["token-1"]));
    expect(await source.token(signal)).toBe("token-1");
    expect(server.forms).toHaveLength(1);
    expect(server.forms[0]).toMatchObject({
      grant_type: "client_credentials",
      client_id: "c1",
      client_secret: SECRET,
      scope: "https://contoso.crm4.dynamics.com/.default",
    });
    expect(server.paths.at(-1)).toMatch(/^\/t1\/oauth2\/v2\.0\/token\b/);
  });

  test("a refused token is replaced, once for all who were refused", async () => {
    await using server = await startTokenServer(kind);
    await using source = open(server);
    const first = await source.token(signal);
    const next = await Promise.all([source.token(signal, first), source.token(signal, first)]);
    expect(next).toEqual(["token-2", "token-2"]);
    expect(await source.token(signal, first)).toBe("token-2");
    expect(server.forms).toHaveLength(2);
  });

  test("a wrong secret is told by its code", async () => {
    await using server = await startTokenServer(kind);
    server.answer = () => ({
      status: 401,
      body: {
        error: "invalid_client",
        error_description: `AADSTS7000215: Invalid client secret provided: ${SECRET}.`,
        error_codes: [7000215],
      },
    });
    await using source = open(server);
    const error = await refusal(source.token(signal));
    expect(error.problems).toEqual([
      {
        kind: "connection",
        code: "auth.AADSTS7000215",
        message: "The token service refused the application (AADSTS7000215).",
        remedy: "Check that client_secret is the secret's value, not its id, and belongs to this client_id.",
      },
    ]);
  });
});

test("a token that lives shortly is used for half its life", async () => {
  await using server = await startTokenServer("http");
  server.answer = () => issued(`short-${server.forms.length}`, 60);
  await using source = open(server);
  expect(await source.token(signal)).toBe("short-1");
  expect(await source.token(signal)).toBe("short-1");
});

describe("a token that is about to expire", () => {
  const HOUR = 3_600_000;
  async function later(server: TokenServer, elapsed: () => number) {
    const [auth, who] = [
      { type: "client_secret", tenant: "t1", client_id: "c1", client_secret: SECRET },
      "it",
    ] as const;
    const authority = authorityOf("t1", server.origin, organisation);
    const scope = `${organisation.origin}/.default`;
    return singleFlight(
      () => openApplication(auth, { authority, scope, who, folder: "." }),
      () => Date.now() + elapsed(),
    );
  }

  test("is renewed before it does, once for all", async () => {
    await using server = await startTokenServer("http");
    let elapsed = 0;
    await using source = await later(server, () => elapsed);
    expect(await source.token(signal)).toBe("token-1");
    elapsed = HOUR - 400_000;
    expect(await source.token(signal)).toBe("token-1");
    elapsed = HOUR - 200_000;
    const renewed = await Promise.all([source.token(signal), source.token(signal)]);
    expect(renewed).toEqual(["token-2", "token-2"]);
    expect(server.forms).toHaveLength(2);
  });

  test("is used to its end when it cannot be renewed, and not longer", async () => {
    await using server = await startTokenServer("http");
    let elapsed = 0;
    await using source = await later(server, () => elapsed);
    await source.token(signal);
    const body = { error: "server_error", error_description: "AADSTS90033: x" };
    server.answer = () => ({ status: 500, body });
    elapsed = HOUR - 200_000;
    expect(await source.token(signal)).toBe("token-1");
    elapsed = HOUR - 10_000;
    expect((await refusal(source.token(signal))).problems[0]).toMatchObject({ code: "auth.AADSTS90033" });
  });
});

test("a passing fault of the token service is waited out", async () => {
  await using server = await startTokenServer("http");
  server.answer = () =>
    server.forms.length < 3 ? { status: 503, body: {}, headers: { "retry-after": "0" } } : issued("token");
  await using source = open(server);
  expect(await source.token(signal)).toBe("token");
  expect(server.forms).toHaveLength(3);
});

test.each([
  [7000215, "invalid_client", /client_secret is the secret's value/],
  [7000222, "invalid_client", /secret has expired: make a new one/],
  [90002, "invalid_request", /Check tenant: there is no such tenant/],
  [700016, "unauthorized_client", /Check client_id and tenant/],
  [65001, "invalid_grant", /administrator of the tenant to consent/],
  [500011, "invalid_resource", /Check url: .* set resource/],
  [53003, "access_denied", /conditional access policy/],
  [999999, "invalid_client", /AADSTS codes/],
])("AADSTS%i is told with a remedy, and nothing of its text", async (number, error, remedy) => {
  await using server = await startTokenServer("http");
  const error_description = `AADSTS${number}: told about ${SECRET}. Trace ID: 1`;
  server.answer = () => ({ status: 400, body: { error, error_description, error_codes: [number] } });
  await using source = open(server);
  const told = await refusal(source.token(signal));
  expect(told.problems[0]).toMatchObject({ kind: "connection", code: `auth.AADSTS${number}` });
  expect(told.problems[0]?.remedy).toMatch(remedy);
  expect(told.message).not.toContain("told about");
});

test("a token that the service has revoked is replaced within the request", async () => {
  await using sandbox = await startSandbox();
  await using destination = await openDataverse(configOf(sandbox));
  await destination.identify(signal);
  await fetch(`${sandbox.url}/sandbox/tokens`, { method: "DELETE" });
  const { organization } = await destination.identify(signal);
  expect(organization).toBe(sandbox.organizationId);
  expect(destination.counters).toMatchObject({ reads: 3 });
});

test("a certificate that is not trusted is told", async () => {
  await using server = await startTokenServer("https");
  await using source = open({ origin: server.origin, ca: undefined });
  const error = await refusal(source.token(signal));
  expect(error.problems[0]).toMatchObject({ kind: "connection", code: "auth.tls" });
  expect(error.message).toContain("NODE_EXTRA_CA_CERTS");
});

test("a token service that is not there is told", async () => {
  await using source = open({ origin: "http://127.0.0.1:1", ca: undefined });
  expect((await refusal(source.token(signal))).problems[0]).toMatchObject({
    kind: "connection",
    code: "auth.refused",
  });
});

test("a token service that sends elsewhere is not followed", async () => {
  await using server = await startTokenServer("https");
  await using other = await startTokenServer("https");
  await using source = tokenSource(
    { type: "client_secret", tenant: "t1", client_id: "c1", client_secret: SECRET },
    organisation,
    { authority: server.origin, ca: server.ca },
  );
  server.tokenOrigin = other.origin;
  expect((await refusal(source.token(signal))).problems[0]).toMatchObject({ code: "auth.foreign_host" });
  expect(other.paths).toEqual([]);
});

test.each([
  [undefined, "https://contoso.crm4.dynamics.com", "https://login.microsoftonline.com"],
  [
    "https://login.microsoftonline.com",
    "https://contoso.crm9.dynamics.com",
    "https://login.microsoftonline.com",
  ],
  [
    "https://login.microsoftonline.com",
    "https://contoso.crm.microsoftdynamics.us",
    "https://login.microsoftonline.us",
  ],
  [
    "https://login.microsoftonline.com",
    "https://contoso.crm.appsplatform.us",
    "https://login.microsoftonline.us",
  ],
  [undefined, "https://contoso.crm.dynamics.cn", "https://login.partner.microsoftonline.cn"],
  ["https://login.example", "https://contoso.crm.dynamics.cn", "https://login.example"],
  ["http://127.0.0.1:7171", "https://contoso.crm4.dynamics.com", "http://127.0.0.1:7171"],
])("authority %s for %s is %s", (configured, url, origin) => {
  const authority = authorityOf("t1", configured, new URL(url));
  expect(authority.origin).toBe(origin);
  expect(authority.url).toMatch(/^https:\/\/.*\/t1$/);
});

test("a plain http authority elsewhere is refused", () => {
  expect(() => authorityOf("t1", "http://login.example", organisation)).toThrow("not encrypted");
});
