/** Identities that Azure and others hand to a machine: no secret of ours is in the config. */
import { generateKeyPairSync, sign, verify } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { tokenSource } from "../../connectors/dataverse/auth/auth.ts";
import { running } from "./support/bench.ts";
import { askedForTokens, restoresEnvironment } from "./support/identity.ts";
import { refusalOf } from "./support/refusal.ts";
import { startTokenServer, type TokenServer } from "./support/token-server.ts";

const organisation = new URL("https://contoso.crm4.dynamics.com");
const VARIABLES = ["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_FEDERATED_TOKEN_FILE"];
restoresEnvironment(VARIABLES);
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "backhaul-identity-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe("a managed identity, as App Service offers it", () => {
  const HEADER = "header-that-nobody-may-see";
  // One server for all: MSAL asks the environment once in a process.
  let server: TokenServer;
  beforeAll(async () => {
    server = await startTokenServer("http");
  });
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(() => {
    process.env.IDENTITY_ENDPOINT = `${server.origin}/msi/token`;
    process.env.IDENTITY_HEADER = HEADER;
    for (const list of [server.paths, server.headers, server.forms]) list.length = 0;
    server.answer = () => ({
      status: 200,
      body: {
        access_token: `token-${server.paths.length}`,
        expires_on: String(Math.floor(Date.now() / 1000) + 3600),
        resource: organisation.origin,
        token_type: "Bearer",
      },
    });
  });

  test.each([
    ["of the system", undefined],
    ["of the user", "7d1e9c1a-0000-4000-8000-000000000002"],
  ])("%s: asked once, and again when a token was refused", async (_, client_id) => {
    await askedForTokens(server, client_id);
    expect(server.headers[0]!["x-identity-header"]).toBe(HEADER);
  });

  test("that is not assigned is told", async () => {
    server.answer = () => ({
      status: 400,
      body: { statusCode: 400, message: `Identity not found ${HEADER}` },
    });
    await using source = tokenSource({ type: "managed_identity", client_id: "x" }, organisation, {
      place: "users[0]",
    });
    const error = await refusalOf(source.token(running()), HEADER);
    expect(error.problems[0]).toMatchObject({ kind: "connection", code: "auth.identity_not_found" });
    expect(error.message).toContain("the managed identity of users[0]");
    expect(error.message).toContain("Assign the identity");
  });
});

describe("a federated token", () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const federated = (subject: string): string => {
    const unsigned = `${encoded({ alg: "RS256" })}.${encoded({ sub: subject, aud: "api://AzureADTokenExchange" })}`;
    return `${unsigned}.${sign("sha256", Buffer.from(unsigned), privateKey).toString("base64url")}`;
  };
  /** What the token service was given, once its signature holds. */
  const subjectOf = (form: Record<string, string> | undefined): unknown => {
    const [head, claims, signature] = (form?.client_assertion ?? "").split(".");
    const isSigned = verify(
      "sha256",
      Buffer.from(`${head}.${claims}`),
      publicKey,
      Buffer.from(signature ?? "", "base64url"),
    );
    if (!isSigned) throw new Error("the assertion is not signed");
    return JSON.parse(Buffer.from(claims ?? "", "base64url").toString()).sub;
  };
  const auth = { type: "workload_identity", tenant: "t1", client_id: "c1" } as const;

  test("is handed on as it is in the file at that moment", async () => {
    await using server = await startTokenServer("http");
    const file = join(folder, "token");
    writeFileSync(file, `${federated("pod-1")}\n`);
    const options = { authority: server.origin, folder };
    await using source = tokenSource({ ...auth, token_file: "token" }, organisation, options);
    const first = await source.token(running());
    writeFileSync(file, federated("pod-2"));
    expect(await source.token(running(), first)).toBe("token-2");
    expect(server.forms.map(subjectOf)).toEqual(["pod-1", "pod-2"]);
    expect(server.forms[0]).toMatchObject({
      grant_type: "client_credentials",
      client_id: "c1",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      scope: "https://contoso.crm4.dynamics.com/.default",
    });
  });

  test("is found by the variable that Kubernetes sets", async () => {
    await using server = await startTokenServer("http");
    process.env.AZURE_FEDERATED_TOKEN_FILE = join(folder, "projected");
    writeFileSync(process.env.AZURE_FEDERATED_TOKEN_FILE, federated("pod-3"));
    await using source = tokenSource(auth, organisation, { authority: server.origin });
    await source.token(running());
    expect(subjectOf(server.forms[0])).toBe("pod-3");
  });

  test("that Entra does not expect is told", async () => {
    await using server = await startTokenServer("http");
    const token = federated("somebody-else");
    writeFileSync(join(folder, "token"), token);
    server.answer = () => ({
      status: 401,
      body: {
        error: "invalid_client",
        error_description: `AADSTS700213: No matching ${token}`,
        error_codes: [700213],
      },
    });
    const options = { authority: server.origin, folder };
    await using source = tokenSource({ ...auth, token_file: "token" }, organisation, options);
    const error = await refusalOf(source.token(running()), token);
    expect(error.problems[0]).toMatchObject({ code: "auth.AADSTS700213" });
    expect(error.message).toContain("federated credential");
  });

  test.each([
    ["no file", undefined, /There is no token_file "token"/],
    ["no token", "something-secret", /holds no token/],
  ])("%s is told without a request", async (_, content, said) => {
    await using server = await startTokenServer("http");
    if (content !== undefined) writeFileSync(join(folder, "token"), content);
    const options = { authority: server.origin, folder };
    await using source = tokenSource({ ...auth, token_file: "token" }, organisation, options);
    const error = await refusalOf(source.token(running()), "something-secret");
    expect(error.problems[0]).toMatchObject({ kind: "config", code: "auth.token_file" });
    expect(error.message).toMatch(said);
    expect(server.paths).toEqual([]);
  });

  test("neither a file nor the variable is told", async () => {
    delete process.env.AZURE_FEDERATED_TOKEN_FILE;
    await using source = tokenSource(auth, organisation, {});
    expect((await refusalOf(source.token(running()))).message).toContain(
      "AZURE_FEDERATED_TOKEN_FILE is not set",
    );
  });
});
