/** Where requests and tokens go: clouds, hosts that are allowed, and a gateway in front. */
import { describe, expect, test } from "vitest";
import { authorityOf } from "../../connectors/dataverse/auth/authority.ts";
import { openApplication } from "../../connectors/dataverse/auth/msal.ts";
import type { DataverseConfig } from "../../connectors/dataverse/config.ts";
import { openDataverse } from "../../connectors/dataverse/destination.ts";
import { endpointOf, loginOf } from "../../connectors/dataverse/sender/hosts.ts";
import { ownPath } from "../../connectors/dataverse/sender/service.ts";
import schema from "../../spec/connectors/dataverse.schema.json" with { type: "json" };
import { added, compile, configOf, openBench, running, tallied, write } from "./support/bench.ts";
import { KEY, PREFIX, startGateway } from "./support/gateway.ts";
import { refusalOf } from "./support/refusal.ts";
import { startTokenServer } from "./support/token-server.ts";

const auth = { type: "bearer", token: "t" } as const;
const configFor = (url: string, more: Partial<DataverseConfig> = {}): DataverseConfig => ({
  type: "dataverse",
  url,
  auth,
  ...more,
});

describe("the cloud of an organisation", () => {
  test.each([
    ["commercial", "contoso.crm4.dynamics.com", "login.microsoftonline.com"],
    ["commercial, North America", "contoso.crm.dynamics.com", "login.microsoftonline.com"],
    ["GCC", "contoso.crm9.dynamics.com", "login.microsoftonline.com"],
    ["GCC High", "contoso.crm.microsoftdynamics.us", "login.microsoftonline.us"],
    ["DoD", "contoso.crm.appsplatform.us", "login.microsoftonline.us"],
    ["China", "contoso.crm.dynamics.cn", "login.partner.microsoftonline.cn"],
  ])("%s: MSAL itself goes to %s's authority and asks for its scope", async (_, host, login) => {
    await using server = await startTokenServer("http");
    const { resource } = endpointOf(configFor(`https://${host.replace(".crm", ".api.crm")}`));
    expect(resource.origin).toBe(`https://${host}`);
    const authority = authorityOf("t1", undefined, resource);
    expect(authority).toEqual({ url: `https://${login}/t1`, origin: `https://${login}`, known: [] });
    // The way to the host itself is closed here: its requests are led to this machine.
    const issuer = await openApplication(
      { type: "client_secret", tenant: "t1", client_id: "c1", client_secret: "s" },
      {
        authority: { ...authority, origin: server.origin },
        scope: `${resource.origin}/.default`,
        folder: ".",
        who: "the application",
      },
    );
    expect(await issuer.issue(false)).toMatchObject({ token: "token-1" });
    await issuer[Symbol.asyncDispose]();
    expect(server.paths).toHaveLength(1);
    expect(server.paths[0]).toMatch(/^\/t1\/oauth2\/v2\.0\/token\b/);
    expect(server.forms[0]?.scope).toBe(`https://${host}/.default`);
  });
});

/** What the schema says of a url, as the config is read. */
function isWritten(url: string, allow: boolean): boolean {
  const [rule] = schema.allOf;
  return new RegExp((allow ? rule!.then : rule!.else).properties.url.pattern).test(url);
}

describe("a host that is not Dataverse's", () => {
  test.each([
    "https://contoso.crm4.dynamics.com",
    "https://contoso.api.crm21.dynamics.com/",
    "https://contoso.crm.microsoftdynamics.us",
    "https://contoso.crm.appsplatform.us",
    "https://contoso.crm.dynamics.cn",
    "http://127.0.0.1:7171",
    "http://localhost:7171/dynamics",
  ])("%s needs nothing", (url) => {
    expect(isWritten(url, false)).toBe(true);
    expect(endpointOf(configFor(url)).origin).toBe(new URL(url).origin);
  });

  test.each([
    "https://contoso.crm4.dynamics.com.evil.example",
    "https://evil.example/contoso.crm4.dynamics.com",
    "https://crm4.dynamics.com",
    "https://a.b.crm4.dynamics.com",
    "https://contoso.crm4-dynamics.com",
    "https://contoso.crm4.dynamics.com:8443@evil.example",
    "https://gateway.example",
    "https://127.0.0.1.evil.example",
    "https://contoso.crm4.dynamics.com/main.aspx",
  ])("%s is refused, by the schema and by the connector", async (url) => {
    expect(isWritten(url, false)).toBe(false);
    const error = await refusalOf(openDataverse(configFor(url)));
    expect(error.kind).toBe("config");
    expect(error.message).toMatch(/allow_host/);
  });

  test("is allowed where the config says so, and still has to be encrypted", async () => {
    expect(endpointOf(configFor("https://gateway.example/dynamics/", { allow_host: true }))).toEqual({
      origin: "https://gateway.example",
      prefix: "/dynamics",
      resource: new URL("https://gateway.example"),
      headers: {},
    });
    const plain = openDataverse(configFor("http://gateway.example", { allow_host: true }));
    expect((await refusalOf(plain)).message).toContain("not encrypted");
  });

  test("an authority that is not Entra's needs the same word, because it is sent the secret", async () => {
    const config = configFor("https://contoso.crm4.dynamics.com", {
      authority: "https://login.microsoftonline.example",
    });
    expect((await refusalOf(openDataverse(config))).message).toMatch(
      /authority https:\/\/login\.microsoftonline\.example.*allow_host/,
    );
    expect(endpointOf({ ...config, allow_host: true }).origin).toBe("https://contoso.crm4.dynamics.com");
  });

  test("the organisation behind a gateway decides on scope and cloud", () => {
    const { resource } = endpointOf(
      configFor("https://gateway.example/x", {
        allow_host: true,
        resource: "https://contoso.crm.dynamics.cn",
      }),
    );
    expect(resource.origin).toBe("https://contoso.crm.dynamics.cn");
    expect(loginOf(resource.hostname)).toBe("login.partner.microsoftonline.cn");
  });
});

