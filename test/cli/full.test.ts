import { afterAll, beforeAll, expect, test } from "vitest";
import type { Counters } from "../../src/sandbox/counters.ts";
import { orderProject, type RunningSandbox, sandboxEnv, sandboxProcess, writeFiles } from "../support/cli.ts";
import { shippedOnce } from "../support/command.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";

const shipped = shippedOnce();
let sandbox: RunningSandbox;
beforeAll(async () => {
  sandbox = await sandboxProcess();
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
});

test.each([{ mode: "upsert" }, { mode: "mirror" }])(
  "run --full finds what others changed and writes that alone ($mode)",
  async ({ mode }) => {
    using folder = temporaryFolder();
    const files = orderProject();
    files["models/orders.yml"] = files["models/orders.yml"]!.replace("mode: upsert", `mode: ${mode}`);
    writeFiles(folder.path, files);
    await inDuckdb(
      `${folder.path}/warehouse.duckdb`,
      `CREATE TABLE orders AS SELECT i AS id, '${mode}-' || i AS number, 'n' || i AS name, CAST(i AS DECIMAL(9,2)) AS amount FROM range(300) t(i)`,
    );
    const env = sandboxEnv(sandbox);
    const command = async (...args: string[]) =>
      (await shipped([...args, "--project", folder.path, "--json"], { env })).json;
    expect((await command("run")).runs[0]).toMatchObject({ applied: 300 });

    const record = async (n: number): Promise<string> => {
      const [row] = await sandbox.rows(
        `new_orders?$select=new_orderid&$filter=new_externalid eq '${mode}-${n}'`,
      );
      return `new_orders(${row!.new_orderid})`;
    };
    const patch = async (path: string, body: object): Promise<void> => {
      const reply = await sandbox.api(path, { method: "PATCH", body: JSON.stringify(body) });
      expect(reply.status).toBe(204);
    };
    const others = await Promise.all([1, 2, 3, 4].map(record));
    await patch(others[0]!, { new_name: "by hand" });
    await patch(others[1]!, { new_externalid: `${mode}-elsewhere` });
    expect((await sandbox.api(others[2]!, { method: "DELETE" })).status).toBe(204);
    // Deleted, and made anew by somebody else: right but for one field.
    expect((await sandbox.api(others[3]!, { method: "DELETE" })).status).toBe(204);
    const anew = { new_externalid: `${mode}-4`, new_name: "anew", new_amount: 4 };
    expect((await sandbox.api("new_orders", { method: "POST", body: JSON.stringify(anew) })).status).toBe(
      204,
    );

    expect((await command("plan")).plans[0].operations).toMatchObject({ create: 0, update: 0, upsert: 0 });
    const plan = (await command("plan", "--full")).plans[0];
    expect(plan.operations).toMatchObject({ create: 1, update: 3, upsert: 0, delete: 0 });
    expect(plan.unchanged).toBe(296);
    const shown = plan.samples.flatMap(
      ({
        key,
        kind,
        fields,
      }: {
        key: string[];
        kind: string;
        fields: { field: string; before?: string }[];
      }) => (kind === "update" ? fields.map(({ field, before }) => [key[0], field, before]) : []),
    );
    expect(shown).toEqual([
      ["1", "new_name", '"by hand"'],
      ["2", "new_externalid", `"${mode}-elsewhere"`],
      ["4", "new_name", '"anew"'],
    ]);

    await sandbox.admin("counters", { method: "POST" });
    expect((await command("run", "--full")).runs[0]).toMatchObject({ applied: 4, unchanged: 296 });
    const counters = (await (await sandbox.admin("counters")).json()) as Counters;
    expect(counters.rows.new_order).toEqual({ create: 1, update: 3 });
    expect(counters.redundant).toEqual({});
    const rows = await sandbox.rows(
      `new_orders?$select=new_externalid,new_name,new_amount&$filter=startswith(new_externalid,'${mode}-')`,
    );
    const stored = rows.map(({ new_externalid: number, new_name: name, new_amount: amount }) => [
      number,
      name,
      amount,
    ]);
    const wanted = Array.from({ length: 300 }, (_, n) => [`${mode}-${n}`, `n${n}`, n]);
    expect(stored.toSorted()).toEqual(wanted.toSorted());
    expect((await command("run")).runs[0]).toMatchObject({ applied: 0, unchanged: 300 });

    // What left the model is still known.
    await inDuckdb(`${folder.path}/warehouse.duckdb`, "DELETE FROM orders WHERE id = 2");
    const after = (await command("run", "--full")).runs[0];
    expect(after).toMatchObject({ applied: mode === "mirror" ? 1 : 0 });
  },
);
