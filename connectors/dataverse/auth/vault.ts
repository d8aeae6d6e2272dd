/**
 * What is kept of a person's sign-in between commands, encrypted: AES-256-GCM under a key that scrypt makes of the
 * config's. Without a key nothing is kept.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";
import type { ICachePlugin } from "@azure/msal-node";
import { type Cache, fail } from "../../../src/sdk.ts";

const SHORTEST_KEY = 16;
const derive = promisify(scrypt) as (secret: string, salt: Buffer, length: number) => Promise<Buffer>;

/** Encrypts a text; `name` is bound to it, so that one file cannot stand for another. */
export async function seal(text: string, secret: string, name: string): Promise<string> {
  const salt = randomBytes(16);
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", await derive(secret, salt, 32), iv);
  cipher.setAAD(Buffer.from(name));
  const data = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  const parts = { salt, iv, tag: cipher.getAuthTag(), data };
  return JSON.stringify(
    Object.fromEntries(Object.entries(parts).map(([key, bytes]) => [key, bytes.toString("base64")])),
  );
}

/** The text that was sealed; undefined when the key is another or the sealed text was touched. */
export async function unseal(sealed: string, secret: string, name: string): Promise<string | undefined> {
  try {
    const parts = JSON.parse(sealed) as Record<string, string>;
    const bytes = (key: string) => Buffer.from(String(parts[key]), "base64");
    const key = await derive(secret, bytes("salt"), 32);
    const decipher = createDecipheriv("aes-256-gcm", key, bytes("iv"), { authTagLength: 16 });
    decipher.setAAD(Buffer.from(name));
    decipher.setAuthTag(bytes("tag"));
    return Buffer.concat([decipher.update(bytes("data")), decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}

/** MSAL's cache on disk. What does not open counts as nothing kept: the person signs in again. */
export function vaultPlugin(cache: Cache, name: string, secret: string): ICachePlugin {
  if (secret.length < SHORTEST_KEY)
    throw fail.config(
      "auth.cache_key",
      `The cache_key is shorter than ${SHORTEST_KEY} characters.`,
      "Make a random one, for example by: openssl rand -base64 32",
    );
  return {
    async beforeCacheAccess(context) {
      const sealed = await cache.read(name);
      const text = sealed === undefined ? undefined : await unseal(sealed, secret, name);
      if (text !== undefined) context.tokenCache.deserialize(text);
    },
    async afterCacheAccess(context) {
      if (!context.cacheHasChanged) return;
      await cache.write(name, await seal(context.tokenCache.serialize(), secret, name));
    },
  };
}
