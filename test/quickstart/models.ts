import { cpSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The sample project's folder. */
export const MODELS = fileURLToPath(new URL("../../models", import.meta.url));

export function modelSql(model: "accounts" | "contacts" | "vips"): string {
  return readFileSync(join(MODELS, `${model}.sql`), "utf8");
}

/** Copies the project as a user would have it: its YAML and SQL files. */
export function copyProject(folder: string): void {
  for (const name of readdirSync(MODELS)) {
    if (/\.(yml|sql)$/.test(name)) cpSync(join(MODELS, name), join(folder, name));
  }
}
