import { noContent, type Reply } from "./api.ts";
import { Refusal } from "./errors.ts";
import { isObject, numberText } from "./json.ts";
import { type Handler, type Invocation, invalidParameter, rowIn } from "./messages/invocation.ts";
import { valueIn } from "./row.ts";
import { updateRow } from "./write.ts";
import { writing } from "./written.ts";

/**
 * Opportunities are closed by actions and not by their state (pages: special-update-operation-behavior; WinOpportunity
 * and LoseOpportunity in the action reference). The `opportunityclose` activity is read for its lookup and not kept.
 */
const WON = 1;
const LOST = 2;

function close(invocation: Invocation, statecode: number): Reply {
  const { world, session, parameters } = invocation;
  const activity = isObject(parameters.OpportunityClose) ? parameters.OpportunityClose : {};
  const bound = activity["opportunityid@odata.bind"];
  const named = bound === undefined ? activity.opportunityid : { "@odata.id": bound };
  const { table, row } = rowIn(invocation, "OpportunityClose", named, "opportunity");
  if (table.logicalName !== "opportunity") throw invalidParameter(invocation, "OpportunityClose");
  if (valueIn(row, "statecode") !== 0) {
    throw new Refusal(400, "0x80040203", "The opportunity is already closed.");
  }
  // -1 leaves the reason to the service.
  const status = Number(numberText(parameters.Status));
  const reason = status === -1 ? {} : { statuscode: status };
  const unguarded = { ...world, rules: { ...world.rules, lifecycleTables: [] } };
  world.store.transaction(() => updateRow(unguarded, session, table, row, writing({ statecode, ...reason })));
  return noContent();
}

export const LIFECYCLE_ACTIONS: Readonly<Record<string, Handler>> = {
  WinOpportunity: (invocation) => close(invocation, WON),
  LoseOpportunity: (invocation) => close(invocation, LOST),
};
