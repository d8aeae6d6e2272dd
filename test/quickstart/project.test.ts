import { expect, test } from "vitest";
import { loadProject } from "../../src/config/load.ts";
import { SCHEMAS } from "../config/project.ts";
import { MODELS } from "./models.ts";

test("the sample project is one that Backhaul takes", async () => {
  const project = await loadProject(MODELS, { schemas: SCHEMAS });
  expect(project.name).toBe("acme");
  expect(project.models.map(({ name }) => name)).toEqual(["accounts", "contacts", "vips"]);
  const [accounts, contacts, vips] = project.models.map(({ syncs }) => syncs[0]!);
  expect([accounts!.object, contacts!.object]).toEqual(["account", "contact"]);
  expect(vips).toMatchObject({ mode: "mirror", object: "contact", audience: { create: true } });
  for (const sync of [accounts!, contacts!]) {
    expect(sync.mode).toBe("upsert");
    expect(sync.fields.length).toBeGreaterThanOrEqual(10);
    expect(sync.fields.some(({ source }) => "value" in source)).toBe(true);
  }
  const skipping = [accounts!, contacts!].flatMap(({ fields }) =>
    fields.filter((f) => f.whenNull === "skip"),
  );
  expect(skipping.map(({ field }) => field)).toEqual(["mobilephone"]);
});
