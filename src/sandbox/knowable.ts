import type { Refusal } from "./errors.ts";

/**
 * Refusals that the definitions alone could have told, before any request: a wrong name, type, length, range or
 * choice, a column that cannot be written, a key that is not there or not active. A client that reads metadata has
 * none of them.
 */
const CODES = new Set([
  "0x80044331", // too long
  "0x8004432f", // whole number out of range
  "0x80044330", // decimal or amount out of range
  "0x8004431a", // no such choice
  "0x80040239", // date out of range
  "0x80044354", // wrong type
  "0x80060890", // no such key, or not active
  "0x8006088f",
  "0x80041102", // no such table
  "0x80041103", // no such column
  "0x80048408", // reason that does not belong to the state
  "0x80040200", // null where a value is required
]);
const PAYLOAD = "0x80048d19";
/** Payload errors of the transport: no definition would have prevented them. */
const TRANSPORT = /Stream was not readable|Invalid JSON|Content-ID|start of the payload/;
/** Names in a query or an address. */
const NAMES =
  /^(Resource not found for the segment|Could not find a property named|The key in the request URI)/;

export function isKnowable(refusal: Refusal): boolean {
  if (CODES.has(refusal.code)) return true;
  if (refusal.code === PAYLOAD) return !TRANSPORT.test(refusal.message);
  return NAMES.test(refusal.message);
}
