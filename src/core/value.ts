/**
 * Values on their way from SQL to a destination. Inside the process a value is its canonical text, so that
 * decimals and 64-bit integers never pass through a binary float:
 *
 * | kind      | canonical text                                                        |
 * | --------- | --------------------------------------------------------------------- |
 * | text      | as it is                                                              |
 * | boolean   | `true` or `false`                                                     |
 * | integer   | decimal digits, `-` in front of negatives                             |
 * | decimal   | plain digits with a point, never an exponent                          |
 * | double    | the shortest text that reads back the same; may have an exponent; `NaN`, `Infinity`, `-Infinity` |
 * | date      | `YYYY-MM-DD`                                                          |
 * | timestamp | an instant in UTC: `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`                    |
 * | uuid      | lower case with hyphens                                               |
 *
 * A day before Christ has ` (BC)` behind it; `infinity` and `-infinity` are dates and timestamps too.
 */
export type Value = string | null;

export type ColumnKind =
  | "text"
  | "boolean"
  | "integer"
  | "decimal"
  | "double"
  | "date"
  | "timestamp"
  | "uuid";

/** A column of a model's result. */
export interface Column {
  readonly name: string;
  /** `undefined`: a type that Backhaul has no canonical form for; refused when the column is mapped. */
  readonly kind: ColumnKind | undefined;
  /** The warehouse's own name of the type, for messages. */
  readonly sqlType: string;
  /** Decimals only: total digits and digits after the point, where the warehouse states them. */
  readonly precision?: number;
  readonly scale?: number;
  /** Timestamps only: true when the type carries a zone; without one the model's `timezone` says what it means. */
  readonly zoned?: boolean;
  /** Of timestamps without a zone: the model's `timezone` that they were read in, where that is not UTC. */
  readonly zone?: string;
}
