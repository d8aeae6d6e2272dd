/** How alike two names are, as people name columns and fields. Pure. */
import { distance } from "fastest-levenshtein";

/** Words that mean one thing in a CRM; the first of a line stands for the others. */
const SYNONYMS = [
  "phone telephone tel fon telefon",
  "mobile cell cellphone handy mobil",
  "email mail e-mail",
  "website web url homepage site",
  "province region state bundesland",
  "salutation courtesy anrede prefix",
  "notes note description comment comments remark remarks beschreibung notiz",
  "employees employee headcount staff mitarbeiter",
  "zip postal postcode postalcode plz zipcode",
  "city town ort stadt",
  "street line address strasse",
  "country land",
  "first given vorname forename",
  "last family surname nachname",
  "title position job",
  "amount total value",
  "created creation",
  "modified updated changed",
  "birth born birthday birthdate dob geburtsdatum",
  "gender sex geschlecht",
  "company account organization organisation firma customer client",
  "category class segment group",
  "industry sector branche",
  "revenue turnover umsatz sales",
  "latitude lat",
  "longitude lng lon long",
  "number no nr num nummer",
  "identifier id key",
  "date day",
  "preferred preference favourite favorite",
  "channel method",
].map((line) => line.split(" "));

const MEANING: ReadonlyMap<string, string> = new Map(
  SYNONYMS.flatMap(([first = "", ...others]) => others.map((other): [string, string] => [other, first])),
);

/** Words that tell nothing apart. */
const EMPTY = new Set(["code", "the", "of", "is", "has", "a", "new", "cr", "on", "at", "since", "time"]);

/** A name's words: `first_name`, `firstName` and `First Name` are one. */
export function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^\p{Letter}\p{Number}]+/u)
    .flatMap((word) => word.split(/(?<=\p{Letter})(?=\d)/u))
    .filter((word) => word !== "");
}

const meant = (words: readonly string[]): string[] => words.map((word) => MEANING.get(word) ?? word);
const telling = (words: readonly string[]): string[] => {
  const left = words.filter((word) => !EMPTY.has(word) && !/^\d+$/.test(word));
  return left.length > 0 ? left : [...words];
};

/** 0 for names that have nothing in common, 1 for one and the same. */
export function alike(column: string, field: string, label: string): number {
  const joined = telling(wordsOf(column)).join("");
  const whole = MEANING.get(joined);
  const own = whole ? [whole] : telling(meant(wordsOf(column)));
  // A publisher's prefix is no part of a name; a number at its end tells the first of several.
  const plain = field.replace(/^[a-z]{2,8}_(?=[a-z])/, "");
  const stems = [field, plain, plain.replace(/code$/, ""), plain.replace(/1$/, "")].map((name) =>
    name.replace(/[^\p{Letter}\p{Number}]/gu, ""),
  );
  if (stems.includes(joined) || stems.includes(wordsOf(column).join(""))) return 1;
  const scores = [label, field].map((name) => shared(own, telling(meant(wordsOf(name)))));
  const stem = stems[2] ?? "";
  if (joined.length >= 4 && stem.includes(joined)) scores.push(0.55 + 0.4 * (joined.length / stem.length));
  if (stem.length >= 4 && joined.includes(stem)) scores.push(0.5 + 0.4 * (stem.length / joined.length));
  const near = 1 - distance(joined, stem) / Math.max(joined.length, stem.length, 1);
  if (near >= 0.8) scores.push(near * 0.9);
  // All words of the column stand in a field's name that is written without spaces.
  const inside = wordsOf(column).filter((word) => word.length >= 2 && stem.includes(word));
  if (inside.length > 1 && inside.length === wordsOf(column).length) {
    scores.push(0.5 + 0.4 * (inside.join("").length / stem.length));
  }
  const score = Math.max(...scores);
  return Math.max(0, score - laterOne(field));
}

/** Of several (`telephone1`, `telephone2`) the first one is meant. */
const laterOne = (field: string): number => (/[2-9](_|$)|[2-9][a-z_]/.test(field) ? 0.15 : 0);

/** Words in common, as a share of all words. */
function shared(a: readonly string[], b: readonly string[]): number {
  const common = a.filter((word) => b.includes(word)).length;
  const all = new Set([...a, ...b]).size;
  if (common === 0) return 0;
  const contained = common === a.length ? 0.2 : 0;
  return Math.min(0.95, (common / all) * 0.8 + contained);
}
