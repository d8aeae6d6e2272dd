/** People who sign in: what they are told, what is sent for them, and what is kept of it. */
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AuthOptions, tokenSource } from "../../connectors/dataverse/auth/auth.ts";
import { seal, unseal } from "../../connectors/dataverse/auth/vault.ts";
import type { PersonAuth } from "../../connectors/dataverse/config.ts";
import { openCache } from "../../src/cli/cache.ts";
import { running } from "./support/bench.ts";
import { refusalOf } from "./support/refusal.ts";
import { startTokenServer, type TokenServer } from "./support/token-server.ts";

const organisation = new URL("https://contoso.crm4.dynamics.com");
const KEY = "a-key-of-the-cache-that-is-long";
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "backhaul-people-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What the token service answers for a person: MSAL makes an account of it. */
function person(server: TokenServer) {
  const seconds = Math.floor(Date.now() / 1000);
  const claims = {
    aud: "c1",
    iss: "x",
    tid: "t1",
    oid: "o1",
    sub: "s1",
    preferred_username: "ada@x",
    exp: seconds + 3600,
  };
  return {
    token_type: "Bearer",
    scope: "https://contoso.crm4.dynamics.com/.default",
    expires_in: 3599,
    access_token: `access-${server.forms.length}`,
    refresh_token: "refresh-that-nobody-may-see",
    id_token: `${encoded({ alg: "none" })}.${encoded(claims)}.`,
    client_info: encoded({ uid: "o1", utid: "t1" }),
  };
}

const cacheIn = (path: string) => openCache(path, () => path);

function open(server: TokenServer, auth: Partial<PersonAuth>, more: AuthOptions = {}) {
  const given = { type: "device_code", tenant: "t1", client_id: "c1", ...auth } as PersonAuth;
  return tokenSource(given, organisation, { authority: server.origin, tell: () => {}, ...more });
}

/** Answers the device code flow: pending once, then what is given. */
function devices(
  server: TokenServer,
  result = () => ({ status: 200, body: person(server) as unknown }),
): void {
  let polls = 0;
  server.answer = () => {
    const form = server.forms.at(-1);
    if (server.paths.at(-1)?.includes("/devicecode")) {
      polls = 0;
      const uri = "https://microsoft.com/devicelogin\u001b[31m";
      return {
        status: 200,
        body: {
          user_code: "ABC-123",
          device_code: "dc",
          verification_uri: uri,
          expires_in: 900,
          interval: 0.01,
          message: "go",
        },
      };
    }
    if (form?.grant_type === "refresh_token") return { status: 200, body: person(server) };
    if (polls++ === 0)
      return { status: 400, body: { error: "authorization_pending", error_description: "AADSTS70016" } };
    return result();
  };
}

const grants = (server: TokenServer) =>
  server.forms.map(({ grant_type = "code" }) => grant_type.split(":").at(-1));

