/** What the data tests of a sync have found, as text for a person. Pure. */
import type { DataTests } from "../sync/data-tests.ts";
import { count, counted, type Paint, shown, table } from "./render.ts";

export function showData({ rows, rejected, reasons, unchecked }: DataTests, paint: Paint): string {
  const lines =
    rejected === 0
      ? [`  ${counted(rows, "row")}, none of which would be rejected`]
      : [paint("red", `  ! ${count(rejected)} of ${counted(rows, "row")} would be rejected`)];
  if (rejected > 0) {
    const body = reasons.map(({ rows: some, field, code, says, samples }) => [
      some,
      field ?? "",
      code,
      says,
      samples.map((key) => shown(key.join(", "))).join("; "),
    ]);
    lines.push(indented(table([["rows", "field", "code", "what is wrong", "for example"], ...body])));
  }
  const left = unchecked.map(({ field, says }) => `${field} (${says})`);
  if (left.length > 0) lines.push(`  not checked in the warehouse: ${left.join(", ")}`);
  return lines.join("\n");
}

const indented = (text: string): string => text.replaceAll(/^/gm, "  ");
