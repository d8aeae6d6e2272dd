import { createHash, randomBytes } from "node:crypto";

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

export function randomId(): string {
  const hex = randomBytes(16).toString("hex");
  return dashed(`${hex.slice(0, 12)}4${hex.slice(13, 16)}a${hex.slice(17, 32)}`);
}

/** Ids made by the server grow with time, like the real ones (page: create-entity-web-api). */
export function idSequence(): () => string {
  const tail = randomBytes(6).toString("hex");
  let milliseconds = 0;
  let last = 0n;
  /** The low 32 bits of the last id, and what stands behind them: within a millisecond only they change. */
  let low = 0;
  let rest = "";
  return () => {
    const now = Date.now();
    low += 1;
    if (now !== milliseconds || low > 0xffff_ffff) {
      const ticks = BigInt(now) * 10_000n + 122_192_928_000_000_000n;
      const next = (last & ~0xffff_ffffn) + BigInt(low);
      last = ticks > next ? ticks : next;
      milliseconds = now;
      low = Number(last & 0xffff_ffffn);
      const hex = last.toString(16).padStart(16, "0");
      rest = `-${hex.slice(4, 8)}-1${hex.slice(1, 4)}-a${tail.slice(0, 3)}-${tail}`;
    }
    return low.toString(16).padStart(8, "0") + rest;
  };
}
