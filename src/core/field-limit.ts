/** What a destination takes in a field, as data: SQL can then count the rows that it would reject. */

/** A decimal number in plain digits, and whether a value that is just as large is beyond it already. */
export interface Edge {
  readonly at: string;
  readonly inclusive: boolean;
}

/**
 * What a value must pass. All but `present` let through what counts as empty. `blank` says what that is: `empty` is
 * the text of no characters, `white` a text of nothing but white space, which then does not count at a value's ends
 * either. Tests speak of canonical text (core/value.ts).
 */
export type LimitTest =
  /** There is a value. */
  | { readonly kind: "present" }
  /** Not longer, in UTF-16 units. */
  | { readonly kind: "length"; readonly most: number }
  /** No character that XML cannot hold; texts longer than `upTo` are let through. */
  | { readonly kind: "characters"; readonly upTo?: number }
  /** A decimal number, with an exponent or without. */
  | { readonly kind: "number" }
  /** A number without digits after the point; what is no number is let through, here and below. */
  | { readonly kind: "whole" }
  | { readonly kind: "range"; readonly below?: Edge; readonly above?: Edge }
  /** A date or a moment in ISO form; one of a year that is not written with four digits is let through. */
  | { readonly kind: "date" }
  /** First and last day, `YYYY-MM-DD`, in UTC; or, of timestamps, the first and last moment, `YYYY-MM-DDTHH:MM:SSZ`. */
  | { readonly kind: "days"; readonly first: string; readonly last: string }
  /** None of these words, in small letters; case does not count. */
  | { readonly kind: "noWord"; readonly words: readonly string[] }
  /** One of the words, in small letters, or one of the numbers. */
  | {
      readonly kind: "choice";
      readonly words: readonly string[];
      readonly numbers: readonly string[] | "whole";
    }
  /** 8-4-4-4-12 hexadecimal digits, in braces or not. */
  | { readonly kind: "uuid" }
  /** Nothing that SQL could tell. */
  | { readonly kind: "elsewhere" };

export interface FieldLimit {
  readonly field: string;
  /** Index of the column that holds the value; null where no single column does. */
  readonly column: number | null;
  readonly blank: "empty" | "white";
  readonly test: LimitTest;
  /** The code of the rejection. */
  readonly code: string;
  /** What is wrong with a value that does not pass, as a clause: `longer than 50 characters`. */
  readonly says: string;
}
