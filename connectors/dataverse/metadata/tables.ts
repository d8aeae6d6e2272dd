/**
 * The organisation's tables as they are asked for: read in few requests, and kept between commands for as long as
 * the version of the organisation's definitions is the same. Source: "Compose HTTP requests and handle errors",
 * `globalmetadataversion`.
 */
import { createHash } from "node:crypto";
import { type Cache, type ObjectSummary, type Reply, SyncError } from "../../../src/sdk.ts";
import { isLoopback } from "../config.ts";
import { findObject, summariesOf } from "../describe.ts";
import { everyoneProblem, itemsOf, readError } from "../sender/problems.ts";
import { type Json, parsed, type Service } from "../sender/service.ts";
import { activeKeys, type Table } from "../table.ts";
import { TABLES, tablePaths, VERSION, VERSION_ANNOTATION } from "./paths.ts";
import { tableOf } from "./read.ts";

export interface Tables {
  objects(signal: AbortSignal): Promise<readonly ObjectSummary[]>;
  /** A table by logical name, set or display name. Throws `config` with near names when there is none. */
  named(wanted: string, signal: AbortSignal): Promise<Table>;
}

/** Which definitions an organisation has. */
interface Version {
  readonly organization: string;
  readonly version: string;
}

interface Kept extends Version {
  /** Changes with what is asked for. */
  readonly asked: string;
  readonly replies: readonly Json[];
}

/** Definitions that are kept must be those of their version: the service's own caches lag behind for seconds. */
const STRONG = { consistency: "Strong" };
const WITH_VERSION = { prefer: `odata.include-annotations="${VERSION_ANNOTATION}"` };

export function openTables(service: Service, cache?: Cache): Tables {
  let current: Promise<Version | undefined> | undefined;
  const memory = new Map<string, Promise<unknown>>();

  const once = <T>(name: string, read: () => Promise<T>): Promise<T> => {
    const reading = (memory.get(name) as Promise<T> | undefined) ?? read();
    memory.set(name, reading);
    reading.catch(() => memory.delete(name));
    return reading;
  };

  /** Asks once; an organisation that does not tell its version has nothing kept. */
  const versionNow = (signal: AbortSignal): Promise<Version | undefined> => {
    current ??= service.reads(VERSION, signal, WITH_VERSION).then((replies) => versionOf(replies, service));
    return current;
  };

  // A sandbox has another port at each start; what is kept says whose it is.
  const { hostname } = new URL(service.origin);
  const place = hash(isLoopback(hostname) ? hostname : service.origin);
  const fileOf = (name: string) => `${place}-${name}`;

  const load = async (name: string, asked: readonly string[]): Promise<Kept | undefined> =>
    keptOf(await cache?.read(fileOf(name)), asked);

  const keep = async (name: string, asked: readonly string[], version: Version, replies: readonly Json[]) =>
    cache?.write(
      fileOf(name),
      JSON.stringify({ ...version, asked: hash(asked.join("\n")), replies } satisfies Kept),
    );

  const readList = async (signal: AbortSignal): Promise<Json> => {
    if (!cache) return service.get(TABLES, signal);
    const kept = await load("tables", [TABLES]);
    if (Array.isArray(kept?.replies[0].value)) {
      const version = await versionNow(signal);
      if (version && isSame(kept, version)) return kept.replies[0];
    }
    // Nothing is kept: the version comes along with the list.
    const replies = await service.reads([TABLES, ...VERSION], signal, { ...WITH_VERSION, ...STRONG });
    const [list, ...told] = replies as [Reply, ...Reply[]];
    if (list.status >= 300) throw readError(list, service.origin);
    const tables = parsed(list, service.origin);
    const version = versionOf(told, service);
    current = Promise.resolve(version);
    if (version && Array.isArray(tables?.value)) await keep("tables", [TABLES], version, [tables]);
    return tables;
  };

  const readTable = async (name: string, signal: AbortSignal): Promise<Table> => {
    const asked = tablePaths(name);
    const kept = await load(name, asked);
    const version = cache && (await versionNow(signal));
    if (kept && version && isSame(kept, version)) {
      const table = tableOf(kept.replies);
      if (activeKeys(table).length === table.keys.length) return table;
      // The index of a key is built without a new version of the definitions.
      return tableOf([await service.get(asked[0]!, signal), ...kept.replies.slice(1)]);
    }
    const { replies, isWhole } = await readDefinition(service, asked, signal, version ? STRONG : {});
    if (version && isWhole) await keep(name, asked, version, replies);
    return tableOf(replies);
  };

  const objects = (signal: AbortSignal) =>
    once("", async () => summariesOf([...itemsOf<Json>(await readList(signal), service.origin)]));

  return {
    objects,
    async named(wanted, signal) {
      const found = findObject(wanted, await objects(signal));
      if (found instanceof SyncError) throw found;
      return once(found.name, () => readTable(found.name, signal));
    },
  };
}

interface Definition {
  readonly replies: readonly Json[];
  /** False where the user may not read all of it: a right that is given later makes no new version. */
  readonly isWhole: boolean;
}

/** One table's definition, in one request. */
async function readDefinition(
  service: Service,
  paths: readonly string[],
  signal: AbortSignal,
  headers: Readonly<Record<string, string>>,
): Promise<Definition> {
  const { origin } = service;
  const replies = await service.reads(paths, signal, headers);
  const refused = replies.slice(0, 2).find(({ status }) => status >= 300);
  if (refused) throw readError(refused, origin);
  const read = replies.map((reply) => (reply.status < 300 ? parsed(reply, origin) : {}));
  if (typeof read[0]?.EntitySetName !== "string") {
    throw everyoneProblem("dataverse.no_table", `${origin} answered without the table's definition.`);
  }
  replies.forEach((reply, index) => {
    const isCollection = index > 0 && index < replies.length - 1;
    if (isCollection && reply.status < 300) itemsOf(read[index], origin);
  });
  return { replies: read, isWhole: replies.every(({ status }) => status !== 401 && status !== 403) };
}

/** The version in the replies to `VERSION`; a user who may not read users still may read tables. */
function versionOf(replies: readonly Reply[], { origin }: Service): Version | undefined {
  const [who, users] = replies.map((reply) => (reply.status < 300 ? parsed(reply, origin) : {}));
  const organization = who?.OrganizationId;
  const version = users?.[`@${VERSION_ANNOTATION}`];
  return typeof version === "string" && typeof organization === "string"
    ? { organization, version }
    : undefined;
}

const isSame = (a: Version, b: Version): boolean =>
  a.organization === b.organization && a.version === b.version;

/** What a file holds, if it answers the same questions; a damaged one is as good as none. */
function keptOf(text: string | undefined, asked: readonly string[]): Kept | undefined {
  if (text === undefined) return undefined;
  try {
    const kept = JSON.parse(text) as Partial<Kept> | null;
    if (kept?.asked !== hash(asked.join("\n"))) return undefined;
    const replies: unknown = kept.replies;
    const isWhole =
      Array.isArray(replies) &&
      replies.length === asked.length &&
      replies.every((reply) => typeof reply === "object" && reply !== null);
    return isWhole ? (kept as Kept) : undefined;
  } catch {
    return undefined;
  }
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** Changes when the definition of one of the tables does. */
export function schemaVersionOf(tables: readonly Table[]): string {
  const plain = tables.map((table) => ({ ...table, attributes: [...table.attributes] }));
  return hash(JSON.stringify(plain));
}
