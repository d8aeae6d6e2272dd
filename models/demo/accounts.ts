/** The company's customers that are firms. */
import { amount, maybe, moment, phone, remark } from "./draw.ts";
import type { Random } from "./random.ts";
import type { Row } from "./tables.ts";
import { CITIES, COMPANY_CORES, COMPANY_ENDS, INDUSTRIES } from "./words.ts";

export const ACCOUNTS = 2_500;

/** `AC-00042`; some numbers hold what an address cannot, or has to quote. */
export function accountNumber(n: number): string {
  const digits = String(n).padStart(5, "0");
  if (n % 300 === 0) return `AC-${digits}/B`;
  if (n % 500 === 1) return `AC-O'${digits}`;
  return `AC-${digits}`;
}

export function drawAccount(random: Random, n: number): Row {
  const onHold = maybe(random, 0.1, () => random.chance(0.08));
  return {
    account_number: accountNumber(n),
    name: name(random, n),
    city: maybe(random, 0.1, () => random.pick(CITIES)),
    phone: maybe(random, 0.15, () => phone(random)),
    website: maybe(
      random,
      0.3,
      () => `https://www.example-${n}.test/${random.pick(["", "?q=a&b=%C3%BC", "über-uns"])}`,
    ),
    industry: random.chance(0.05) ? "" : maybe(random, 0.1, () => random.pick(INDUSTRIES)),
    payment_terms: maybe(random, 0.2, () => String(random.between(1, 4))),
    employees: maybe(random, 0.2, () => String(Math.floor(10 ** (random.fraction() * 5)))),
    credit_limit: creditLimit(random, n),
    on_hold: onHold === null ? null : String(onHold),
    on_hold_since: onHold ? heldSince(random, n) : null,
    latitude: maybe(random, 0.3, () => String(random.between(-5_500_000, 7_000_000) / 100_000)),
    notes: remark(random),
  };
}

/** Up to the 160 characters that the field takes; some with spaces at either end. */
function name(random: Random, n: number): string {
  const plain = `${random.pick(COMPANY_CORES)} ${n} ${random.pick(COMPANY_ENDS)}`;
  if (n % 400 === 7) return `${plain} – Niederlassung für besonders lange Firmennamen `.padEnd(160, "·");
  return random.chance(0.03) ? ` ${plain} ` : plain;
}

/** A few limits have more digits than a binary float holds. */
function creditLimit(random: Random, n: number): string | null {
  if (n % 97 === 0) return `9876543210${String(n).padStart(4, "0")}.${random.between(10, 99)}`;
  return maybe(random, 0.15, () => amount(random.between(0, 500_000) * 100 + random.pick([0, 0, 1, 99])));
}

function heldSince(random: Random, n: number): string {
  if (n % 11 === 0) return "1968-02-29 23:59:59.999999";
  return moment(random, "2018-01-01", "2025-06-30");
}