describe("headers for a gateway", () => {
  test.each([
    "Authorization",
    "Host",
    "Content-Type",
    "Prefer",
    "If-Match",
    "OData-Version",
    "MSCRM.SolutionUniqueName",
    "CallerObjectId",
    "Cookie",
  ])("%s is refused", async (name) => {
    const error = await refusalOf(
      openDataverse(configFor("http://127.0.0.1:7", { headers: { [name]: "v4lue" } })),
      "v4lue",
    );
    expect(error.problems[0]).toMatchObject({ kind: "config", code: "dataverse.header" });
    expect(error.message).toContain(name);
  });

  test("a value of two lines is refused without being told", async () => {
    const config = configFor("http://127.0.0.1:7", { headers: { "X-Key": "v4lue\r\nX-Evil: 1" } });
    expect((await refusalOf(openDataverse(config), "v4lue")).message).toContain('"X-Key"');
  });
});

describe.each([
  ["leaves the service's addresses in answers", false],
  ["writes its own addresses into answers", true],
])("a gateway that %s", (_, rewrites) => {
  test("sees every request: reads, pages, bulk writes and batches", async () => {
    await using bench = await openBench();
    await using gateway = await startGateway(bench.sandbox.url, { rewrites });
    const config: DataverseConfig = {
      ...configOf(bench.sandbox),
      url: gateway.url,
      resource: bench.sandbox.url,
      headers: { "Ocp-Apim-Subscription-Key": KEY },
    };
    await using destination = await openDataverse(config);
    expect((await destination.identify(running())).url).toBe(gateway.url);

    // More parents than a page holds: the second one is asked for by the link that came back.
    await bench.seed("account", [...Array(6000).fill({ name: "same" }), { name: "Contoso" }]);
    const compiled = await compile(
      { ...bench, destination },
      {
        columns: { id: "text", last: "text", parent: "text" },
        match: { new_customerid: "id" },
        fields: {
          lastname: "last",
          parentcustomerid: {
            lookup: { object: "account", by: "name", whenMissing: "reject" },
            source: { column: "parent" },
          },
        },
      },
    );
    const rows = [
      ["R-1", "One", "Contoso"],
      ["R-2", "Two", "same"],
      ["R-3", "Three", "Contoso"],
    ];
    expect(tallied(await write(compiled, added(rows)))).toEqual({ applied: 2, rejected: 1 });
    const notes = await compile(
      { ...bench, destination },
      {
        object: "new_note",
        columns: { id: "text", text: "text" },
        match: { new_code: "id" },
        fields: { new_text: "text" },
      },
    );
    expect(
      tallied(
        await write(
          notes,
          added([
            ["N-1", "x"],
            ["N-2", "y"],
          ]),
        ),
      ),
    ).toEqual({ applied: 2 });

    expect((await bench.stored("contact", "new_customerid")).size).toBe(2);
    expect((await bench.stored("new_note", "new_code")).size).toBe(2);
    const mine = gateway.seen.filter((path) => path.startsWith(`${PREFIX}/api/data/v9.2/`));
    expect(mine).toEqual(gateway.seen);
    expect(mine.some((path) => path.includes("$skiptoken"))).toBe(true);
    expect(mine.some((path) => path.endsWith("$batch"))).toBe(true);
    expect(mine.some((path) => path.endsWith("Multiple"))).toBe(true);
    const links = gateway.bodies.join("\n").match(/"@odata\.nextLink":"[^"]*/g) ?? [];
    expect(links.length).toBeGreaterThan(0);
    expect(links.every((link) => link.includes(rewrites ? gateway.url : bench.sandbox.url))).toBe(true);
  });

  test("is told apart from Dataverse when it refuses, without its key", async () => {
    await using bench = await openBench();
    await using gateway = await startGateway(bench.sandbox.url, { rewrites });
    const config = { ...configOf(bench.sandbox), url: gateway.url, resource: bench.sandbox.url };
    await using destination = await openDataverse({
      ...config,
      headers: { "Ocp-Apim-Subscription-Key": `${KEY}-wrong` },
    });
    const error = await refusalOf(destination.identify(running()), KEY);
    expect(error.kind).toBe("connection");
  });
});

test.each([
  [
    "https://contoso.crm4.dynamics.com/api/data/v9.2/contacts?$skiptoken=a%20b",
    "",
    "/api/data/v9.2/contacts?$skiptoken=a%20b",
  ],
  ["https://contoso.crm4.dynamics.com/api/data/v9.2/contacts?x", "/dynamics", "/api/data/v9.2/contacts?x"],
  ["https://gateway.example/dynamics/api/data/v9.2/contacts?x", "/dynamics", "/api/data/v9.2/contacts?x"],
  ["https://evil.example/elsewhere/api/data/v9.2/contacts", "/dynamics", "/api/data/v9.2/invalid-link"],
  ["https://evil.example/steal", "", "/api/data/v9.2/invalid-link"],
])("of the link %s behind %j only %s is asked for", (link, prefix, path) => {
  expect(ownPath(link, prefix)).toBe(path);
});
