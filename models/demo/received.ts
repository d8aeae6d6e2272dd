/** What the sandbox says it was sent: the far end's own account of a run. */

/** For each object, the written records by the value of their key, each with the columns that were written. */
export type Received = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;

interface Audit {
  readonly entries: readonly { readonly id: string; readonly columns: readonly string[] }[];
}

interface Dump {
  readonly rows: readonly { readonly id: string; readonly values: Readonly<Record<string, string>> }[];
}

const KEYS = { account: "accountnumber", contact: "new_customerid" } as const;
const MOST = 100_000;

/** Forgets what was received so far. */
export async function forgetReceived(url: string): Promise<void> {
  await fetch(`${url}/sandbox/audit`, { method: "DELETE" });
}

/** What was written since then, by object and key. */
export async function received(url: string): Promise<Received> {
  const objects = new Map<string, Map<string, Set<string>>>();
  for (const [object, key] of Object.entries(KEYS)) {
    const { rows } = await ask<Dump>(`${url}/sandbox/dump?table=${object}&columns=${key}`);
    const keys = new Map(rows.map(({ id, values }) => [id, values[key] ?? id]));
    const records = new Map<string, Set<string>>();
    const audit = await ask<Audit>(`${url}/sandbox/audit?table=${object}&limit=${MOST}`);
    for (const { id, columns } of audit.entries) {
      const name = keys.get(id) ?? id;
      records.set(name, new Set([...(records.get(name) ?? []), ...columns]));
    }
    objects.set(object, records);
  }
  return objects;
}

async function ask<T>(url: string): Promise<T> {
  const reply = await fetch(url);
  return (await reply.json()) as T;
}
