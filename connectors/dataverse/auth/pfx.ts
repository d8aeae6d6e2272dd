/** PKCS#12, which Node can use but not take apart: node-forge does, with old and new encryption. */
import forge from "node-forge";

export type Pfx =
  | { readonly kind: "read"; readonly certificates: readonly string[]; readonly privateKey: string }
  /** The passphrase is not the file's. */
  | { readonly kind: "locked" }
  | { readonly kind: "unreadable" };

const { pki, asn1, pkcs12 } = forge;

/** @param bytes the file, or its base64, as Azure Key Vault hands it out */
export function readPfx(bytes: Buffer, passphrase: string | undefined): Pfx {
  const binary = bytes[0] === 0x30 ? bytes : Buffer.from(bytes.toString("latin1"), "base64");
  let parsed: forge.asn1.Asn1;
  try {
    parsed = asn1.fromDer(binary.toString("latin1"));
  } catch {
    return { kind: "unreadable" };
  }
  // A file without a passphrase is made in two ways: with an empty one, and with none.
  const passphrases = passphrase === undefined ? ["", undefined] : [passphrase];
  let isLocked = false;
  for (const candidate of passphrases) {
    try {
      return taken(pkcs12.pkcs12FromAsn1(parsed, false, candidate as string));
    } catch (error) {
      isLocked ||= /password|decrypt|MAC/i.test(String(error));
    }
  }
  return { kind: isLocked ? "locked" : "unreadable" };
}

function taken(file: forge.pkcs12.Pkcs12Pfx): Pfx {
  const bags = (type: string) => file.getBags({ bagType: type })[type] ?? [];
  const { certBag, keyBag, pkcs8ShroudedKeyBag } = pki.oids;
  const key = [...bags(pkcs8ShroudedKeyBag!), ...bags(keyBag!)].find((bag) => bag.key)?.key;
  const certificates = bags(certBag!).flatMap(({ cert }) => (cert ? [pki.certificateToPem(cert)] : []));
  if (!key || certificates.length === 0) return { kind: "unreadable" };
  return { kind: "read", certificates, privateKey: pki.privateKeyToPem(key) };
}
