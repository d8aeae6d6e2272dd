/**
 * Texts made of a row's columns: Liquid, by liquidjs, without files, partials or the clock's zone. Pure; parsed once for
 * each field, rendered for each row.
 */
import { Liquid, type Template } from "liquidjs";
import type { ColumnKind, Value } from "./value.ts";

export interface ParsedTemplate {
  /** Names of the columns that the text uses, each once. */
  readonly columns: readonly string[];
  /**
   * The text of a row; what went wrong otherwise.
   *
   * @param values the columns' canonical texts with their kinds, in the order of `columns`
   */
  render(
    values: readonly (readonly [Value, ColumnKind])[],
  ): { readonly text: string } | { readonly why: string };
}

/** Why a text is no template, and where in it, counted from 1. */
export interface TemplateFault {
  readonly why: string;
  readonly line?: number;
  readonly column?: number;
}

/** What one template may do with one row: far more than a text of a record holds. */
const LIMITS = { parseLimit: 100_000, renderLimit: 5_000, memoryLimit: 1_000_000 };

const engine = new Liquid({
  templates: {}, // partials are read from here: there are none, and no file is looked at
  strictFilters: true,
  ownPropertyOnly: true,
  timezoneOffset: 0,
  locale: "en-US",
  ...LIMITS,
});
for (const tag of ["include", "render", "layout", "block"]) delete engine.tags[tag];

export function parseTemplate(text: string): ParsedTemplate | TemplateFault {
  let parsed: Template[];
  let columns: readonly string[];
  try {
    parsed = engine.parse(text);
    columns = [...new Set(engine.globalVariablesSync(parsed))];
  } catch (error) {
    const { message, token } = error as Error & { token?: { getPosition?: () => number[] } };
    const [line, column] = token?.getPosition?.() ?? [];
    return {
      why: plainly(message),
      ...(line === undefined ? {} : { line }),
      ...(column === undefined ? {} : { column }),
    };
  }
  return {
    columns,
    render(values) {
      const scope = Object.fromEntries(
        columns.map((name, index) => [name, typed(...(values[index] ?? [null, "text"]))]),
      );
      try {
        return { text: engine.renderSync(parsed, scope) as string };
      } catch (error) {
        return { why: plainly((error as Error).message) };
      }
    },
  };
}

/** Without the place, which is told apart. */
const plainly = (message: string): string => message.replace(/, (file:[^,]*, )?line:\d+, col:\d+.*$/s, "");

/** Conditions want numbers and truth; what a float cannot hold stays the digits that it is. */
function typed(value: Value, kind: ColumnKind): unknown {
  if (value === null) return null;
  if (kind === "boolean") return value === "true";
  const number = Number(value);
  return kind === "integer" && Number.isSafeInteger(number) ? number : value;
}
