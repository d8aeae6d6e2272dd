/** Ids that are made of what they stand for (RFC 9562, 5.5). */
import { createHash } from "node:crypto";

/** Our namespace: the version 5 UUID of `backhaul.dataverse` in the DNS namespace. */
const NAMESPACE = Buffer.from("6ba7b8109dad11d180b400c04fd430c8", "hex");
const OURS = hashed(NAMESPACE, "backhaul.dataverse");

/** The id of a list of texts; each is put down with its length, so that no two lists look alike. */
export function idOfTexts(texts: readonly string[]): string {
  const name = texts.map((text) => `${text.length}:${text}`).join("");
  const hex = hashed(OURS, name).toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function hashed(namespace: Buffer, name: string): Buffer {
  const hash = createHash("sha1").update(namespace).update(name, "utf8").digest().subarray(0, 16);
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  return hash;
}
