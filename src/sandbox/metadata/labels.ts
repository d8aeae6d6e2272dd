import { derivedId } from "../guid.ts";
import type { Json } from "../tables/column.ts";

/** A definition as JSON. Names and shapes follow captured replies of v9.2. */
export type Document = Json;

const ENGLISH = 1033;
const GERMAN = 1031;

/** A text in the languages of the organisation; the user reads English. */
export function label(seed: string, english: string | null, german?: string): Document {
  if (english === null) return { LocalizedLabels: [], UserLocalizedLabel: null };
  const one = (Label: string, LanguageCode: number) => ({
    Label,
    LanguageCode,
    IsManaged: true,
    MetadataId: derivedId(`label:${seed}:${LanguageCode}`),
    HasChanged: null,
  });
  const first = one(english, ENGLISH);
  return {
    LocalizedLabels: german === undefined ? [first] : [first, one(german, GERMAN)],
    UserLocalizedLabel: first,
  };
}

/** A setting that a solution may lock. */
export const managed = (Value: unknown, CanBeChanged: boolean, ManagedPropertyLogicalName: string) => ({
  Value,
  CanBeChanged,
  ManagedPropertyLogicalName,
});

/** Limits of 64 bits, which a JavaScript number bends; nothing else in a definition is as long. */
const BENT = /(-)?922337203685477(?:6000|5807|5808)(?=[,}\]])/g;

/** The text of a reply about definitions. */
export const definitionJson = (value: unknown): string =>
  JSON.stringify(value).replace(BENT, (_, minus) => (minus ? "-9223372036854775808" : "9223372036854775807"));
