/** The people behind the accounts, and what they bought. */
import { ACCOUNTS, accountNumber } from "./accounts.ts";
import { amount, day, maybe, moment, phone, remark } from "./draw.ts";
import type { Random } from "./random.ts";
import type { Row } from "./tables.ts";
import { CHANNELS, FIRST_NAMES, LAST_NAMES, TITLES } from "./words.ts";

export const PEOPLE = 22_000;
/** Orders end here, so that later ones are news. */
const LAST_ORDER_DAY = "2025-06-30";

export const personId = (n: number): string => `C-${String(n).padStart(6, "0")}`;

export function drawPerson(random: Random, n: number): Row {
  const sent = random.between(0, 40);
  return {
    person_id: personId(n),
    account_number: maybe(random, 0.03, () => typedAccount(random)),
    first_name: maybe(random, 0.02, () => random.pick(FIRST_NAMES)),
    last_name: random.pick(LAST_NAMES),
    title: random.chance(0.05) ? "" : maybe(random, 0.25, () => random.pick(TITLES)),
    email: maybe(random, 0.1, () => email(random, n)),
    mobile: maybe(random, 0.4, () => phone(random)),
    notes: remark(random),
    birth_date: maybe(random, 0.3, () => birthDate(random)),
    channel: random.chance(0.03) ? "" : maybe(random, 0.2, () => random.pick(CHANNELS)),
    newsletter: maybe(random, 0.1, () => String(random.chance(0.6))),
    mails_sent: String(sent),
    mails_opened: String(random.between(0, sent)),
    opening_points: openingPoints(random, n),
  };
}

/** The account's number; now and then in small letters or with a space behind it, as people type. */
function typedAccount(random: Random): string {
  const number = accountNumber(random.between(1, ACCOUNTS));
  if (random.chance(0.01)) return number.toLowerCase();
  return random.chance(0.01) ? `${number} ` : number;
}

function email(random: Random, n: number): string {
  const box = random.pick(["info", "p.erson", "Jürgen.Müller", "o'brien", "first+last", "UPPER"]);
  return `${box}.${n}@${random.pick(["example.test", "mail.example.test", "Bücher.example.test"])}`;
}

/** Born before 1970 as often as not; leap days included. */
function birthDate(random: Random): string {
  if (random.chance(0.01)) return random.pick(["1936-02-29", "1964-02-29", "2000-02-29"]);
  return day(random, "1931-01-01", "2006-12-31");
}

/** Points from the old programme; some beyond what a binary float holds. */
function openingPoints(random: Random, n: number): string | null {
  if (n % 1_111 === 0) return String(9_007_199_254_740_993n + BigInt(n));
  return maybe(random, 0.5, () => String(random.between(0, 5_000)));
}

/** None for about a third of the people, up to nine for the others; one in twenty is a refund. */
export function drawOrders(random: Random, person: Row, firstId: number): Row[] {
  if (random.chance(0.3)) return [];
  return Array.from({ length: random.between(1, 9) }, (_, i) => {
    const cents = random.between(500, random.chance(0.02) ? 5_000_000 : 60_000);
    const isRefund = random.chance(0.05);
    return {
      order_id: String(firstId + i),
      person_id: person.person_id ?? null,
      account_number: person.account_number?.trimEnd().toUpperCase() ?? null,
      ordered_at: moment(random, "2019-01-01", LAST_ORDER_DAY),
      amount: amount(isRefund ? -3 * cents : cents),
      points: isRefund ? "0" : String(Math.floor(cents / 100)),
    };
  });
}
