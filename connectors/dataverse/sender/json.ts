/** Rows as JSON whose numbers are what was sent, digit by digit. Pure. */
import { plain } from "../decimal.ts";

/** Significant digits that a binary float carries whatever they are. */
const SAFE_DIGITS = 15;

/** A value that may be too long a number; within a text too, which is found out then. */
const LONG = /[:,[]\s*-?\d[\d.]{15,}/;
/** A text, to be passed over, or a number. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * Parses the reply to a query. A number with more digits than a binary float carries becomes a text in plain digits:
 * big integers and decimals would else read back as something else than what is stored ("Column definitions": 64 bits).
 */
export function parsedExactly(json: string): unknown {
  return JSON.parse(LONG.test(json) ? json.replace(TOKEN, exactly) : json);
}

function exactly(token: string): string {
  if (token.startsWith('"')) return token;
  const [digits = ""] = token.split(/[eE]/);
  if (digits.replace(/\D/g, "").length <= SAFE_DIGITS) return token;
  const number = plain(token);
  return number === null ? token : `"${number}"`;
}
