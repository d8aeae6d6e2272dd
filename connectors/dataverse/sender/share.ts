/** What processes that send as one application user tell each other of its limits. */
import type { Gate, SharedUser, Use } from "../../../src/sdk.ts";
import type { Json } from "./service.ts";

/** @param who what `WhoAmI` answers the user */
export const sharedUser = (gate: Gate, { OrganizationId, UserId }: Json): SharedUser => ({
  name: `${OrganizationId} ${UserId}`,
  tell: () => JSON.stringify(gate.use()),
  hear: (told) => gate.others(told.flatMap((text) => useIn(text) ?? [])),
});

/** Another process may be of another version: what cannot be read is passed over. */
function useIn(text: string): Use | undefined {
  try {
    const { each, used, waits }: Json = JSON.parse(text);
    const amounts = [each.requests, each.execution, used.requests, used.execution];
    return amounts.every(isAmount) ? { each, used, waits: waits === true } : undefined;
  } catch {
    return undefined;
  }
}

const isAmount = (value: unknown): boolean =>
  typeof value === "number" && Number.isFinite(value) && value >= 0;
