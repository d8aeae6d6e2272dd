/** The rows of a model that its syncs would reject, counted in the warehouse before anything is sent. */
import { fail } from "../core/errors.ts";
import type { FieldLimit } from "../core/field-limit.ts";
import type { Value } from "../core/value.ts";
import { BETWEEN_PARTS, dataQuery, KEY_CODES } from "./data-query.ts";
import type { Prepared } from "./prepare.ts";

/** Rows of one reason. A row counts once, for the first reason that its rejection would tell. */
export interface DataReason {
  readonly code: string;
  /** The destination's field; absent where the primary key or the match as a whole is at fault. */
  readonly field?: string;
  /** What is wrong, as a clause. */
  readonly says: string;
  readonly rows: number;
  /** The smallest and the greatest primary key, as text. */
  readonly samples: readonly (readonly string[])[];
}

export interface DataTests {
  readonly rows: number;
  readonly rejected: number;
  readonly reasons: readonly DataReason[];
  /** What is found by a plan alone. */
  readonly unchecked: readonly { readonly code: string; readonly field: string; readonly says: string }[];
}

/**
 * Tests a model's rows as if all of them were new, by one query over all of its syncs.
 *
 * @param syncs at least one, all of one model
 * @returns what was found, in the order of the syncs
 */
export async function testData(syncs: readonly Prepared[], signal: AbortSignal): Promise<DataTests[]> {
  const { model, warehouse } = syncs[0]!;
  const dialect = warehouse.engine?.dialect;
  if (dialect === undefined) {
    throw fail.config(
      "check.no_dialect",
      `The warehouse ${model.warehouse} cannot test data.`,
      "Leave out --data.",
    );
  }
  const limitsOf = ({ compiled }: Prepared): readonly FieldLimit[] => compiled.limits ?? [];
  const subjects = syncs.map((prepared) => ({ shape: prepared.shape, limits: limitsOf(prepared) }));
  const { text, columns } = dataQuery(dialect, model.query, subjects, model.timezone);
  const { timezone } = model;
  const found: (readonly Value[])[] = [];
  const query = { text, file: model.queryFile };
  for await (const batch of warehouse.access.rows(query, columns, { timezone, signal })) found.push(...batch);
  return syncs.map((prepared, s): DataTests => {
    const counts = found.flatMap((row) => {
      const [rows, ...samples] = row.slice(syncs.length);
      return row[s] === null ? [] : [{ reason: Number(row[s]), rows: Number(rows), samples }];
    });
    const sum = (some: typeof counts): number => some.reduce((total, { rows }) => total + rows, 0);
    const refused = counts.filter(({ reason }) => reason > 0).sort((a, b) => a.reason - b.reason);
    return {
      rows: sum(counts),
      rejected: sum(refused),
      reasons: refused.map(({ reason, rows, samples }) => ({
        ...reasonOf(prepared, reason),
        rows,
        samples: [...new Set(samples.filter((key) => key !== null && key !== undefined))].map((key) =>
          key.split(BETWEEN_PARTS),
        ),
      })),
      unchecked: limitsOf(prepared)
        .filter(({ test }) => test.kind === "elsewhere")
        .map(({ code, field, says }) => ({ code, field, says })),
    };
  });
}

const KEY_SAYS: Readonly<Record<(typeof KEY_CODES)[number], string>> = {
  "key.null": "the primary key is null",
  "key.double": "more than one row has the primary key",
  "match.null": "the match value is null",
  "match.double": "more than one row has the match value",
};

function reasonOf({ compiled }: Prepared, reason: number): Pick<DataReason, "code" | "field" | "says"> {
  const code = KEY_CODES[reason - 1];
  if (code !== undefined) return { code, says: KEY_SAYS[code] };
  const { code: own, field, says } = compiled.limits![reason - 1 - KEY_CODES.length]!;
  return { code: own, field, says };
}
