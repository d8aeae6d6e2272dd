/**
 * Finds rows by the text of a key. Only hashes and places are kept, in one block of numbers: the texts stand in the rows
 * already, and a Map of a million of them costs more than the rows do.
 */
export interface KeyIndex {
  /** Pairs of hash and place; a place is kept plus one, because nothing there is 0. */
  pairs: Int32Array;
  /** Pairs that hold a place, or held one. */
  used: number;
}

const FREED = -1;
const SMALLEST = 16;

export const newKeyIndex = (): KeyIndex => ({ pairs: new Int32Array(2 * SMALLEST), used: 0 });

let lastText = "";
let lastHash = 0;

/**
 * FNV-1, mixed once more so that the low bits are good. The last letter is not multiplied: keys that follow on each
 * other, as most do, lie side by side and come into the processor's cache together. A new row is looked for, checked
 * and entered in a row.
 */
function hashOf(text: string): number {
  if (text === lastText) return lastHash;
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash, 0x01000193) ^ text.charCodeAt(at);
  lastText = text;
  lastHash = hash ^ (hash >>> 15);
  return lastHash;
}

/** The next pair of a text, round and round; there is always an empty one. */
const next = (pairs: Int32Array, at: number): number => (at + 2) & (pairs.length - 1);
const start = (pairs: Int32Array, hash: number): number => (hash * 2) & (pairs.length - 1);

/** The first pair with a hash, from one of the pairs on; -1 when there is none. */
function seek({ pairs }: KeyIndex, hash: number, from: number): number {
  for (let at = from; pairs[at + 1] !== 0; at = next(pairs, at)) {
    if (pairs[at] === hash && pairs[at + 1] !== FREED) return at;
  }
  return -1;
}

/**
 * The first pair that may be of a text, or -1: whether the row in its place has the text, only the row can tell. Not told
 * by a function that is asked: one made for each search costs as much as the search.
 */
export function firstPair(index: KeyIndex, text: string): number {
  const hash = hashOf(text);
  return seek(index, hash, start(index.pairs, hash));
}

/** The next one that may be of the same text. */
export const nextPair = (index: KeyIndex, at: number): number =>
  seek(index, index.pairs[at] as number, next(index.pairs, at));

export const placeAt = ({ pairs }: KeyIndex, at: number): number => (pairs[at + 1] as number) - 1;

function append(index: KeyIndex, hash: number, place: number): void {
  const { pairs } = index;
  let at = start(pairs, hash);
  while (pairs[at + 1] !== 0) at = next(pairs, at);
  pairs[at] = hash;
  pairs[at + 1] = place;
  index.used += 1;
}

/** Doubles the block where it is half full of places, and sweeps out what was freed. */
function makeRoom(index: KeyIndex): void {
  const { pairs, used } = index;
  if (used * 4 < pairs.length) return;
  let live = 0;
  for (let at = 1; at < pairs.length; at += 2) if ((pairs[at] as number) > 0) live += 1;
  index.pairs = new Int32Array(live * 8 < pairs.length ? pairs.length : pairs.length * 2);
  index.used = 0;
  for (let at = 0; at < pairs.length; at += 2) {
    const place = pairs[at + 1] as number;
    if (place > 0) append(index, pairs[at] as number, place);
  }
}

/**
 * Enters a row.
 * @param at the pair of another row with the same text, or -1: the last one is found
 */
export function enter(index: KeyIndex, text: string, place: number, at: number): void {
  if (at >= 0) {
    index.pairs[at + 1] = place + 1;
    return;
  }
  makeRoom(index);
  append(index, hashOf(text), place + 1);
}

/** Takes a row out, if it is the one that is found by this text. */
export function leave(index: KeyIndex, text: string, place: number): void {
  let at = firstPair(index, text);
  while (at >= 0 && placeAt(index, at) !== place) at = nextPair(index, at);
  if (at >= 0) index.pairs[at + 1] = FREED;
}
