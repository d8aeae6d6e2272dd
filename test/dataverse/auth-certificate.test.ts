/** Signing in by certificate: MSAL signs, the sandbox checks the signature and answers as Dataverse. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { generate } from "selfsigned";
import { beforeAll, describe, expect, test } from "vitest";
import { certificateOf } from "../../connectors/dataverse/auth/certificate.ts";
import { readPfx } from "../../connectors/dataverse/auth/pfx.ts";
import type { CertificateAuth } from "../../connectors/dataverse/config.ts";
import { openDataverse } from "../../connectors/dataverse/destination.ts";
import { startSandbox } from "../../src/sandbox/index.ts";
import { running } from "./support/bench.ts";
import { refusalOf } from "./support/refusal.ts";

const folder = fileURLToPath(new URL("support/pfx/", import.meta.url));
const PASSPHRASE = "open-sesame";
const CLIENT = "6f1c2a7e-0000-4000-8000-000000000001";
const packed = readPfx(readFileSync(`${folder}aes.pfx`), PASSPHRASE);
if (packed.kind !== "read") throw new Error(packed.kind);
const PEM = packed.certificates.join("");

type Given = Partial<CertificateAuth>;
const authOf = (given: Given): CertificateAuth => ({
  type: "certificate",
  tenant: "t1",
  client_id: CLIENT,
  ...given,
});

let other: Awaited<ReturnType<typeof generate>>;
let elliptic: typeof other;
let expired: typeof other;
let locked: string;
beforeAll(async () => {
  const name = [{ name: "commonName", value: "test" }];
  other = await generate(name);
  elliptic = await generate(name, { keyType: "ec" });
  const [notBeforeDate, notAfterDate] = [new Date("2020-01-01"), new Date("2021-01-01")];
  expired = await generate(name, { notBeforeDate, notAfterDate });
  locked = createPrivateKey(packed.privateKey)
    .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: PASSPHRASE })
    .toString();
});

describe("signs in, and the service checks the signature", () => {
  test.each<[string, () => Given]>([
    ["a certificate and its key in PEM", () => ({ certificate: PEM, private_key: packed.privateKey })],
    ["a key with a passphrase", () => ({ certificate: PEM, private_key: locked, passphrase: PASSPHRASE })],
    ["a chain in any order", () => ({ certificate: other.cert + PEM, private_key: packed.privateKey })],
    ["a PFX of today", () => ({ pfx_file: "aes.pfx", passphrase: PASSPHRASE })],
    ["an older PFX", () => ({ pfx_file: "rc2.pfx", passphrase: PASSPHRASE })],
    ["a PFX of Key Vault", () => ({ pfx_file: "without-passphrase.pfx" })],
  ])("%s", async (_, given) => {
    const user = { clientId: CLIENT, clientSecret: "unused-secret", certificate: PEM };
    await using sandbox = await startSandbox({ users: [user] });
    const auth = { ...authOf(given()), tenant: sandbox.tenant };
    const config = { type: "dataverse", url: sandbox.url, authority: sandbox.url, auth } as const;
    await using destination = await openDataverse(config, { folder });
    const { organization } = await destination.identify(running());
    expect(organization).toBe(sandbox.organizationId);
  });

  test("one that the application does not have is refused by its code", async () => {
    const user = { clientId: CLIENT, clientSecret: "unused-secret", certificate: other.cert };
    await using sandbox = await startSandbox({ users: [user] });
    const auth = { ...authOf({ pfx_file: "aes.pfx", passphrase: PASSPHRASE }), tenant: sandbox.tenant };
    const config = { type: "dataverse", url: sandbox.url, authority: sandbox.url, auth } as const;
    await using destination = await openDataverse(config, { folder });
    const error = await refusalOf(destination.identify(running()), PASSPHRASE, packed.privateKey);
    expect(error.problems[0]).toMatchObject({
      kind: "connection",
      code: "auth.AADSTS700027",
      remedy: expect.stringContaining("upload its public part"),
    });
  });

  test("what is sent with the assertion names the certificate by its thumbprint and holds the chain", async () => {
    const found = await certificateOf(
      authOf({ certificate: other.cert + PEM, private_key: packed.privateKey }),
      folder,
    );
    expect(found.thumbprintSha256).toBe(new X509Certificate(PEM).fingerprint256.replaceAll(":", ""));
    expect(found.x5c.split("-----BEGIN").length - 1).toBe(2);
  });
});

describe("is refused before anything is sent", () => {
  test.each<[string, () => Given, string, RegExp]>([
    ["no PEM", () => ({ certificate: "x", private_key: packed.privateKey }), "certificate", /pfx_file/],
    ["no key", () => ({ certificate: PEM, private_key: "x" }), "private_key", /BEGIN PRIVATE KEY/],
    [
      "another key",
      () => ({ certificate: other.cert, private_key: packed.privateKey }),
      "certificate",
      /belong together/,
    ],
    ["a locked key", () => ({ certificate: PEM, private_key: locked }), "passphrase", /Set passphrase/],
    [
      "a wrong passphrase",
      () => ({ certificate: PEM, private_key: locked, passphrase: "not-this-one" }),
      "passphrase",
      /Set passphrase/,
    ],
    [
      "an expired one",
      () => ({ certificate: expired.cert, private_key: expired.private }),
      "certificate",
      /2021-01-01/,
    ],
    [
      "an elliptic key",
      () => ({ certificate: elliptic.cert, private_key: elliptic.private }),
      "private_key",
      /takes RSA alone/,
    ],
    [
      "a PFX's wrong passphrase",
      () => ({ pfx_file: "aes.pfx", passphrase: "not-this-one" }),
      "passphrase",
      /Set passphrase/,
    ],
    ["a PFX's missing passphrase", () => ({ pfx_file: "rc2.pfx" }), "passphrase", /Set passphrase/],
    [
      "a file that is no PFX",
      () => ({ pfx_file: "README.md" }),
      "pfx_file",
      /openssl pkcs12 -in README\.md -nodes/,
    ],
    [
      "a file that is not there",
      () => ({ pfx_file: "none.pfx" }),
      "pfx_file",
      /There is no pfx_file "none\.pfx"/,
    ],
  ])("%s", async (_, given, key, said) => {
    const auth = authOf(given());
    const secrets = [PASSPHRASE, "not-this-one", packed.privateKey];
    const error = await refusalOf(certificateOf(auth, folder), ...secrets);
    expect(error.problems[0]).toMatchObject({ kind: "config", code: `auth.${key}` });
    expect(error.message).toMatch(said);
  });
});
