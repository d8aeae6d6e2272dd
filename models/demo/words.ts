/** What the company's names, places and remarks are made of; untidy on purpose, as such lists are. */

// biome-ignore format: a list of words
export const FIRST_NAMES = [
  "Anna", "Jürgen", "Zoë", "François", "Søren", "Łukasz", "Márta", "Noël", "Ingrid", "Óscar",
  "Siobhán", "Renée", "Jan-Peter", "Mary Ann", "Ægir", "Đorđe", "Nguyễn", "Yuki", "Chloé", "Björn",
  "Aïcha", "José María", "D'Arcy", "Ms. Lee", "Émile", "Ömer", "İpek", "Wei", "Olga", "Tomáš",
] as const;

// biome-ignore format: a list of words
export const LAST_NAMES = [
  "Müller", "O'Brien", "Smith", "García Márquez", "Ångström", "Nuñez", "von der Heide", "Sørensen",
  "Kowalczyk", "Nagy", "d'Angelo", "Straße", "Groß", "McDonald", "Çelik", "Dvořák", "Pérez-López",
  "Schröder, Dr.", "Le Goff", "van 't Hoff", "Haddad", "Tanaka", "Nguyễn", "Öztürk", "Fischer",
  "Lindqvist", "\"Red\" Adair", "Brown", "Ștefănescu", "Ó Súilleabháin",
] as const;

// biome-ignore format: a list of words
export const TITLES = [
  "Head of Purchasing", "CFO", "R&D Engineer", "Leiter Einkauf", "Directrice générale", "Buyer <junior>",
  "VP \"Special Projects\"", "Assistant", "50% Sales / 50% Service", "Geschäftsführer", "Owner", "Qualitätsbeauftragte",
] as const;

// biome-ignore format: a list of words
export const COMPANY_CORES = [
  "Müller & Söhne", "Nordlicht", "O'Hara Tools", "Café Zürich", "Blue Ocean", "Łódź Textil", "Garçon", "Smørrebrød",
  "Acme", "Delta \"Nine\"", "Fjällräven Trade", "Três Irmãos", "Škoda Parts", "Zweirad-Huber", "100% Bio", "A/B Testing",
] as const;

// biome-ignore format: a list of words
export const COMPANY_ENDS = ["GmbH", "GmbH & Co. KG", "AG", "Ltd.", "S.A.", "S.à r.l.", "ApS", "Sp. z o.o.", "Inc.", "e.K."] as const;

// biome-ignore format: a list of words
export const CITIES = [
  "Berlin", "Köln", "Zürich", "Malmö", "Łódź", "São Paulo", "Dún Laoghaire", "'s-Hertogenbosch", "Besançon",
  "København", "Tromsø", "A Coruña", "İzmir", "Plzeň", " Wien", "Genève ",
] as const;

/** Labels of `industrycode` as people type them: English, German, in any case. */
// biome-ignore format: a list of words
export const INDUSTRIES = [
  "Accounting", "Consulting", "Beratung", "financial", "Finanzwesen", "INSURANCE", "Wholesale", "Großhandel",
  "Transportation", "Transport ", "Service Retail", "Durable Manufacturing", "Business Services",
] as const;

/** Labels of `preferredcontactmethodcode`, likewise. */
export const CHANNELS = [
  "Any",
  "Email",
  "email",
  "E-Mail",
  "Phone",
  "TELEFON",
  " Mail",
  "Post",
  "Fax",
] as const;

// biome-ignore format: a list of words
export const REMARKS = [
  "Prefers to be called after 4 pm.",
  "Said: \"send the offer again\", twice.",
  "Rückruf erbeten – siehe Angebot № 4711.",
  "Semicolons; commas, tabs\tand 'quotes'.",
  "Line one\nline two\r\nline three",
  "Happy customer 🎉 since the fair in Köln 👩‍🔧",
  "Backslash \\ and percent % and <b>no markup</b> & more.",
  "Prix négocié à 3,5 % — à revoir l'été prochain.",
  "日本語のメモ。",
  "null",
] as const;
