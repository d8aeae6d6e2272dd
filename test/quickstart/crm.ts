/** Reads a sandbox as any client of the Web API would, and keeps every digit of what it says. */

export interface Ready {
  readonly url: string;
  readonly tenant: string;
  readonly client_id: string;
  readonly client_secret: string;
}

export async function signIn({ url, tenant, client_id, client_secret }: Ready): Promise<string> {
  const reply = await fetch(`${url}/${tenant}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id,
      client_secret,
      scope: `${url}/.default`,
    }),
  });
  return ((await reply.json()) as { access_token: string }).access_token;
}

/** Every row of an entity set; each property as the JSON text that stands for it. */
export async function readAll(
  { url }: Ready,
  token: string,
  set: string,
  properties: readonly string[],
): Promise<Record<string, string>[]> {
  const rows: Record<string, string>[] = [];
  const headers = {
    authorization: `Bearer ${token}`,
    accept: "application/json",
    "odata-version": "4.0",
    "odata-maxversion": "4.0",
    prefer: "odata.maxpagesize=5000",
  };
  let next: string | undefined = `${url}/api/data/v9.2/${set}?$select=${properties.join(",")}`;
  while (next !== undefined) {
    const reply: Response = await fetch(next, { headers });
    if (!reply.ok) throw new Error(`${next}: ${reply.status} ${await reply.text()}`);
    const page = JSON.parse(withDigits(await reply.text())) as {
      value: Record<string, unknown>[];
      "@odata.nextLink"?: string;
    };
    for (const row of page.value) {
      rows.push(Object.fromEntries(properties.map((name) => [name, spelled(row[name])])));
    }
    next = page["@odata.nextLink"];
  }
  return rows;
}

const MARK = "\u0001";

/** Numbers as marked texts, since JSON.parse would pass them through a binary float. */
function withDigits(json: string): string {
  return json.replace(/("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g, (all, string, number) =>
    string === undefined ? JSON.stringify(`${MARK}${number}`) : all,
  );
}

function spelled(value: unknown): string {
  if (typeof value === "string" && value.startsWith(MARK)) return value.slice(1);
  return value === undefined ? "absent" : JSON.stringify(value);
}
