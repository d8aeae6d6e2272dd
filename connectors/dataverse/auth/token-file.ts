/** Files that credentials are read from. Their content is in no error. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { fail } from "../../../src/sdk.ts";

/** The variable in which Kubernetes' workload identity names the file of the federated token. */
const VARIABLE = "AZURE_FEDERATED_TOKEN_FILE";

/** The federated token as it is now: whoever hands it out replaces the file before the token expires. */
export async function readToken(file: string | undefined, folder: string): Promise<string> {
  const path = file ?? process.env[VARIABLE];
  if (!path)
    throw fail.config(
      "auth.token_file",
      `The auth names no token_file, and ${VARIABLE} is not set.`,
      "Set token_file to the file of the federated token.",
    );
  const token = (await readCredential(path, folder, "token_file")).toString("utf8").trim();
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return token;
  throw fail.config(
    "auth.token_file",
    `The token_file "${path}" holds no token.`,
    "Name the file that holds the federated token (a JWT) and nothing else.",
  );
}

/** @param key the key of the config that names the file */
export async function readCredential(path: string, folder: string, key: string): Promise<Buffer> {
  try {
    return await readFile(resolve(folder, path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw fail.config(
      `auth.${key}`,
      code === "ENOENT"
        ? `There is no ${key} "${path}".`
        : `The ${key} "${path}" cannot be read (${code ?? "unknown"}).`,
      code === "ENOENT" ? "Correct the path, or create the file." : "Let this user read it.",
    );
  }
}
