/** Literals, addresses and filters of the Web API: the only place that quotes for a URL. Pure. */
import { LONGEST_PATH, MOST_IN_VALUES, MOST_OR_TERMS } from "./unverified.ts";

export const SERVICE_ROOT = "/api/data/v9.2/";

/** Text as an OData literal: a quote is doubled ("Use an alternate key to reference a record"). */
export const textLiteral = (text: string): string => `'${doubled(text)}'`;

/** What stands between the quotes of a literal. */
export const doubled = (text: string): string => (text.includes("'") ? text.replaceAll("'", "''") : text);

const UNRESERVED = new Set(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$'()*,;=:@/".split(""),
);

/**
 * Percent-encodes what a path or query may not hold. Everything that could end a part or start another one is
 * encoded (`% # ? & +`, spaces, quotes, anything beyond ASCII); a slash only where `slash` says so.
 */
export function encode(text: string, slash = true): string {
  let result = "";
  for (const character of text) {
    const plain = UNRESERVED.has(character) && !(slash && character === "/");
    result += plain ? character : encodeURIComponent(character).replace("*", "%2A");
  }
  return result;
}

/** `contacts({id})`. */
export function addressById(set: string, id: string): string {
  return `${set}(${id})`;
}

/** `contacts(a='x',b=2)`; the literals are already in OData's notation. */
export function addressByKey(
  set: string,
  parts: readonly (readonly [name: string, literal: string])[],
): string {
  let names = "";
  for (const [name, literal] of parts) names += `${names === "" ? "" : ","}${name}=${literal}`;
  return `${set}(${names})`;
}

const BY_ID = /^[A-Za-z0-9_]+\(([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\)$/;

/** Characters of `(id)`: where they do not fit nothing is looked for. */
const ID_IN_BRACKETS = 38;
const OPENING = "(".charCodeAt(0);

const BY_PARTITION =
  /^[A-Za-z0-9_]+\([A-Za-z0-9_]+=([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}),partitionid='(.*)'\)$/s;

/** The id in an address, with the partition of an elastic table's record behind it; null when it names a key. */
export function idOf(address: string): string | null {
  const opens = address.charCodeAt(address.length - ID_IN_BRACKETS) === OPENING;
  const id = opens ? BY_ID.exec(address)?.[1] : undefined;
  if (id !== undefined) return id;
  if (!address.includes(",partitionid='")) return null;
  const [, own, partition] = BY_PARTITION.exec(address) ?? [];
  return own === undefined ? null : `${own},${partition?.replaceAll("''", "'")}`;
}

/** The path of a record's request. Addresses are kept unencoded, as they stand in bodies. */
export function pathOf(address: string): string {
  return SERVICE_ROOT + encode(address);
}

/**
 * Queries for records whose column holds one of the values, each no longer than a URL may be. Source: "Query data
 * using the Web API", "Manage single quotes": the list is JSON behind a parameter alias, its texts in double
 * quotes, because a doubled single quote is refused there.
 */
export function inQueries(options: {
  readonly set: string;
  readonly select: readonly string[];
  readonly property: string;
  readonly values: readonly string[];
}): string[] {
  const head =
    `${SERVICE_ROOT}${options.set}?$select=${options.select.join(",")}` +
    `&$filter=Microsoft.Dynamics.CRM.In(PropertyName=@p1,PropertyValues=@p2)&@p1='${options.property}'&@p2=[`;
  const literals = options.values.map((value) => encode(JSON.stringify(value)));
  return chunked(literals, ",", LONGEST_PATH - head.length - 1, MOST_IN_VALUES).map(
    (list) => `${head}${list}]`,
  );
}

/** Queries for records that match one of several sets of columns. */
export function orQueries(options: {
  readonly set: string;
  readonly select: readonly string[];
  readonly terms: readonly (readonly (readonly [name: string, literal: string])[])[];
}): string[] {
  const head = `${SERVICE_ROOT}${options.set}?$select=${options.select.join(",")}&$filter=`;
  const terms = options.terms.map(
    (term) => `(${term.map(([name, literal]) => `${name}%20eq%20${encode(literal)}`).join("%20and%20")})`,
  );
  return chunked(terms, "%20or%20", LONGEST_PATH - head.length, MOST_OR_TERMS).map((list) => head + list);
}

/** Joins texts to lists of bounded length and count; a text that is too long alone still gets its own list. */
export function chunked(texts: readonly string[], glue: string, longest: number, most: number): string[] {
  const lists: string[] = [];
  let list = "";
  let count = 0;
  for (const text of texts) {
    if (count > 0 && (count >= most || list.length + glue.length + text.length > longest)) {
      lists.push(list);
      list = "";
      count = 0;
    }
    list = count === 0 ? text : list + glue + text;
    count++;
  }
  if (count > 0) lists.push(list);
  return lists;
}

/** Text as the service compares it: case and trailing spaces do not count. */
export function folded(text: string): string {
  const lower = text.toLowerCase();
  return lower.endsWith(" ") ? lower.replace(/ +$/, "") : lower;
}
