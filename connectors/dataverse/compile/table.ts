/** Whether a table can be written at all, in the way that a sync wants to. Pure. */
import type { CompileInput, Findings } from "./input.ts";

/** Tells what is in the way; false when there is something. */
export function checkTable({ sync, table }: CompileInput, findings: Findings): boolean {
  const { mode, onRemoved } = sync;
  const { name, takes } = table;
  if (table.kind === "virtual") {
    findings.problem(
      "mapping.virtual_table",
      ["object"],
      `${name} is a virtual table: its rows live in another system, and Dataverse shows them.`,
      "Write to the system that the rows live in, or to a table of Dataverse's own.",
    );
    return false;
  }
  const byId = sync.match.length === 1 && sync.match[0]?.field === table.primaryId;
  const wanted = [
    { is: takes.create || mode === "update" || byId, what: "new records", remedy: "Use mode: update." },
    { is: takes.update || mode === "insert", what: "changes of its records", remedy: "Use mode: insert." },
    {
      is: takes.delete || onRemoved !== "delete",
      what: "the removal of its records",
      remedy: "Use on_removed: keep or deactivate.",
    },
  ];
  const missing = wanted.filter(({ is }) => !is);
  for (const { what, remedy } of missing) {
    findings.problem("mapping.not_offered", ["object"], `${name} does not take ${what}.`, remedy);
  }
  return missing.length === 0;
}
