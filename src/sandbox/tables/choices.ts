/** Options that several tables share, in English and German. */
type Choice = readonly [number, string, string];

export const CONTACT_METHOD: readonly Choice[] = [
  [1, "Any", "Beliebig"],
  [2, "Email", "E-Mail"],
  [3, "Phone", "Telefon"],
  [4, "Fax", "Fax"],
  [5, "Mail", "Post"],
];
export const GENDER: readonly Choice[] = [
  [1, "Male", "Männlich"],
  [2, "Female", "Weiblich"],
];
export const FAMILY_STATUS: readonly Choice[] = [
  [1, "Single", "Ledig"],
  [2, "Married", "Verheiratet"],
  [3, "Divorced", "Geschieden"],
  [4, "Widowed", "Verwitwet"],
];
export const DEFAULT_ONLY: readonly Choice[] = [[1, "Default Value", "Standardwert"]];
export const ADDRESS_TYPE: readonly Choice[] = [
  [1, "Bill To", "Rechnungsadresse"],
  [2, "Ship To", "Lieferadresse"],
  [3, "Primary", "Primär"],
  [4, "Other", "Sonstige"],
];
export const CUSTOMER_TYPE: readonly Choice[] = [
  [1, "Competitor", "Mitbewerber"],
  [2, "Consultant", "Berater"],
  [3, "Customer", "Kunde"],
  [4, "Investor", "Investor"],
  [5, "Partner", "Partner"],
  [6, "Influencer", "Meinungsbildner"],
  [7, "Press", "Presse"],
  [8, "Prospect", "Interessent"],
  [9, "Reseller", "Wiederverkäufer"],
  [10, "Supplier", "Lieferant"],
  [11, "Vendor", "Verkäufer"],
  [12, "Other", "Andere"],
];
export const INDUSTRY: readonly Choice[] = [
  [1, "Accounting", "Buchhaltung"],
  [6, "Business Services", "Dienstleistungen für Unternehmen"],
  [7, "Consulting", "Beratung"],
  [8, "Consumer Services", "Dienstleistungen für Verbraucher"],
  [12, "Durable Manufacturing", "Herstellung langlebiger Güter"],
  [16, "Financial", "Finanzwesen"],
  [20, "Insurance", "Versicherungen"],
  [25, "Service Retail", "Einzelhandel"],
  [30, "Transportation", "Transport"],
  [33, "Wholesale", "Großhandel"],
];
export const PAYMENT_TERMS: readonly Choice[] = [
  [1, "Net 30", "30 Tage netto"],
  [2, "2% 10, Net 30", "10 Tage 2 % Skonto, 30 Tage netto"],
  [3, "Net 45", "45 Tage netto"],
  [4, "Net 60", "60 Tage netto"],
];
export const LEAD_SOURCE: readonly Choice[] = [
  [1, "Advertisement", "Anzeige"],
  [2, "Employee Referral", "Empfehlung durch Mitarbeiter"],
  [3, "External Referral", "Externe Empfehlung"],
  [4, "Partner", "Partner"],
  [7, "Trade Show", "Messe"],
  [8, "Web", "Web"],
  [10, "Other", "Andere"],
];
export const RATING: readonly Choice[] = [
  [1, "Hot", "Heiß"],
  [2, "Warm", "Warm"],
  [3, "Cold", "Kalt"],
];
export const INTERESTS: readonly Choice[] = [
  [100000000, "Electronics", "Elektronik"],
  [100000001, "Furniture", "Möbel"],
  [100000002, "Books", "Bücher"],
  [100000003, "Garden", "Garten"],
];
/** A global choice: `contact` and `new_order` share it. */
export const TIER: readonly Choice[] = [
  [100000000, "Bronze", "Bronze"],
  [100000001, "Silver", "Silber"],
  [100000002, "Gold", "Gold"],
];
export const TIER_NAME = "new_customertier";
