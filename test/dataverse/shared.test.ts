/** Two syncs of one field are refused however their objects and destinations are called. */
import { expect, test } from "vitest";
import type { SyncSpec } from "../../src/core/spec.ts";
import { sharedProblems } from "../../src/sync/shared.ts";
import { inDuckdb, preparedOn, syncSpec, temporaryFolder } from "../support/project.ts";
import { openBench } from "./support/bench.ts";

const people = (more: Partial<SyncSpec>): SyncSpec =>
  syncSpec({
    match: [{ field: "new_customerid", column: "id" }],
    fields: [{ field: "lastname", source: { column: "name" }, whenNull: "clear" }],
    place: (...path) => ({ file: `${more.name}:${path.join(".")}` }),
    ...more,
  });

test("one field of one object, by its logical name, its set and its display name", async () => {
  using folder = temporaryFolder();
  await using bench = await openBench();
  await inDuckdb(`${folder.path}/warehouse.duckdb`, "SELECT 1");
  const problemsOf = async (...syncs: SyncSpec[]) => {
    const { destination } = bench;
    const on = {
      folder: folder.path,
      query: "SELECT '1' AS id, 'a' AS name",
      primaryKey: ["id"],
      destination,
    };
    return sharedProblems(await Promise.all(syncs.map((sync) => preparedOn({ ...on, sync }))));
  };
  const [a, b, c] = [
    people({ name: "a", object: "contact" }),
    people({ name: "b", object: "contacts", destination: "other" }),
    people({ name: "c", object: "Contact" }),
  ];
  const found = await problemsOf(a!, b!, c!);
  expect(found.map(({ code, message, place }) => [code, message, place?.file])).toEqual([
    ["config.conflict", 'The syncs "a" and "b" both write "lastname" of "contact".', "b:fields.lastname"],
    ["config.conflict", 'The syncs "a" and "c" both write "lastname" of "contact".', "c:fields.lastname"],
  ]);
  expect(await problemsOf({ ...a!, shared: true }, { ...b!, shared: true })).toEqual([]);
  expect(await problemsOf({ ...a!, shared: true }, b!)).toHaveLength(1);
  expect(
    await problemsOf(a!, people({ name: "d", object: "lead", match: [{ field: "leadid", column: "id" }] })),
  ).toEqual([]);
});
