/** A sandbox with contacts and lists, a warehouse with one table, and audience syncs between them. */
import { join } from "node:path";
import type { AudienceSpec, SyncSpec } from "../../../src/core/spec.ts";
import type { SandboxOptions } from "../../../src/sandbox/index.ts";
import { applySync, checkPlan } from "../../../src/sync/apply.ts";
import { planSyncs } from "../../../src/sync/plan.ts";
import { readPlan, writePlan } from "../../../src/sync/plan-file.ts";
import type { Prepared } from "../../../src/sync/prepare.ts";
import type { SyncPlan, SyncRun } from "../../../src/sync/report.ts";
import { runSync } from "../../../src/sync/run.ts";
import type { SyncOptions } from "../../../src/sync/stage.ts";
import { type Bench, openBench } from "../../dataverse/support/bench.ts";
import { inDuckdb, preparedOn, syncSpec, temporaryFolder } from "../../support/project.ts";

export interface Scene extends AsyncDisposable {
  readonly bench: Bench;
  readonly folder: string;
  /** Contacts `C-0` … with the names `Name 0` …; gives their ids. */
  contacts(count: number, from?: number, more?: Record<string, unknown>): Promise<string[]>;
  /** A list with members; gives its id. */
  list(values?: Record<string, unknown>, members?: readonly string[]): Promise<string>;
  /** The model's rows: primary keys that are customer numbers too, or whole rows. */
  model(rows: readonly (string | Partial<ModelRow>)[]): Promise<void>;
  prepare(sync?: Partial<SyncSpec>, primaryKey?: readonly string[]): Promise<Prepared>;
  run(sync?: Partial<SyncSpec>, options?: Partial<SyncOptions>): Promise<SyncRun>;
  plan(sync?: Partial<SyncSpec>, options?: Partial<SyncOptions>): Promise<SyncPlan>;
  /** Saves a plan and applies it. */
  apply(sync?: Partial<SyncSpec>, between?: () => Promise<void>): Promise<SyncRun>;
  /** The customer numbers of a list's members, sorted; of the one list there is, or by its name. */
  members(list?: string): Promise<string[]>;
  api(method: string, path: string, body?: unknown): Promise<{ status: number; json: unknown }>;
}

export interface ModelRow {
  readonly id: string;
  readonly code: string | null;
  readonly list: string | null;
  readonly name: string | null;
}

export const AUDIENCE: AudienceSpec = {
  kind: "list",
  named: { value: "VIP" },
  create: false,
  scope: "managed",
  whenMissing: "reject",
};

export const signal = new AbortController().signal;

export const vip = (more: Partial<SyncSpec> = {}): SyncSpec =>
  syncSpec({
    name: "vip",
    audience: AUDIENCE,
    mode: "mirror",
    onRemoved: more.mode === undefined || more.mode === "mirror" ? "remove_member" : "keep",
    match: [{ field: "new_customerid", column: "code" }],
    fields: [],
    ...more,
  });

