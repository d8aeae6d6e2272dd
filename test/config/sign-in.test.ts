/** What the config of a Dataverse destination may say about signing in, and where it is told that it may not. */
import { describe, expect, test } from "vitest";
import { edit, problemsOf, ref, sentencesOf } from "./project.ts";

const env = (name: string): string => `"${ref(`env:${name}`)}"`;
const HOST = "https://a.crm.dynamics.com";
const entra = `tenant: t, client_id: c`;
const secret = `{ type: client_secret, ${entra}, client_secret: ${env("S")} }`;
const given = (lines: string, url = HOST) =>
  edit("backhaul.yml", "url: sandbox", `url: ${url}\n    ${lines}`);

describe("is taken", () => {
  test.each([
    ["a secret", `auth: ${secret}`],
    ["a certificate", `auth: { type: certificate, ${entra}, certificate: c, private_key: ${env("K")} }`],
    ["a PFX", `auth: { type: certificate, ${entra}, pfx_file: c.pfx, passphrase: ${env("P")} }`],
    ["the system's identity", "auth: { type: managed_identity }"],
    ["a user-assigned identity", "auth: { type: managed_identity, client_id: c }"],
    ["a federated token", `auth: { type: workload_identity, ${entra}, token_file: f }`],
    ["a federated token by its variable", `auth: { type: workload_identity, ${entra} }`],
    ["a code", `auth: { type: device_code, client_id: c, cache_key: ${env("K")} }`],
    ["a browser", "auth: { type: browser, client_id: c }"],
    ["several users", `auth: ${secret}\n    users: [${secret}, { type: managed_identity }]`],
    ["a header", `auth: ${secret}\n    headers: { Ocp-Apim-Subscription-Key: ${env("K")} }`],
  ])("%s", async (_, lines) => {
    await expect(problemsOf(given(lines))).rejects.toThrow("The project was loaded.");
  });

  test("a gateway", async () => {
    const lines = `allow_host: true\n    resource: ${HOST}\n    auth: ${secret}`;
    await expect(problemsOf(given(lines, "https://gateway.example/dynamics"))).rejects.toThrow("was loaded");
  });
});

describe("is told with its place", () => {
  test.each([
    [
      "a key that is missing",
      `auth: { type: certificate, ${entra}, certificate: c }`,
      `missing_key backhaul.yml:8:5: Missing required key "private_key" in a certificate.`,
    ],
    [
      "no certificate",
      `auth: { type: certificate, ${entra} }`,
      `missing_key backhaul.yml:8:5: One of "certificate" or "pfx_file" is missing in a certificate. Add one.`,
    ],
    [
      "two certificates",
      `auth: { type: certificate, ${entra}, certificate: c, private_key: ${env("K")}, pfx_file: f }`,
      `wrong_value backhaul.yml:8:5: The keys "certificate" and "pfx_file" exclude each other in a certificate. Keep one of them.`,
    ],
    [
      "a literal key of the cache",
      "auth: { type: browser, client_id: c, cache_key: abcdefghijklmnop }",
      `literal_secret backhaul.yml:8:53: "cache_key" is a secret`,
    ],
    [
      "a literal key of a gateway",
      `auth: ${secret}\n    headers: { X-Key: abcdefgh }`,
      `literal_secret backhaul.yml:9:23: "X-Key" is a secret`,
    ],
    [
      "a person among the users",
      `auth: ${secret}\n    users: [{ type: browser, client_id: c }]`,
      `wrong_value backhaul.yml:9:21: "type" should be "client_secret", "certificate", "managed_identity", "workload_identity" or "bearer", found "browser".`,
    ],
    [
      "a name that is no header's",
      `auth: ${secret}\n    headers: { "X Key": ${env("K")} }`,
      `wrong_value backhaul.yml:9:16: "X Key" should be the name of a header.`,
    ],
  ])("%s", async (_, lines, said) => {
    const sentences = await sentencesOf(given(lines));
    expect(sentences).toHaveLength(1);
    expect(sentences[0]).toContain(`config.${said}`);
  });

  test("a host that is not Dataverse's", async () => {
    expect(await sentencesOf(given(`auth: ${secret}`, "https://gateway.example"))).toEqual([
      `config.wrong_value backhaul.yml:7:10: "url" should be an address such as https://acme.crm4.dynamics.com (another host's with allow_host: true, plain http on this machine only), or the word sandbox, found "https://gateway.example".`,
    ]);
  });
});
