/** Taking out of a message what may be a value of somebody's row. Pure. */

/** Of a machine: without it nobody knows what cannot be reached. */
const ADDRESS = /^\d{1,3}(\.\d{1,3}){3}$/;

/**
 * Texts in quotes, e-mail addresses and long numbers become `…`: messages of Backhaul and of servers quote values, and
 * what is left still says what happened. Names of fields and objects in double quotes go too: the code says as much.
 */
export function maskValues(text: string): string {
  return text
    .replace(
      /(?<![\p{L}\p{N}])'(?:[^'\\]|\\.|'')*'(?![\p{L}\p{N}])|"(?:[^"\\]|\\.)*"|„[^“”"]*[“”"]|“[^”]*”|«[^»]*»/gu,
      (quoted) => (quoted.length <= 2 ? quoted : `${quoted[0]}…${quoted.at(-1)}`),
    )
    .replace(/[\p{L}\p{N}._%+-]+@[\p{L}\p{N}.-]+/gu, "…")
    .replace(/(?<![\p{L}\p{N}]-?)\+?\d[\d ()/.-]{5,}\d(?!-?[\p{L}\p{N}])/gu, (number) =>
      ADDRESS.test(number) ? number : "…",
    );
}
