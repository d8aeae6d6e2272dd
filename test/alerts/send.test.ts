/** What receivers get, by a real HTTP server, a real SMTP server, and the sandbox. */
import { execFile } from "node:child_process";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { generate } from "selfsigned";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Message } from "../../src/alerts/conditions.ts";
import { byMail, type MailTarget, overHttp } from "../../src/alerts/send.ts";
import {
  backhaul,
  orderProject,
  type RunningSandbox,
  sandboxEnv,
  sandboxProcess,
  writeFiles,
} from "../support/cli.ts";
import { inProcess } from "../support/command.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";
import { type Received, receiver } from "../support/receiver.ts";

const SEND = new URL("../../dist/src/alerts/send.js", import.meta.url).href;

const MESSAGE: Message = {
  project: "shop",
  sync: "orders",
  condition: "failed",
  state: "begun",
  severity: "error",
  text: "shop: orders failed (a<b & c).",
  at: "2026-01-01T00:00:00.000Z",
  seconds: 3.5,
  counts: { run: "R1", rows: 10, applied: 2, deferred: 1, waiting: 1, rejected: 2 },
};

describe("over HTTP", () => {
  test("Slack gets a text for the notification, and a block with what is escaped", async () => {
    const { received, url } = await receiver({ status: 200, body: "ok" });
    await overHttp({ kind: "slack", url })(MESSAGE);
    const [{ body, headers }] = received as [Received];
    expect(headers["content-type"]).toBe("application/json");
    expect(body.text).toBe("shop: orders failed (a&lt;b &amp; c).");
    expect(body.blocks[0]).toMatchObject({ type: "section", text: { type: "mrkdwn" } });
    expect(body.blocks[0].text.text).toContain("Rejected: 3");
  });

  test("Teams gets an adaptive card in its envelope", async () => {
    const { received, url } = await receiver({ status: 202 });
    await overHttp({ kind: "teams", url })(MESSAGE);
    const [{ body }] = received as [Received];
    expect(body.type).toBe("message");
    const [{ contentType, content }] = body.attachments;
    expect(contentType).toBe("application/vnd.microsoft.card.adaptive");
    expect(content).toMatchObject({ type: "AdaptiveCard", version: "1.4" });
    expect(content.body[0].text).toBe(MESSAGE.text);
    expect(content.body[1].facts).toContainEqual({ title: "Run", value: "R1" });
  });

  test("a webhook gets the message as it is, with its authorization", async () => {
    const { received, url } = await receiver({ status: 204 });
    await overHttp({ kind: "webhook", url, authorization: "Bearer t" })(MESSAGE);
    expect(received[0]!.headers.authorization).toBe("Bearer t");
    expect(received[0]!.body).toEqual({ source: "backhaul", ...MESSAGE });
  });

  test("a receiver that is busy is tried again; one that refuses is not, and no error tells the address", async () => {
    const busy = await receiver(
      { status: 503 },
      { status: 200, body: "returned HTTP error 429" },
      { status: 200 },
    );
    await overHttp({ kind: "teams", url: busy.url }, 1)(MESSAGE);
    expect(busy.received).toHaveLength(3);
    const refusing = await receiver({ status: 404, body: "no_service" });
    const error = await overHttp(
      { kind: "slack", url: refusing.url },
      1,
    )(MESSAGE).catch((thrown: Error) => thrown);
    expect(String(error)).toBe("Error: the receiver answered 404");
    expect(refusing.received).toHaveLength(1);
    const moved = await receiver({ status: 302, headers: { location: "http://127.0.0.1:1/s3cret" } });
    const told = await overHttp({ kind: "webhook", url: moved.url }, 1)(MESSAGE).catch(String);
    expect(told).toBe("Error: the receiver answered 302");
    expect(moved.received).toHaveLength(1);
    const away = await overHttp(
      { kind: "slack", url: "http://127.0.0.1:1/s3cret" },
      1,
    )(MESSAGE).catch(String);
    expect(away).toMatch(/^Error: the receiver cannot be reached/);
    expect(away).not.toContain("s3cret");
  });
});

