import { generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import { openWire, rawRequest, tokenFor } from "./client.ts";

describe("tokens", () => {
  test("are issued to the default application user, for the environment as audience", async () => {
    await using wire = await openWire();
    const answer = await tokenFor(wire.sandbox);
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ token_type: "Bearer", expires_in: 3599, ext_expires_in: 3599 });
    const claims = JSON.parse(Buffer.from(answer.json.access_token.split(".")[1], "base64url").toString());
    expect(claims).toMatchObject({
      aud: wire.sandbox.url,
      appid: wire.sandbox.clientId,
      tid: wire.sandbox.tenant,
    });
  });

  const refusals: readonly (readonly [string, Record<string, string>, number, string, number])[] = [
    ["a wrong secret", { client_secret: "wrong" }, 401, "invalid_client", 7000215],
    [
      "an unknown application",
      { client_id: "00000000-0000-0000-0000-000000000001" },
      400,
      "unauthorized_client",
      700016,
    ],
    ["another scope", { scope: "https://graph.microsoft.com/.default" }, 400, "invalid_scope", 1002012],
    ["a scope that is no resource", { scope: "user_impersonation" }, 400, "invalid_scope", 1002012],
    ["another grant", { grant_type: "password" }, 400, "unsupported_grant_type", 70003],
    ["an assertion nobody registered", { client_assertion: "a.b.c" }, 401, "invalid_client", 700027],
  ];
  test.each(refusals)("%s is refused", async (_what, fields, status, error, code) => {
    await using wire = await openWire();
    const answer = await tokenFor(wire.sandbox, fields);
    expect(answer.status).toBe(status);
    expect(answer.json.error).toBe(error);
    expect(answer.json.error_codes).toEqual([code]);
    expect(answer.json.error_description).toMatch(new RegExp(`^AADSTS${code}: `));
  });

  test("an unknown tenant is refused", async () => {
    await using wire = await openWire();
    const answer = await rawRequest(
      wire.sandbox.port,
      "POST",
      "/nobody/oauth2/v2.0/token",
      "grant_type=client_credentials",
      {
        "Content-Type": "application/x-www-form-urlencoded",
      },
    );
    expect(answer.status).toBe(400);
    expect(answer.json.error_codes).toEqual([90002]);
  });

  test("are issued for an assertion that the registered certificate signs", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const clientId = "0c6f6a57-8f4b-4f30-9f39-65d1b5f1f3aa";
    const certificate = publicKey.export({ type: "spki", format: "pem" }).toString();
    await using wire = await openWire({ users: [{ clientId, clientSecret: "unused", certificate }] });
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const aud = `${wire.sandbox.url}/${wire.sandbox.tenant}/oauth2/v2.0/token`;
    const claims = { iss: clientId, sub: clientId, aud, exp: Math.floor(Date.now() / 1000) + 60 };
    const unsigned = `${encode({ alg: "RS256", typ: "JWT" })}.${encode(claims)}`;
    const assertion = `${unsigned}.${sign("sha256", Buffer.from(unsigned), privateKey).toString("base64url")}`;
    const fields = {
      client_id: clientId,
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: assertion,
    };
    expect((await tokenFor(wire.sandbox, fields)).status).toBe(200);
    const forged = { ...fields, client_assertion: `${unsigned}.AAAA` };
    expect((await tokenFor(wire.sandbox, forged)).json.error_codes).toEqual([700027]);
  });

  test("the discovery document names the token endpoint", async () => {
    await using wire = await openWire();
    const path = `/${wire.sandbox.tenant}/v2.0/.well-known/openid-configuration`;
    const answer = await rawRequest(wire.sandbox.port, "GET", path, undefined, {});
    expect(answer.json.token_endpoint).toBe(`${wire.sandbox.url}/${wire.sandbox.tenant}/oauth2/v2.0/token`);
  });
});

describe("the API", () => {
  test.each([
    ["no token", {}],
    ["a token of somebody else", { Authorization: "Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA" }],
    ["another scheme", { Authorization: "Basic abc" }],
  ])("answers 401 and says where tokens come from: %s", async (_what, headers) => {
    await using wire = await openWire();
    const answer = await wire.raw("GET", "/api/data/v9.2/WhoAmI", undefined, headers);
    expect(answer.status).toBe(401);
    expect(answer.headers["www-authenticate"]).toBe(
      `Bearer authorization_uri=${wire.sandbox.url}/${wire.sandbox.tenant}/oauth2/authorize, resource_id=${wire.sandbox.url}/`,
    );
  });

  test("tokens expire by the clock", async () => {
    let now = new Date("2025-03-01T10:00:00Z");
    await using wire = await openWire({ now: () => now });
    expect((await wire.call("GET", "WhoAmI")).status).toBe(200);
    now = new Date("2025-03-01T11:00:00Z");
    expect((await wire.call("GET", "WhoAmI")).status).toBe(401);
  });

  test("an application that is no user of the organisation gets 403", async () => {
    const user = { clientId: "7c0d9f0e-31fc-4a47-9b53-5a2f7a3c11dd", clientSecret: "s", member: false };
    await using wire = await openWire({ users: [user] });
    const fields = { client_id: user.clientId, client_secret: user.clientSecret };
    const token = (await tokenFor(wire.sandbox, fields)).json.access_token;
    const answer = await wire.call("GET", "WhoAmI", undefined, { Authorization: `Bearer ${token}` });
    expect(answer.status).toBe(403);
    expect(answer.json.error.code).toBe("0x80072560");
  });

  test("WhoAmI names user, unit and organisation in every version, and refuses POST", async () => {
    await using wire = await openWire();
    for (const version of ["v9.0", "v9.1", "v9.2"]) {
      const answer = await wire.raw("GET", `/api/data/${version}/WhoAmI`, undefined, {
        Authorization: `Bearer ${wire.token}`,
      });
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({
        "content-type": "application/json; odata.metadata=minimal",
        "odata-version": "4.0",
        "x-ms-dop-hint": "4",
      });
      expect(answer.headers["x-ms-service-request-id"]).toBeDefined();
      expect(answer.json.OrganizationId).toBe(wire.sandbox.organizationId);
    }
    const post = await wire.call("POST", "WhoAmI", {});
    expect(post.status).toBe(404);
    expect(post.json.error.code).toBe("");
    expect(post.json.error.message).toMatch(/^No HTTP resource was found that matches the request URI '/);
  });

  test("each start without a data file is another organisation", async () => {
    await using one = await openWire();
    await using two = await openWire();
    expect(one.sandbox.organizationId).not.toBe(two.sandbox.organizationId);
  });
});
