/** A field whose text is made of columns of the row. Pure. */
import { parseTemplate, type Value } from "../../../src/sdk.ts";
import { type Coercer, valueProblem } from "../types/value-problem.ts";
import { type CompileInput, columnOf, type Findings } from "./input.ts";
import type { TemplateSource } from "./mapping.ts";

/** Starts what stands for a text that could not be made: no text of a warehouse's begins like that. */
const FAILED = "\u0000template\u0000";

export function compileTemplate(
  text: string,
  path: readonly string[],
  input: CompileInput,
  findings: Findings,
): TemplateSource | null {
  const parsed = parseTemplate(text);
  if ("why" in parsed) {
    findings.problem("mapping.bad_template", path, `The template cannot be read: ${parsed.why}.`);
    return null;
  }
  const found = parsed.columns.map((name) => columnOf(name, path, input, findings));
  if (found.some((one) => one === null)) return null;
  const columns = found.flatMap((one) => (one === null ? [] : [one]));
  return {
    columns: columns.map(({ column }) => column),
    render(row: readonly Value[]) {
      const made = parsed.render(columns.map(({ column, kind }) => [row[column] ?? null, kind]));
      return "text" in made ? made.text : FAILED + made.why;
    },
  };
}

/** A coercer for the texts of a template: one that could not be made rejects the row. */
export function ofTemplate(field: string, coerce: Coercer): Coercer {
  return (value) =>
    value.startsWith(FAILED)
      ? valueProblem(
          "template",
          field,
          `the template fails for this row: ${value.slice(FAILED.length)}.`,
          "Guard against such values in the template, or in the model.",
        )
      : coerce(value);
}
