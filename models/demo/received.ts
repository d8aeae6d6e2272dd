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

/** The members of a list by the keys of their contacts. */
export async function membersOf(url: string, listname: string): Promise<ReadonlySet<string>> {
  const dump = async <T>(table: string, columns: string) =>
    (
      await ask<{ rows: { id: string; values: T }[] }>(
        `${url}/sandbox/dump?table=${table}&columns=${columns}`,
      )
    ).rows;
  const lists = await dump<{ listname: string }>("list", "listname");
  const list = lists.find(({ values }) => values.listname === listname)?.id;
  const contacts = await dump<{ new_customerid: string }>("contact", "new_customerid");
  const keys = new Map(contacts.map(({ id, values }) => [id, values.new_customerid]));
  const rows = await dump<Record<"listid" | "entityid", { id: string }>>("listmember", "listid,entityid");
  return new Set(
    rows
      .filter(({ values }) => values.listid.id === list)
      .map(({ values }) => keys.get(values.entityid.id) ?? values.entityid.id),
  );
}

async function ask<T>(url: string): Promise<T> {
  const reply = await fetch(url);
  return (await reply.json()) as T;
}
