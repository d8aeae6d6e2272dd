import { expect, test } from "vitest";
import { parametersIn } from "../../connectors/dataverse/audience/signatures.ts";
import { codes, openScene } from "./support/scene.ts";

/** A cache that lives as long as the test. */
function memory() {
  const kept = new Map<string, string>();
  return {
    kept,
    cache: {
      read: async (name: string) => kept.get(name),
      write: async (name: string, text: string) => void kept.set(name, text),
    },
  };
}

test.each([
  ["the member's id", "member"],
  ["the row's id", "row"],
  ["EntityId", "entity"],
  ["nothing", "delete"],
] as const)("members leave where RemoveMemberList takes %s", async (removeMemberListTakes, form) => {
  const { kept, cache } = memory();
  await using scene = await openScene({ unverified: { removeMemberListTakes } }, { cache });
  const ids = await scene.contacts(6);
  await scene.list({}, ids.slice(0, 5));
  await scene.model(codes(5));
  await scene.run();
  await scene.model(["C-0", "C-5"]);
  const run = await scene.run();
  expect([run.applied, run.rejections.total, run.deferred]).toEqual([5, 0, 0]);
  expect(await scene.members()).toEqual(["C-0", "C-5"]);
  const [name = ""] = [...kept.keys()].filter((key) => key.endsWith("-removal"));
  expect(kept.get(name)).toBe(form);
  // What worked is tried first, and no definition is read for it.
  await scene.bench.resetCounters();
  await scene.model(["C-5"]);
  await scene.run();
  expect(await scene.members()).toEqual(["C-5"]);
  const { requests } = await scene.bench.counters();
  expect(Object.keys(requests).filter((path) => path.includes("$metadata"))).toEqual([]);
  // What worked once is no promise.
  kept.set(name, form === "member" ? "row" : "member");
  await scene.model(["C-0"]);
  await scene.run();
  expect(await scene.members()).toEqual(["C-0"]);
  expect(kept.get(name)).toBe(form);
});

test("a signature is found among others", () => {
  const csdl = `<Action Name="RemoveMemberListX" IsBound="true"><Parameter Name="a"/></Action>
    <Action Name="RemoveMemberList" IsBound="true"><Parameter Name="entity" Type="mscrm.list"/>
    <Parameter Name="EntityId" Type="Edm.Guid"/></Action><Action Name="None"/>`;
  expect(parametersIn(csdl, "RemoveMemberList")).toEqual(["entity", "EntityId"]);
  expect(parametersIn(csdl, "None")).toEqual([]);
  expect(parametersIn(csdl, "AddMemberList")).toBeUndefined();
});

test("members who are in already, though nobody knew, are no failure where the service refuses doubles", async () => {
  await using scene = await openScene({ unverified: { presentListMember: "refused" } });
  const ids = await scene.contacts(6);
  await scene.list();
  await scene.model(codes(6));
  const prepared = await scene.prepare();
  // Two of them come in between, behind the back of the run.
  const [list] = [...(await scene.bench.stored("list")).keys()];
  for (const id of ids.slice(2, 4))
    await scene.api("POST", `lists(${list})/Microsoft.Dynamics.CRM.AddMemberList`, { EntityId: id });
  const { runSync } = await import("../../src/sync/run.ts");
  const run = await runSync(prepared, { signal: new AbortController().signal });
  await prepared.warehouse[Symbol.asyncDispose]();
  expect([run.applied, run.unchanged, run.rejections.total]).toEqual([4, 2, 0]);
  expect(await scene.members()).toEqual(codes(6));
});

test("a call that takes fewer members than are prudent goes in smaller ones", async () => {
  await using scene = await openScene({ unverified: { mostListMembersPerCall: 40 } });
  await scene.contacts(100);
  await scene.list();
  await scene.model(codes(100));
  expect((await scene.run()).applied).toBe(100);
  expect(await scene.members()).toEqual(codes(100));
});
