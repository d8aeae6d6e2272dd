import { createHash, randomBytes, randomUUID } from "node:crypto";

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export const isGuid = (text: string): boolean => text.length === 36 && GUID.test(text);

function dashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** The same text always gives the same id: metadata ids must not move between starts. */
export function derivedId(text: string): string {
  const hex = createHash("sha1").update(text).digest("hex");
  return dashed(`${hex.slice(0, 12)}5${hex.slice(13, 16)}8${hex.slice(17, 32)}`);
}

export const randomId = (): string => randomUUID();

/** Ids that say the number from which they are made, so that they need not be kept beside it. */
export interface Serials {
  readonly idOf: (serial: number) => string;
  /** The number in an id of this sequence; undefined for all other ids. */
  readonly serialOf: (id: string) => number | undefined;
}

const WRAP = 2 ** 32;

/**
 * Ids made by the server grow with time, like the real ones (page: create-entity-web-api): the moment of the start and
 * the machine stay, the serial number is added.
 */
export function newSerials(): Serials {
  const tail = `-a${randomBytes(2).toString("hex").slice(1)}-${randomBytes(6).toString("hex")}`;
  const start = BigInt(Date.now()) * 10_000n + 122_192_928_000_000_000n;
  const low = Number(start & 0xffff_ffffn);
  const pattern = new RegExp(`^([0-9a-f]{8})-([0-9a-f]{4})-1([0-9a-f]{3})${tail}$`);
  /** What stands behind the low digits, by how often those have wrapped around. */
  const rests: string[] = [];
  const restOf = (wraps: number): string => {
    const known = rests[wraps];
    if (known !== undefined) return known;
    const high = ((start >> 32n) + BigInt(wraps)).toString(16).padStart(7, "0");
    const rest = `-${high.slice(3, 7)}-1${high.slice(0, 3)}${tail}`;
    rests[wraps] = rest;
    return rest;
  };
  return {
    idOf(serial) {
      const sum = low + serial;
      return (sum % WRAP).toString(16).padStart(8, "0") + restOf(Math.floor(sum / WRAP));
    },
    serialOf(id) {
      const match = id.endsWith(tail) ? pattern.exec(id) : null;
      return match ? Number(BigInt(`0x${match[3]}${match[2]}${match[1]}`) - start) : undefined;
    },
  };
}
