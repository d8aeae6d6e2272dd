import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startSandbox } from "../../src/sandbox/index.ts";
import { idIn, openWire } from "./client.ts";

let folder = "";
let data = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sandbox-"));
  data = join(folder, "data.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("a data file", () => {
  test("keeps organisation, rows, keys, versions and deletions between starts", async () => {
    let organization = "";
    let kept = "";
    let version = "";
    {
      await using wire = await openWire({ data });
      organization = wire.sandbox.organizationId;
      kept = idIn(
        await wire.call("POST", "accounts", {
          name: "one",
          accountnumber: "A",
          creditlimit: 12345678901234.56,
        }),
      );
      const gone = idIn(await wire.call("POST", "accounts", { name: "two" }));
      await wire.call("PATCH", `accounts(${kept})`, { name: "changed" });
      await wire.call("DELETE", `accounts(${gone})`);
      version = (await wire.call("GET", `accounts(${kept})`)).json["@odata.etag"];
    }
    for (let start = 0; start < 2; start++) {
      await using wire = await openWire({ data });
      expect(wire.sandbox.organizationId).toBe(organization);
      const { value } = (await wire.call("GET", "accounts?$select=name,accountnumber")).json;
      expect(value).toMatchObject([
        { name: "changed", accountnumber: "A", accountid: kept, "@odata.etag": version },
      ]);
      expect((await wire.call("GET", "accounts(accountnumber='a')?$select=creditlimit")).text).toContain(
        "12345678901234.56",
      );
      expect((await wire.call("POST", "accounts", { name: "x", accountnumber: "a" })).status).toBe(412);
    }
  });

  test("is compacted at the start", async () => {
    {
      await using wire = await openWire({ data });
      const id = idIn(await wire.call("POST", "accounts", { name: "0" }));
      for (let at = 1; at < 50; at++) await wire.call("PATCH", `accounts(${id})`, { name: String(at) });
    }
    const before = readFileSync(data, "utf8").length;
    await (await startSandbox({ data })).close();
    const text = readFileSync(data, "utf8");
    expect(text.length).toBeLessThan(before / 10);
    expect(text.trim().split("\n")).toHaveLength(2);
  });

  test("survives a torn last line", async () => {
    {
      await using wire = await openWire({ data });
      await wire.call("POST", "accounts", { name: "whole" });
    }
    appendFileSync(data, '[["account","11111111-2222-4333-8444-5555555');
    await using wire = await openWire({ data });
    expect((await wire.call("GET", "accounts?$select=name")).json.value).toHaveLength(1);
    await wire.call("POST", "accounts", { name: "after" });
    expect(readFileSync(data, "utf8")).not.toContain("5555555");
  });

  test("belongs to one sandbox at a time, and is free after close", async () => {
    const first = await startSandbox({ data });
    await expect(startSandbox({ data })).rejects.toThrow(/is in use by the sandbox with process id \d+/);
    await first.close();
    await (await startSandbox({ data })).close();
  });

  test("is taken over from a process that is gone", async () => {
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    writeFileSync(`${data}.lock`, `${child.pid} 1`);
    await (await startSandbox({ data })).close();
  });

  test.skipIf(process.platform !== "linux")(
    "is taken over from a process that was killed and that its parent has not looked at",
    async () => {
      // The shell becomes `sleep`, which never asks after the child that it inherits.
      const parent = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 60"], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      try {
        const [line] = (await once(parent.stdout, "data")) as [Buffer];
        const pid = Number(line.toString());
        const fields = () => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
        while (fields()[0] !== "Z") await new Promise((resolve) => setImmediate(resolve));
        writeFileSync(`${data}.lock`, `${pid} ${fields()[19]}`);
        await (await startSandbox({ data })).close();
      } finally {
        parent.kill("SIGKILL");
      }
    },
  );

  test.each([
    '{"hello":"world"}\n',
    "Dear diary,\n",
    "Dear diary,",
    "5\n",
    "null\n",
    '{"format":2}\n',
    '{"format":1,"organizationId":"x"}\n',
    "\n",
  ])("of something else is refused and left as it is: %j", async (content) => {
    writeFileSync(data, content);
    await expect(startSandbox({ data })).rejects.toThrow(`${data} is not a sandbox data file.`);
    expect(readFileSync(data, "utf8")).toBe(content);
  });

  test("that is a folder is refused, and nothing is left beside it", async () => {
    mkdirSync(data);
    await expect(startSandbox({ data })).rejects.toThrow(`${data} is not a sandbox data file.`);
    expect([readdirSync(data), existsSync(`${data}.lock`)]).toEqual([[], false]);
  });

  test.each(["x\n", "5\n", '[{"table":"account"}]\n', "[null]\n"])(
    "with a damaged line is refused, the line named: %j",
    async (line) => {
      await (await startSandbox({ data })).close();
      const sound = readFileSync(data, "utf8");
      const number = sound.split("\n").length;
      writeFileSync(data, sound + line);
      await expect(startSandbox({ data })).rejects.toThrow(`Line ${number} of ${data} is damaged.`);
      expect(readFileSync(data, "utf8")).toBe(sound + line);
    },
  );
});

/** The compiled sandbox, in a process that can be killed; the build is made before the tests run. */
const BUILT = fileURLToPath(new URL("../../dist/src/sandbox/index.js", import.meta.url));

test("what was acknowledged is there after SIGKILL at any moment, and bulk messages are whole or not there", async () => {
  const code = `import(${JSON.stringify(BUILT)}).then(async ({ startSandbox }) => {
    const s = await startSandbox({ data: ${JSON.stringify(data)} });
    const form = new URLSearchParams({ grant_type: "client_credentials", client_id: s.clientId, client_secret: s.clientSecret, scope: s.url + "/.default" });
    const token = (await (await fetch(s.url + "/" + s.tenant + "/oauth2/v2.0/token", { method: "POST", body: form })).json()).access_token;
    const headers = { Authorization: "Bearer " + token, "Content-Type": "application/json" };
    const from = Number(process.argv[1]);
    for (let at = from; ; at++) {
      const Targets = Array.from({ length: 20 }, (_, row) => ({ "@odata.type": "Microsoft.Dynamics.CRM.account", "@odata.id": "accounts(accountnumber='" + (at * 20 + row) + "')", name: String(at) }));
      const r = await fetch(s.url + "/api/data/v9.2/accounts/Microsoft.Dynamics.CRM.UpsertMultiple", { method: "POST", headers, body: JSON.stringify({ Targets }) });
      if (r.status !== 204) throw new Error(await r.text());
      process.stdout.write(at + "\\n");
    }
  });`;
  let next = 0;
  for (const afterBytes of [1, 40, 150, 333]) {
    const child = spawn(process.execPath, ["-e", code, String(next)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (output.length > afterBytes) child.kill("SIGKILL");
    });
    await once(child, "exit");
    const acknowledged = output.slice(0, output.lastIndexOf("\n")).split("\n").map(Number);
    await using wire = await openWire({ data });
    const stored = Number((await wire.call("GET", "accounts/$count")).text);
    expect(stored % 20).toBe(0);
    expect(stored / 20).toBeGreaterThanOrEqual((acknowledged.at(-1) ?? 0) + 1);
    expect(stored / 20).toBeLessThanOrEqual((acknowledged.at(-1) ?? 0) + 2);
    next = stored / 20;
  }
}, 60_000);

test("a lock that a kill left empty holds nobody up", async () => {
  writeFileSync(`${data}.lock`, "");
  await (await startSandbox({ data })).close();
});
