/**
 * `npm run bench [-- NAME …]`: figures, as ratios to a yardstick measured in the same run. No test depends on them.
 */
const all = {
  startup: () => import("./startup.mjs"),
  diff: () => import("./diff.mjs"),
  engine: () => import("./engine.mjs"),
  sandbox: () => import("./sandbox.mjs"),
  sender: () => import("./sender.mjs"),
  gzip: () => import("./gzip.mjs"),
};
const wanted = process.argv.slice(2);
for (const name of wanted.length > 0 ? wanted : Object.keys(all)) {
  const load = all[name];
  if (load === undefined)
    throw new Error(`There is no bench ${name}; there are ${Object.keys(all).join(", ")}.`);
  process.stdout.write(`\n${name}\n`);
  await (await load()).default();
}