test("by e-mail, with a login and without", async () => {
  const mails: { from: string; to: string[]; text: string; user: unknown }[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _, done) =>
      password === "right" ? done(null, { user: username }) : done(new Error("no")),
    onData(stream, { envelope, user }, done) {
      let text = "";
      stream.on("data", (part: Buffer) => {
        text += part.toString();
      });
      stream.on("end", () => {
        const from = envelope.mailFrom === false ? "" : envelope.mailFrom.address;
        mails.push({ from, to: envelope.rcptTo.map(({ address }) => address), text, user });
        done();
      });
    },
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  onTestFinished(() => void server.close());
  const { port } = server.server.address() as AddressInfo;
  const target = {
    host: "127.0.0.1",
    port,
    encryption: "none",
    from: "backhaul@example.com",
    to: ["ops@example.com", "crm@example.com"],
  } as const;
  await byMail(target)(MESSAGE);
  await byMail({ ...target, user: "u", password: "right" })(MESSAGE);
  expect(mails).toHaveLength(2);
  expect(mails[0]).toMatchObject({ from: target.from, to: target.to });
  expect(mails[0]!.text).toContain("Subject: [backhaul] shop: orders failed (a<b & c).");
  expect(mails[1]!.user).toBe("u");
  await expect(byMail({ ...target, user: "u", password: "wr0ng" })(MESSAGE)).rejects.toThrow(
    /^the mail server refuses it \(535\)$/,
  );
  await expect(byMail({ ...target, encryption: "starttls" })(MESSAGE)).rejects.toThrow(
    "the mail server refuses it",
  );
});

describe("by e-mail, encrypted", () => {
  const folder = temporaryFolder();
  let key: string;
  let cert: string;
  beforeAll(async () => {
    const own = await generate([{ name: "commonName", value: "mail" }], {
      notBeforeDate: new Date(Date.now() - 864e5),
      notAfterDate: new Date(Date.now() + 864e5),
      algorithm: "sha256",
      extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] }],
    });
    key = own.private;
    cert = own.cert;
    writeFiles(folder.path, { "ca.pem": cert });
  });
  afterAll(() => folder[Symbol.dispose]());

  /** As the command does it, in a process that trusts our authority, as the environment says. */
  async function sent(target: MailTarget): Promise<void> {
    const script = `import { byMail } from ${JSON.stringify(SEND)};
      await byMail(${JSON.stringify(target)})(${JSON.stringify(MESSAGE)});`;
    await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: join(folder.path, "ca.pem") },
    });
  }

  test.each(["tls", "starttls"] as const)(
    "%s, with a login; not where nobody vouches for the server",
    async (encryption) => {
      const mails: { secure: boolean; user: unknown }[] = [];
      const server = new SMTPServer({
        secure: encryption === "tls",
        key,
        cert,
        onAuth: ({ username }, { secure }, done) =>
          secure ? done(null, { user: username }) : done(new Error("in the open")),
        onData(stream, { secure, user }, done) {
          mails.push({ secure, user });
          stream.resume().on("end", done);
        },
      });
      server.on("error", () => {}); // who does not trust us hangs up
      await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
      onTestFinished(() => void server.close());
      const { port } = server.server.address() as AddressInfo;
      const login = { user: "u", password: "hush-hush" };
      const target = {
        host: "127.0.0.1",
        port,
        encryption,
        from: "a@example.com",
        to: ["b@example.com"],
        ...login,
      };
      await sent(target);
      expect(mails).toEqual([{ secure: true, user: "u" }]);
      const refused = await byMail(target)(MESSAGE).catch(String);
      expect(refused).toMatch(/^Error: the mail server refuses it \(E\w+\)$/);
      expect(mails).toHaveLength(1);
    },
  );
});

