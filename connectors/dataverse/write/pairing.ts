/** Which reply of a `$batch` belongs to which record: by place, and by the address that a reply repeats. Pure. */
import type { Operation, Reply } from "../../../src/sdk.ts";
import { idOf } from "../url.ts";

/**
 * The reply to each operation, undefined where none can be trusted. Place alone counts only when there are as many
 * replies as requests, or when the batch stopped at its first failure, and no reply names another record ("Execute
 * batch operations using the Web API"); else only replies that name their record count.
 */
export function paired(
  operations: readonly Operation[],
  parts: readonly Reply[],
  status: number,
): readonly (Reply | undefined)[] {
  const places = new Map(operations.map(({ record }, index) => [record.toLowerCase(), index]));
  const told = parts.map(toldAddress);
  const isInOrder =
    (parts.length === operations.length || hasStopped(operations.length, parts, status)) &&
    told.every((address, index) => isOwn(address, operations[index], index, places));
  if (isInOrder) return operations.map((_, index) => parts[index]);
  const found: (Reply | undefined)[] = operations.map(() => undefined);
  parts.forEach((part, index) => {
    const place = places.get(told[index] ?? "");
    if (place !== undefined && part.status < 300) found[place] = part;
  });
  return found;
}

/** A batch that stopped at its first failure carries that failure's status itself. */
function hasStopped(count: number, parts: readonly Reply[], status: number): boolean {
  const last = parts.at(-1);
  if (!last || parts.length > count || status < 400 || last.status !== status) return false;
  return parts.slice(0, -1).every((part) => part.status < 300);
}

function isOwn(
  told: string | undefined,
  operation: Operation | undefined,
  index: number,
  places: ReadonlyMap<string, number>,
): boolean {
  if (told === undefined || operation === undefined) return told === undefined;
  const place = places.get(told);
  if (place !== undefined) return place === index;
  // A key may be spelled in another way, or be answered by an id that is not known here; an id may not.
  return idOf(operation.record) === null || idOf(told) === null;
}

/** The address that a reply repeats, as addresses are kept here and in lower case. */
function toldAddress({ headers }: Reply): string | undefined {
  const address = /\/api\/data\/v[\d.]+\/(.+)$/i.exec(headers["odata-entityid"] ?? "")?.[1];
  if (address === undefined) return undefined;
  try {
    return decodeURIComponent(address).toLowerCase();
  } catch {
    return address.toLowerCase();
  }
}
