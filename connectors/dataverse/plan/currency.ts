/**
 * Amounts that the service keeps with the decimals of the record's currency ("Column definitions": `PrecisionSource`):
 * 1.005 euros are there as 1.01, which is no reason to write them again.
 */
import type { Change, Value } from "../../../src/sdk.ts";
import { SyncError } from "../../../src/sdk.ts";
import type { Mapping, PlainField } from "../compile/mapping.ts";
import { plain } from "../decimal.ts";
import type { Service } from "../sender/service.ts";
import { SERVICE_ROOT } from "../url.ts";
import { amountsOf, CURRENCY, CURRENCY_READ, type Held, heldJson } from "./held.ts";
import { sourceValue } from "./parent.ts";

const CURRENCIES = `${SERVICE_ROOT}transactioncurrencies?$select=${CURRENCY},currencyprecision`;

/** Finds out what tells records how many decimals their currencies have. */
export type Currencies = (
  changes: readonly Change[],
  held: readonly Held[],
  signal: AbortSignal,
) => Promise<(held: Held) => Held>;

/** Asks for currencies once, when an amount first has more decimals than any that was read. */
export function openCurrencies(service: Service, mapping: Mapping): Currencies {
  const amounts = amountsOf(mapping);
  let asking: Promise<ReadonlyMap<string, number>> | undefined;
  return async (changes, held, signal) => {
    if (!amounts.some((field) => isFiner(mapping, field, changes, held))) return (one) => one;
    asking ??= read(service, signal).catch((error: unknown) => {
      asking = undefined;
      // Who may not read currencies writes an amount once more than it takes.
      if (signal.aborted || !(error instanceof SyncError)) throw error;
      return new Map();
    });
    const currencies = await asking;
    return (one) => {
      const decimals = currencies.get(String(one.row[CURRENCY_READ] ?? "").toLowerCase());
      return decimals === undefined ? one : { ...one, decimals };
    };
  };
}

async function read(service: Service, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const currencies = new Map<string, number>();
  for await (const page of service.pages(CURRENCIES, signal)) {
    for (const { [CURRENCY]: id, currencyprecision } of page)
      if (typeof currencyprecision === "number") currencies.set(String(id).toLowerCase(), currencyprecision);
  }
  return currencies;
}

function isFiner(
  mapping: Mapping,
  field: PlainField,
  changes: readonly Change[],
  held: readonly Held[],
): boolean {
  if (held.length === 0) return false;
  const there = held.map((one) => decimalsIn(heldJson(mapping, field, one) ?? ""));
  const most = there.reduce((a, b) => Math.max(a, b), 0);
  const wanted = (row: readonly Value[]): number => decimalsIn(sourceValue(field, row) ?? "");
  return changes.some((change) => change.kind !== "removed" && wanted(change.after) > most);
}

const decimalsIn = (text: string): number => (plain(text.trim())?.split(".")[1] ?? "").length;