describe("a device code", () => {
  test("is told once to whoever waits, and asked for until the person is done", async () => {
    await using server = await startTokenServer("http");
    devices(server);
    const told: string[] = [];
    await using source = open(server, {}, { tell: (text) => told.push(text) });
    const tokens = await Promise.all([source.token(running()), source.token(running())]);
    expect(new Set(tokens)).toEqual(new Set(["access-3"]));
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(
      /open https:\/\/microsoft\.com\/devicelogin\[31m and enter the code ABC-123 within 15/,
    );
    expect(server.forms[0]).toMatchObject({ client_id: "c1" });
    expect(server.forms[0]?.scope).toContain("https://contoso.crm4.dynamics.com/.default");
    expect(grants(server)).toEqual(["code", "device_code", "device_code"]);
  });

  test("a token that was refused is renewed without the person", async () => {
    await using server = await startTokenServer("http");
    devices(server);
    const told: string[] = [];
    await using source = open(server, {}, { tell: (text) => told.push(text) });
    const first = await source.token(running());
    expect(await source.token(running(), first)).toBe("access-4");
    expect(grants(server).at(-1)).toBe("refresh_token");
    expect(told).toHaveLength(1);
  });

  test.each([
    ["authorization_declined", "", "auth.authorization_declined", /declined/],
    ["expired_token", "AADSTS70020: x", "auth.AADSTS70020", /within the time/],
    ["invalid_client", "AADSTS7000218: x", "auth.AADSTS7000218", /Allow public client flows/],
    ["invalid_grant", "AADSTS65001: x", "auth.AADSTS65001", /consent/],
  ])("%s %s is told", async (error, error_description, code, said) => {
    await using server = await startTokenServer("http");
    devices(server, () => ({ status: 400, body: { error, error_description } }));
    await using source = open(server, {});
    const refusal = await refusalOf(source.token(running()));
    expect(refusal.problems[0]).toMatchObject({ kind: "connection", code });
    expect(refusal.message).toMatch(said);
  });

  test("nobody waits for the person after an interruption", async () => {
    await using server = await startTokenServer("http");
    devices(server, () => ({ status: 400, body: { error: "authorization_pending" } }));
    const controller = new AbortController();
    await using source = open(server, {}, { tell: () => controller.abort() });
    expect((await refusalOf(source.token(controller.signal))).kind).toBe("aborted");
  });
});

describe("what is kept for the next command", () => {
  const kept = () => readdirSync(folder).map((name) => join(folder, name));

  test("is encrypted, for its owner alone, and spares the person the next sign-in", async () => {
    await using server = await startTokenServer("http");
    devices(server);
    const told: string[] = [];
    const options = { cache: cacheIn(folder), tell: (text: string) => told.push(text) };
    {
      await using source = open(server, { cache_key: KEY }, options);
      expect(await source.token(running())).toBe("access-3");
    }
    const [file, ...others] = kept();
    expect(others).toEqual([]);
    expect(statSync(file!).mode & 0o777).toBe(0o600);
    const text = readFileSync(file!, "utf8");
    for (const secret of ["access-3", "refresh-that-nobody-may-see", "ada@x", KEY]) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(Buffer.from(secret).toString("base64").slice(0, -4));
    }
    await using next = open(server, { cache_key: KEY }, options);
    expect(await next.token(running())).toBe("access-3");
    expect(server.forms).toHaveLength(3);
    expect(await next.token(running(), "access-3")).toBe("access-4");
    expect(grants(server).at(-1)).toBe("refresh_token");
    expect(told).toHaveLength(1);
  });

  test("is nothing without a key", async () => {
    await using server = await startTokenServer("http");
    devices(server);
    await using source = open(server, {}, { cache: cacheIn(folder) });
    await source.token(running());
    expect(kept()).toEqual([]);
  });

  test("is no sign-in for another key: the person is asked again", async () => {
    await using server = await startTokenServer("http");
    devices(server);
    const told: string[] = [];
    const options = { cache: cacheIn(folder), tell: (text: string) => told.push(text) };
    for (const cache_key of [KEY, `${KEY}-2`]) {
      await using source = open(server, { cache_key }, options);
      await source.token(running());
    }
    expect(told).toHaveLength(2);
  });

  test("a refresh token that is over asks the person again", async () => {
    await using server = await startTokenServer("http");
    devices(server);
    const told: string[] = [];
    await using source = open(server, {}, { tell: (text) => told.push(text) });
    const first = await source.token(running());
    const answer = server.answer;
    server.answer = () =>
      server.forms.at(-1)?.grant_type === "refresh_token"
        ? {
            status: 400,
            body: {
              error: "invalid_grant",
              error_description: "AADSTS700082: The refresh token has expired",
            },
          }
        : answer();
    expect(await source.token(running(), first)).toMatch(/^access-/);
    expect(told).toHaveLength(2);
  });

  test("a short key is refused", async () => {
    await using server = await startTokenServer("http");
    await using source = open(server, { cache_key: "short" }, { cache: cacheIn(folder) });
    const error = await refusalOf(source.token(running()), "short.");
    expect(error.problems[0]).toMatchObject({ kind: "config", code: "auth.cache_key" });
  });

  test("opens only with its key and under its name, and not once it was touched", async () => {
    const sealed = await seal("text", KEY, "a");
    expect(await seal("text", KEY, "a")).not.toBe(sealed);
    expect(await unseal(sealed, KEY, "a")).toBe("text");
    expect(await unseal(sealed, `${KEY}x`, "a")).toBeUndefined();
    expect(await unseal(sealed, KEY, "b")).toBeUndefined();
    const parts = JSON.parse(sealed) as Record<string, string>;
    for (const part of Object.keys(parts)) {
      const bytes = Buffer.from(parts[part]!, "base64");
      bytes[0]! ^= 1;
      const touched = JSON.stringify({ ...parts, [part]: bytes.toString("base64") });
      expect(await unseal(touched, KEY, "a"), part).toBeUndefined();
    }
    expect(await unseal("{", KEY, "a")).toBeUndefined();
  });
});

describe("a browser", () => {
  /** Does what the person and Entra do: sends the form to the address that MSAL listens on. */
  const answering =
    (fields: Record<string, string>, seen: URL[] = []) =>
    (address: string) => {
      const url = new URL(address);
      seen.push(url);
      const body = new URLSearchParams({ ...fields, state: url.searchParams.get("state") ?? "" });
      void fetch(url.searchParams.get("redirect_uri") ?? "", { method: "POST", body });
    };

  test("gets a code for this machine alone, and proves by PKCE that it asked", async () => {
    await using server = await startTokenServer("http");
    server.answer = () => ({ status: 200, body: person(server) });
    const seen: URL[] = [];
    const told: string[] = [];
    const openBrowser = answering({ code: "the-code" }, seen);
    await using source = open(server, { type: "browser" }, { openBrowser, tell: (text) => told.push(text) });
    expect(await source.token(running())).toBe("access-1");
    const [url] = seen;
    expect(url?.origin).toBe(server.origin);
    expect(url?.searchParams.get("redirect_uri")).toMatch(/^http:\/\/localhost:\d+$/);
    expect(told[0]).toContain(url?.href);
    const [form] = server.forms;
    expect(form).toMatchObject({ grant_type: "authorization_code", code: "the-code", client_id: "c1" });
    const challenge = createHash("sha256")
      .update(form?.code_verifier ?? "")
      .digest("base64url");
    expect(url?.searchParams.get("code_challenge")).toBe(challenge);
  });

  test("that is told no, is told", async () => {
    await using server = await startTokenServer("http");
    const fields = { error: "access_denied", error_description: "AADSTS65004: User declined" };
    await using source = open(server, { type: "browser" }, { openBrowser: answering(fields) });
    const error = await refusalOf(source.token(running()));
    expect(error.problems[0]?.code).toBe("auth.AADSTS65004");
    expect(server.forms).toEqual([]);
  });

  test("that nobody answers ends with the command", async () => {
    await using server = await startTokenServer("http");
    let listening = "";
    const controller = new AbortController();
    {
      const openBrowser = (address: string) => {
        listening = new URL(address).searchParams.get("redirect_uri") ?? "";
        controller.abort();
      };
      await using source = open(server, { type: "browser" }, { openBrowser });
      expect((await refusalOf(source.token(controller.signal))).kind).toBe("aborted");
      expect((await fetch(listening)).status).toBe(200);
    }
    await expect
      .poll(() =>
        fetch(listening).then(
          () => "listens",
          () => "closed",
        ),
      )
      .toBe("closed");
  });
});
