/** What the bench of the sender writes, and how: by our connector, or by single requests. */
import { openDataverse } from "../../dist/connectors/dataverse/destination.js";
import { DEFAULT_RULES, NO_OPTIONS } from "../../dist/src/core/spec.js";

const KEYS = {
  contact: ["contacts", "new_customerid", "lastname"],
  account: ["accounts", "accountnumber", "name"],
};
const COLUMNS = [
  { name: "id", kind: "text", sqlType: "text" },
  { name: "name", kind: "text", sqlType: "text" },
];

export async function openSubject({ url, sandbox, tenant, clientId, clientSecret }, options = {}) {
  const auth = { type: "client_secret", tenant, client_id: clientId, client_secret: clientSecret };
  const destination = await openDataverse(
    { type: "dataverse", url, resource: sandbox, allow_host: true, authority: sandbox, auth },
    options,
  );
  const compile = (object) => {
    const [, key, name] = KEYS[object];
    const sync = {
      name: object,
      model: object,
      destination: "crm",
      object,
      mode: "upsert",
      match: [{ field: key, column: "id" }],
      fields: [{ field: name, source: { column: "name" }, whenNull: "clear" }],
      onRemoved: "keep",
      guard: { removed: { share: 0.1, rows: 50 } },
      rules: { ...DEFAULT_RULES, adopt: false },
      options: NO_OPTIONS,
      place: () => ({ file: "bench" }),
    };
    return destination.compile(sync, COLUMNS, new AbortController().signal);
  };
  return { destination, compile };
}

const change = (seq) => ({
  kind: "added",
  seq,
  key: [`${seq}`],
  id: null,
  after: [`C-${seq}`, `Name ${seq}`],
});

export function changesOf(from, count) {
  const changes = new Array(count);
  for (let n = 0; n < count; n++) changes[n] = change(from + n);
  return changes;
}

/** Upserts without an end, as a plan makes them, over so many records that none is under way twice. */
export async function* operationsOf(object, signal) {
  const [set, key, name] = KEYS[object];
  for (let from = 0; !signal.aborted; from = (from + 1000) % 200_000) {
    yield changesOf(from, 1000).map((one) => ({
      kind: "upsert",
      change: one,
      record: `${set}(${key}='${one.after[0]}')`,
      fields: [{ field: name, property: name, json: JSON.stringify(one.after[1]) }],
      owed: [],
    }));
  }
}

export async function tokenOf({ sandbox, tenant, clientId, clientSecret }) {
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: clientSecret,
    scope: `${sandbox}/.default`,
  });
  const reply = await fetch(`${sandbox}/${tenant}/oauth2/v2.0/token`, { method: "POST", body: form });
  return (await reply.json()).access_token;
}

export function bodyOf(object, from, count) {
  const [set, key, name] = KEYS[object];
  const Targets = changesOf(from, count).map(({ after: [id, text] }) => ({
    "@odata.type": `Microsoft.Dynamics.CRM.${object}`,
    "@odata.id": `${set}(${key}='${id}')`,
    [name]: text,
  }));
  return JSON.stringify({ Targets });
}

/** Sends single bulk requests. */
export async function postOf(server) {
  const token = await tokenOf(server);
  return async (object, from, count) => {
    const reply = await fetch(
      `${server.url}/api/data/v9.2/${KEYS[object][0]}/Microsoft.Dynamics.CRM.UpsertMultiple`,
      {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: bodyOf(object, from % 200_000, count),
      },
    );
    await reply.arrayBuffer();
    return reply;
  };
}
