/**
 * Which of the addresses of one request came before, case aside: two operations on one record do not go together.
 * Only hashes are kept, so that a new address may once in a while count as known, and never the other way round:
 * its request then goes a little sooner. Pure.
 */
export interface Seen {
  /** Takes an address; false where it was there. */
  add(address: string): boolean;
  clear(): void;
}

/** Slots for each address, so that few of them meet. */
const SLOTS_EACH = 4;

/** @param most addresses that it has to hold */
export function newSeen(most: number): Seen {
  const size = 2 ** Math.ceil(Math.log2(SLOTS_EACH * (most + 1)));
  const slots = new Int32Array(size);
  return {
    add(address) {
      const hash = hashOf(address) || 1; // 0 is an empty slot
      let at = hash & (size - 1);
      for (; slots[at] !== 0; at = (at + 1) & (size - 1)) if (slots[at] === hash) return false;
      slots[at] = hash;
      return true;
    },
    clear: () => void slots.fill(0),
  };
}

/** FNV-1a over the UTF-16 units of a text in lower case. */
function hashOf(text: string, isLower = false): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    let unit = text.charCodeAt(index);
    if (!isLower && unit > 127) return hashOf(text.toLowerCase(), true);
    if (unit >= 65 && unit <= 90) unit += 32;
    hash = Math.imul(hash ^ unit, 0x01000193);
  }
  return hash;
}