describe("by the schedule", () => {
  let sandbox: RunningSandbox;
  beforeAll(async () => {
    sandbox = await sandboxProcess();
  });
  afterAll(() => sandbox[Symbol.asyncDispose]());

  test("a run that fails and runs again is told twice: to a webhook, and as rows of a table", async () => {
    using folder = temporaryFolder();
    const { received, url } = await receiver({ status: 200 });
    const files = orderProject();
    writeFiles(folder.path, {
      "backhaul.yml": `${files["backhaul.yml"]}alerts:
  - { type: webhook, url: "\${env:HOOK}" }
  - { type: dataverse, destination: dynamics, object: new_note, fields: { new_name: text } }
`,
      "models/orders.yml": `${files["models/orders.yml"]}    schedule: { cron: "0 0 1 1 *" }\n`,
    });
    await inDuckdb(`${folder.path}/warehouse.duckdb`, "CREATE TABLE others AS SELECT 1 AS id");
    const once = () =>
      backhaul(["schedule", "--once", "--project", folder.path], {
        env: { ...sandboxEnv(sandbox), HOOK: url },
      });
    const first = await once();
    expect(first.code, first.stderr).toBe(2);
    expect(received.map(({ body }) => [body.condition, body.state])).toEqual([["failed", "begun"]]);
    expect(first.stdout + first.stderr).not.toContain("s3cret");
    await inDuckdb(
      `${folder.path}/warehouse.duckdb`,
      "CREATE TABLE orders AS SELECT 1 AS id, 'A-1' AS number, 'Ada' AS name, 1 AS amount",
    );
    // Another cron line is another schedule: due at once, as the first time.
    writeFiles(folder.path, {
      "models/orders.yml": `${files["models/orders.yml"]}    schedule: { cron: "0 0 2 1 *" }\n`,
    });
    const second = await once();
    expect(second.code, second.stderr).toBe(0);
    expect(received.map(({ body }) => body.state)).toEqual(["begun", "over"]);
    const rows = await sandbox.rows("new_notes?$select=new_name");
    const texts = rows.map(({ new_name: text }) => String(text));
    expect(texts.filter((text) => /^orders: orders failed \(.*\)\.$/.test(text))).toHaveLength(1);
    expect(texts.filter((text) => text === "orders: orders runs again.")).toHaveLength(1);
    expect(JSON.stringify(received) + texts.join()).not.toContain("Ada");
  });

  test("run --alert tells what no schedule has begun: once that it fails, and once that it runs again", async () => {
    using folder = temporaryFolder();
    const { received, url } = await receiver({ status: 200 });
    const files = orderProject();
    writeFiles(folder.path, {
      ...files,
      "backhaul.yml": `${files["backhaul.yml"]}alerts: [{ type: webhook, url: "\${env:HOOK}", when: { rejected: 10% } }]\n`,
    });
    const sql = (...statements: string[]) => inDuckdb(join(folder.path, "warehouse.duckdb"), ...statements);
    const run = async (...args: string[]): Promise<number> => {
      const load = () => import("../../src/commands/run.ts");
      const env = { ...sandboxEnv(sandbox), HOOK: url };
      return (await inProcess(load, [...args, "--project", folder.path, "--json"], env)).code;
    };
    const told = () => received.map(({ body }) => [body.condition, body.state]);
    await sql("CREATE TABLE others AS SELECT 1 AS id");
    expect([await run("--alert"), await run("--alert")]).toEqual([2, 2]);
    expect(told()).toEqual([["failed", "begun"]]);
    await sql(
      "CREATE TABLE orders AS SELECT 1 AS id, 'R-1' AS number, repeat('x', 300) AS name, 1 AS amount",
    );
    expect(await run()).toBe(1);
    expect(told()).toHaveLength(1);
    expect(await run("--alert")).toBe(1);
    expect(told().slice(1).sort()).toEqual([
      ["failed", "over"],
      ["rejected", "begun"],
    ]);
    expect(received[2]!.body.counts).toMatchObject({ rows: 1, applied: 0 });
    await sql("UPDATE orders SET name = 'Ada'");
    expect([await run("--alert"), await run("--alert")]).toEqual([0, 0]);
    expect(told().slice(3)).toEqual([["rejected", "over"]]);
  });
});
