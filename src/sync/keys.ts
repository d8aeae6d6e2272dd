import type { Problem } from "../core/errors.ts";
import type { RefusedRow } from "../state/state.ts";
import type { Prepared } from "./prepare.ts";

/** Why a row whose key or match value cannot be used is rejected. */
export function keyProblem({ model, shape, sync }: Prepared, row: RefusedRow): Problem {
  const key = shape.key.map((i) => shape.columns[i]!.name).join(", ");
  const match = shape.match.map((i) => shape.columns[i]!.name).join(", ");
  const value = row.match.map((part) => `"${part}"`).join(", ");
  const rejected = { kind: "rejected", code: row.code } as const;
  switch (row.code) {
    case "key.null": {
      // A membership is told by its list and its member too.
      const own = shape.key.filter((_, n) => row.key[n] === null).map((i) => shape.columns[i]!.name);
      if (!own.some((name) => model.primaryKey.includes(name))) {
        const told = sync.associate ? "record" : `${sync.object} or which list`;
        return {
          ...rejected,
          code: "match.null",
          message: `${own.join(", ")} is null, so it cannot be told which ${told} is meant.`,
          remedy: "Give the row a value, or leave it out in the query.",
        };
      }
      return {
        ...rejected,
        message: `The primary key ${key} is null.`,
        remedy: "Give the row a key, or leave it out in the query.",
      };
    }
    case "key.double":
      return {
        ...rejected,
        message: `More than one row has this primary key (${key}); none of them is written.`,
        remedy: "Make the query return one row per key.",
      };
    case "match.null":
      return {
        ...rejected,
        message: `The match value ${match} is null, so the record in ${sync.object} cannot be found.`,
        remedy: "Give the row a match value, or leave it out in the query.",
      };
    case "match.double":
      return {
        ...rejected,
        message: `More than one row has the match value ${value} (${match}; case and trailing spaces do not count); none of them is written.`,
        remedy: "Make the query return one row per match value.",
      };
  }
}
