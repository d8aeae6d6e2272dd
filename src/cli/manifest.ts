/**
 * Writes `oclif.manifest.json`, from which oclif answers `--help` without loading a command, and the schemas that
 * editors read. Part of the build; oclif's own packer does the first with two hundred more packages.
 */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Config, Plugin } from "@oclif/core/config";
import { editorSchema } from "../config/schema.ts";
import { schemas } from "../registry.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const config = new Config({ root });
await config.load();
const plugin = new Plugin({
  root,
  type: "core",
  ignoreManifest: true,
  errorOnManifestCreate: true,
  respectNoCacheDefault: true,
});
await plugin.load();
writeFileSync(`${root}/oclif.manifest.json`, `${JSON.stringify(plugin.manifest, null, 2)}\n`);

mkdirSync(`${root}/dist/spec/editor`, { recursive: true });
const project = JSON.stringify(editorSchema(schemas), null, 2);
writeFileSync(`${root}/dist/spec/editor/project.schema.json`, `${project}\n`);
copyFileSync(`${root}/dist/spec/model.schema.json`, `${root}/dist/spec/editor/model.schema.json`);