export async function openScene(
  options: SandboxOptions = {},
  more: Parameters<typeof openBench>[1] = {},
): Promise<Scene> {
  const bench = await openBench(options, more);
  const folder = temporaryFolder();
  const warehouse = join(folder.path, "warehouse.duckdb");
  const { sandbox } = bench;
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: sandbox.clientId,
    client_secret: sandbox.clientSecret,
    scope: `${sandbox.url}/.default`,
  });
  const reply = await fetch(`${sandbox.url}/${sandbox.tenant}/oauth2/v2.0/token`, {
    method: "POST",
    body: form,
  });
  const { access_token: token } = (await reply.json()) as { access_token: string };
  const api: Scene["api"] = async (method, path, body) => {
    const answer = await fetch(`${sandbox.url}/api/data/v9.2/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        accept: "application/json",
        "content-type": "application/json",
        "odata-version": "4.0",
        "odata-maxversion": "4.0",
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, json: text === "" ? undefined : JSON.parse(text) };
  };

  const scene: Scene = {
    bench,
    folder: folder.path,
    api,
    contacts: (count, from = 0, values = {}) =>
      bench.seed(
        "contact",
        Array.from({ length: count }, (_, n) => ({
          new_customerid: `C-${n + from}`,
          firstname: "Name",
          lastname: String(n + from),
          fullname: `Name ${n + from}`,
          ...values,
        })),
      ),
    async list(values = {}, members = []) {
      const [id = ""] = await bench.seed("list", [
        { listname: "VIP", createdfromcode: 2, membertype: 2, type: false, ...values },
      ]);
      for (let from = 0; from < members.length; from += 1000) {
        const { status } = await api("POST", "AddListMembersList", {
          List: { "@odata.type": "Microsoft.Dynamics.CRM.list", listid: id },
          Members: members
            .slice(from, from + 1000)
            .map((contactid) => ({ "@odata.type": "Microsoft.Dynamics.CRM.contact", contactid })),
        });
        if (status !== 204) throw new Error(`adding members: ${status}`);
      }
      return id;
    },
    async model(rows) {
      const text = (value: string | null | undefined) =>
        value === null || value === undefined ? "NULL" : `'${value}'`;
      const values = rows.map((row) => {
        const { id, code, list, name } =
          typeof row === "string" ? { id: row, code: row, list: null, name: null } : { code: row.id, ...row };
        return `(${[id, code, list, name].map(text).join(", ")})`;
      });
      await inDuckdb(
        warehouse,
        "CREATE OR REPLACE TABLE people (id VARCHAR, code VARCHAR, list VARCHAR, name VARCHAR)",
        ...(values.length === 0 ? [] : [`INSERT INTO people VALUES ${values.join(", ")}`]),
      );
    },
    prepare: (sync = {}, primaryKey = ["id"]) =>
      preparedOn({
        folder: folder.path,
        query: "SELECT * FROM people",
        primaryKey,
        sync: vip(sync),
        destination: bench.destination,
      }),
    async run(sync, options = {}) {
      const prepared = await scene.prepare(sync);
      try {
        return await runSync(prepared, { signal, ...options });
      } finally {
        await prepared.warehouse[Symbol.asyncDispose]();
      }
    },
    async plan(sync, options = {}) {
      const prepared = await scene.prepare(sync);
      try {
        for await (const plan of planSyncs([prepared], { signal, ...options })) return plan;
        throw new Error("no plan");
      } finally {
        await prepared.warehouse[Symbol.asyncDispose]();
      }
    },
    async apply(sync, between = async () => {}) {
      const file = join(folder.path, "vip.plan");
      using writer = writePlan(file, { project: "test", created: "2026-11-21T00:00:00Z", allow: [] });
      await scene.plan(sync, { writer } as Partial<SyncOptions>);
      writer.end();
      await between();
      const saved = await readPlan(file);
      const prepared = await scene.prepare(sync);
      try {
        const plan = saved.syncs[0]!;
        await checkPlan([{ plan, prepared }]);
        return await applySync(prepared, plan, { signal });
      } finally {
        await prepared.warehouse[Symbol.asyncDispose]();
      }
    },
    async members(list) {
      const lists = await bench.stored("list");
      const contacts = await bench.stored("contact");
      const ids = [...lists.values()].filter(({ listname }) => list === undefined || listname === list);
      if (ids.length !== 1) throw new Error(`${ids.length} lists ${list ?? ""}`);
      const rows = [...(await bench.stored("listmember")).values()] as {
        listid: { id: string };
        entityid: { id: string };
      }[];
      return rows
        .filter(({ listid }) => listid.id === ids[0]!.id)
        .map(({ entityid }) => String(contacts.get(entityid.id)?.new_customerid ?? entityid.id))
        .sort();
    },
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
  return scene;
}

/** `C-from` … `C-(to - 1)`, sorted as texts. */
export const codes = (to: number, from = 0): string[] =>
  Array.from({ length: to - from }, (_, n) => `C-${n + from}`).sort();
