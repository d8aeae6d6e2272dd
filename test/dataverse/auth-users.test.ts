/** Several application users for one destination: who sends what, and what one's limit means for the others. */
import { describe, expect, test } from "vitest";
import type { DataverseConfig } from "../../connectors/dataverse/config.ts";
import { openDataverse } from "../../connectors/dataverse/destination.ts";
import type { Sandbox, SandboxUser } from "../../src/sandbox/index.ts";
import {
  added,
  compile,
  configOf,
  type MappingInput,
  openBench,
  running,
  tallied,
  write,
} from "./support/bench.ts";
import { type GatewayOptions, KEY, startGateway } from "./support/gateway.ts";
import { refusalOf } from "./support/refusal.ts";

const USERS: readonly SandboxUser[] = [1, 2].map((number) => ({
  clientId: `6f1c2a7e-0000-4000-8000-00000000000${number}`,
  clientSecret: `secret-of-user-${number}`,
}));
const people: MappingInput = {
  columns: { id: "text", last: "text" },
  match: { new_customerid: "id" },
  fields: { lastname: "last" },
};
const rows = Array.from({ length: 60 }, (_, index) => [`R-${index}`, `Name ${index}`]);

function pooled(
  sandbox: Sandbox,
  url: string,
  secret = (user: SandboxUser) => user.clientSecret,
): DataverseConfig {
  return {
    ...configOf(sandbox),
    url,
    resource: sandbox.url,
    headers: { "Ocp-Apim-Subscription-Key": KEY },
    batch_size: 5,
    users: USERS.map((user) => ({
      type: "client_secret",
      tenant: sandbox.tenant,
      client_id: user.clientId,
      client_secret: secret(user),
    })),
  };
}

async function openPooled(options: GatewayOptions = {}) {
  const bench = await openBench({ users: USERS });
  const gateway = await startGateway(bench.sandbox.url, options);
  const destination = await openDataverse(pooled(bench.sandbox, gateway.url));
  return {
    bench: { ...bench, destination },
    gateway,
    async [Symbol.asyncDispose]() {
      await destination[Symbol.asyncDispose]();
      await gateway[Symbol.asyncDispose]();
      await bench[Symbol.asyncDispose]();
    },
  };
}

const countOf = (users: readonly string[]) => {
  const counts = new Map<string, number>();
  for (const user of users) counts.set(user, (counts.get(user) ?? 0) + 1);
  return counts;
};

describe("several application users", () => {
  test("share reads and writes", async () => {
    await using at = await openPooled();
    const compiled = await compile(at.bench, people);
    at.gateway.users.length = 0;
    expect(tallied(await write(compiled, added(rows)))).toEqual({ applied: 60 });
    expect((await at.bench.stored("contact")).size).toBe(60);
    const counts = countOf(at.gateway.users);
    expect(counts.size).toBe(3);
    for (const [user, count] of counts) expect(count, user).toBeGreaterThanOrEqual(3);
  });

  test("are all asked who they are", async () => {
    await using at = await openPooled();
    const { organization } = await at.bench.destination.identify(running());
    expect(organization).toBe(at.bench.sandbox.organizationId);
    expect(new Set(at.gateway.users)).toEqual(
      new Set([at.bench.sandbox.clientId, ...USERS.map(({ clientId }) => clientId)]),
    );
  });

  test("one whom the service refuses is named by its place in the config", async () => {
    const disabled = USERS[1]!.clientId;
    await using at = await openPooled({
      instead: (user) =>
        user === disabled
          ? {
              status: 403,
              headers: { "content-type": "application/json" },
              body: '{"error":{"code":"0x80040225","message":"The specified user is disabled."}}',
            }
          : undefined,
    });
    await expect(at.bench.destination.identify(running())).rejects.toMatchObject({
      problems: [
        { kind: "connection", code: "dataverse.0x80040225", message: expect.stringMatching(/^users\[1\]: /) },
      ],
    });
  });

  test("one that has reached its limit rests, and the others take what it was given", async () => {
    const resting = USERS[0]!.clientId;
    let isLimited = false;
    await using at = await openPooled({
      instead: (user) =>
        isLimited && user === resting
          ? {
              status: 429,
              headers: { "retry-after": "3600", "content-type": "application/json" },
              body: '{"error":{"code":"0x80072322","message":"x"}}',
            }
          : undefined,
    });
    const compiled = await compile(at.bench, people);
    at.gateway.users.length = 0;
    isLimited = true;
    const contacts = await at.bench.destination.objects(running());
    expect(contacts.length).toBeGreaterThan(0);
    expect(tallied(await write(compiled, added(rows)))).toEqual({ applied: 60 });
    const counts = countOf(at.gateway.users);
    expect(counts.get(resting)).toBeLessThanOrEqual(4); // what was under way when the first answer came
    expect(counts.size).toBe(3);
    expect(at.bench.destination.counters.throttled).toBe(counts.get(resting));
  });

  test("a limit that is told inside a batch lets its user rest, and nobody else", async () => {
    const resting = USERS[0]!.clientId;
    const limited =
      "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\nContent-Type: application/json\r\n\r\n" +
      '{"error":{"code":"0x80072322","message":"x"}}\r\n';
    let batches = 0;
    await using at = await openPooled({
      instead: (user, path, body) => {
        if (user !== resting || !path.endsWith("$batch") || !body.includes("HTTP/1.1 204")) return undefined;
        batches++;
        const boundary = body.slice(2, body.indexOf("\r\n"));
        return {
          status: 200,
          headers: { "content-type": `multipart/mixed; boundary=${boundary}` },
          body: body.replace(/HTTP\/1\.1 204 No Content[\s\S]*?(?=--batch)/g, limited),
        };
      },
    });
    const notes = await compile(at.bench, {
      object: "new_note",
      columns: { id: "text", text: "text" },
      match: { new_code: "id" },
      fields: { new_text: "text" },
    });
    at.gateway.users.length = 0;
    const result = tallied(await write(notes, added(rows)));
    // An hour is more than a run waits: those rows are the next run's, and only they.
    expect(batches).toBeGreaterThan(0);
    expect(batches).toBeLessThanOrEqual(4); // what was under way when the first answer came
    expect(result).toEqual({ applied: 60 - 5 * batches, deferred: 5 * batches });
  });

  test("one that cannot sign in is named by its place", async () => {
    await using bench = await openBench({ users: USERS });
    await using gateway = await startGateway(bench.sandbox.url);
    const wrong = (user: SandboxUser) => (user === USERS[1] ? "not-the-secret" : user.clientSecret);
    await using destination = await openDataverse(pooled(bench.sandbox, gateway.url, wrong));
    const error = await refusalOf(
      destination.identify(running()),
      "not-the-secret",
      ...USERS.map((user) => user.clientSecret),
    );
    expect(error.message).toContain("the application of users[1] (AADSTS7000215)");
  });

  test("one of another organisation is refused", async () => {
    await using at = await openPooled({
      instead: (user, path, body) =>
        user === USERS[1]!.clientId && path.endsWith("WhoAmI")
          ? {
              status: 200,
              headers: { "content-type": "application/json" },
              body: body.replace(
                /"OrganizationId":"[^"]*"/,
                '"OrganizationId":"00000000-0000-4000-8000-000000000000"',
              ),
            }
          : undefined,
    });
    const error = await refusalOf(at.bench.destination.identify(running()));
    expect(error.message).toContain("not the same organisation");
  });
});
