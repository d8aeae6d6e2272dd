/** How well a column's values fit a field, as far as its description tells. Pure. */
import type { Column, Value } from "../core/value.ts";
import type { FieldDescription } from "../ports.ts";

export interface Fit {
  /** Values that are there, and how many of them the field takes. */
  readonly of: number;
  readonly fits: number;
  /** 0 to 1: how natural the column's type is for the field. */
  readonly type: number;
  /** What the values look like, where it says something of the field: an e-mail address, labels of the choice. */
  readonly looks: "email" | "url" | "phone" | "choice" | undefined;
}

const TYPES: Readonly<Record<string, Partial<Record<NonNullable<Column["kind"]>, number>>>> = {
  text: {
    text: 1,
    uuid: 0.7,
    integer: 0.7,
    decimal: 0.4,
    double: 0.3,
    date: 0.3,
    timestamp: 0.3,
    boolean: 0.2,
  },
  date: { date: 1, timestamp: 0.9, text: 0.7 },
  uuid: { uuid: 1, text: 0.7 },
  integer: { integer: 1, decimal: 0.8, double: 0.6, text: 0.5 },
  number: { decimal: 1, double: 1, integer: 0.9, text: 0.5 },
  boolean: { boolean: 1, integer: 0.6, text: 0.6 },
  choice: { text: 0.95, integer: 0.9, decimal: 0.6 },
};

function familyOf({ value, choices }: FieldDescription): string {
  if (value.type === "boolean") return "boolean";
  if (choices !== undefined) return "choice";
  if (value.type === "integer" || value.type === "number") return value.type;
  if (value.format === "date" || value.format === "date-time") return "date";
  return value.format === "uuid" ? "uuid" : "text";
}

export function fitOf(field: FieldDescription, column: Column, values: readonly Value[]): Fit {
  const family = familyOf(field);
  const type = column.kind === undefined ? 0 : (TYPES[family]?.[column.kind] ?? 0);
  const present = values.filter((value): value is string => value !== null && value.trim() !== "");
  const takes = taker(field, family);
  const fits = type === 0 ? 0 : present.filter(takes).length;
  return { of: present.length, fits, type, looks: looksOf(column, present, family, fits) };
}

const folded = (text: string): string => text.trim().toLowerCase();

function taker(field: FieldDescription, family: string): (value: string) => boolean {
  const { value, choices = [] } = field;
  const labels = new Set(
    choices.flatMap(({ label, labels: all = [], value: number }) => [
      ...[label, ...all].map(folded),
      String(number),
    ]),
  );
  switch (family) {
    case "boolean":
      return (text) => /^(true|false|0|1)$/i.test(text.trim()) || labels.has(folded(text));
    case "choice":
      return (text) =>
        labels.size === 0 ||
        labels.has(folded(text)) ||
        (field.value.type === "string" && text.split(/[;,]/).every((part) => labels.has(folded(part))));
    case "integer":
    case "number":
      return (text) => {
        const number = Number(text);
        if (text.trim() === "" || !Number.isFinite(number)) return false;
        if (family === "integer" && !Number.isInteger(number)) return false;
        return !(number < Number(value.minimum ?? -Infinity) || number > Number(value.maximum ?? Infinity));
      };
    case "date":
      return (text) => /^\d{4}-\d\d-\d\d/.test(text.trim()) && text >= "1753" && text < "9999-12-31";
    case "uuid":
      return (text) => /^\{?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$/i.test(text.trim());
    default:
      return (text) => text.length <= Number(value.maxLength ?? Infinity);
  }
}

const LOOKS = {
  email: /^[^\s@]+@[^\s@]+\.[^\s@]+$/,
  url: /^(https?:\/\/|www\.)\S+$/i,
  phone: /^\+?[\d\s()/.-]{6,}$/,
} as const;

function looksOf(column: Column, values: readonly string[], family: string, fits: number): Fit["looks"] {
  if (values.length < 3 || column.kind !== "text") return undefined;
  if (family === "choice" || family === "boolean") {
    const words = new Set(values.filter((value) => /\p{Letter}/u.test(value)).map(folded));
    return words.size >= 2 && fits >= values.length * 0.9 ? "choice" : undefined;
  }
  for (const look of ["email", "url", "phone"] as const) {
    if (values.filter((value) => LOOKS[look].test(value.trim())).length >= values.length * 0.8) return look;
  }
  return undefined;
}
