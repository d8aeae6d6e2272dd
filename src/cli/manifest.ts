/**
 * Writes `oclif.manifest.json`, from which oclif answers `--help` without loading a command. Part of the build;
 * oclif's own packer does the same with two hundred more packages.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Config, Plugin } from "@oclif/core/config";

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
