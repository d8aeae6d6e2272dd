/** Rejected rows as text for a person: by reason, with examples. Pure. */
import type { Rejection, Rejections } from "../sync/report.ts";
import { count, counted, keyText, type Paint, shown, wrapped } from "./render.ts";

/** Rows that are named for each reason. */
const EXAMPLES = 3;

export const waitingLine = (rows: number): string =>
  `${counted(rows, "row")} rejected before, the same since: tried again later, or at once by \`backhaul retry\``;

/** The reasons with the most rows first; each with its remedy and a few of its rows. */
export function showRejections(
  { byCode, listed }: Rejections,
  { paint, width }: { readonly paint: Paint; readonly width: number },
): string[] {
  const lines = [paint("red", "  Rejected, by reason:")];
  const reasons = Object.entries(byCode).sort(([, a], [, b]) => b - a);
  for (const [code, rows] of reasons) {
    const known = listed.filter((rejection) => rejection.code === code);
    const first = known.slice(0, EXAMPLES);
    lines.push(`    ${paint("bold", code)}  ${counted(rows, "row")}`);
    for (const { key, message } of first)
      lines.push(
        ...wrapped(`${shown(keyText(key), 40)}: ${shown(message, 600)}`, width, "      ", "        "),
      );
    if (rows > first.length) lines.push(`      … and ${count(rows - first.length)} more`);
    for (const remedy of remediesOf(first))
      lines.push(...wrapped(`→ ${remedy}`, width, "      ", "        "));
  }
  return lines;
}

const remediesOf = (rejections: readonly Rejection[]): string[] => [
  ...new Set(rejections.flatMap(({ remedy }) => (remedy === undefined ? [] : [remedy]))),
];
