/** A certificate that signs in, from PEM or PFX, checked before anything is sent. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { fail } from "../../../src/sdk.ts";
import type { CertificateAuth } from "../config.ts";
import { readCredential } from "./token-file.ts";

export interface ClientCertificate {
  readonly thumbprintSha256: string;
  /** PKCS#8 in PEM, without a passphrase. */
  readonly privateKey: string;
  /** The certificate and those that vouch for it, in PEM: Entra may know its issuer alone. */
  readonly x5c: string;
}

/** Reads and checks the certificate. Throws `config` errors that name the key to mend, never a value. */
export async function certificateOf(auth: CertificateAuth, folder: string): Promise<ClientCertificate> {
  const { chain, key } = auth.pfx_file === undefined ? fromPem(auth) : await fromPfx(auth, folder);
  if (key.asymmetricKeyType !== "rsa")
    throw wrong("private_key", `The private key is ${key.asymmetricKeyType}, and Entra takes RSA alone.`);
  const own = chain.find((certificate) => certificate.checkPrivateKey(key));
  if (!own)
    throw wrong(
      "certificate",
      "The private key is not the certificate's.",
      "Give the two that belong together.",
    );
  if (Date.parse(own.validTo) < Date.now())
    throw wrong(
      "certificate",
      `The certificate expired on ${new Date(own.validTo).toISOString().slice(0, 10)}.`,
      "Make a new one and upload its public part to the app registration.",
    );
  return {
    thumbprintSha256: own.fingerprint256.replaceAll(":", ""),
    privateKey: key.export({ type: "pkcs8", format: "pem" }).toString(),
    x5c: [own, ...chain.filter((certificate) => certificate !== own)].map(String).join(""),
  };
}

interface Pair {
  readonly chain: readonly X509Certificate[];
  readonly key: KeyObject;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function fromPem({ certificate = "", private_key = "", passphrase }: CertificateAuth): Pair {
  let chain: X509Certificate[];
  try {
    chain = [...certificate.matchAll(CERTIFICATE)].map(([pem]) => new X509Certificate(pem));
  } catch {
    chain = [];
  }
  if (chain.length === 0)
    throw wrong(
      "certificate",
      "The certificate is not one in PEM.",
      "It starts with -----BEGIN CERTIFICATE-----; a .pfx goes into pfx_file.",
    );
  try {
    return { chain, key: createPrivateKey({ key: private_key, ...(passphrase ? { passphrase } : {}) }) };
  } catch {
    const isLocked = /ENCRYPTED/.test(private_key);
    throw isLocked
      ? wrong("passphrase", "The private key does not open.", "Set passphrase to the private key's own.")
      : wrong(
          "private_key",
          "The private key is not one in PEM.",
          "It starts with -----BEGIN PRIVATE KEY-----.",
        );
  }
}

async function fromPfx({ pfx_file = "", passphrase }: CertificateAuth, folder: string): Promise<Pair> {
  const bytes = await readCredential(pfx_file, folder, "pfx_file");
  const { readPfx } = await import("./pfx.ts");
  const found = readPfx(bytes, passphrase);
  if (found.kind === "locked")
    throw wrong(
      "passphrase",
      `The pfx_file "${pfx_file}" does not open.`,
      "Set passphrase to the file's own.",
    );
  if (found.kind === "unreadable")
    throw wrong(
      "pfx_file",
      `The pfx_file "${pfx_file}" holds no RSA key with its certificate that can be read.`,
      `Try certificate and private_key instead: openssl pkcs12 -in ${pfx_file} -nodes -out both.pem writes both.`,
    );
  return {
    chain: found.certificates.map((pem) => new X509Certificate(pem)),
    key: createPrivateKey(found.privateKey),
  };
}

function wrong(key: string, message: string, remedy = "Make a certificate with an RSA key.") {
  return fail.config(`auth.${key}`, message, remedy);
}
