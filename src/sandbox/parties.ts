import { Refusal } from "./errors.ts";
import { type Reference, valueIn } from "./row.ts";
import type { Table } from "./schema.ts";
import type { Hooks, World } from "./world.ts";
import { valueFor } from "./written.ts";

/** Who takes part in an activity (page: activityparty): parties are made with their activity alone. */

const SENDER = 1;

function isSender(world: World, party: Table, id: string): boolean {
  return valueIn(world.store.get(party, id), "participationtypemask") === SENDER;
}

export const PARTY_HOOKS: readonly (readonly [table: string, hooks: Hooks])[] = [
  [
    "activityparty",
    {
      creating(world, _session, written) {
        const activity = valueFor(written, "activityid") as Reference | null | undefined;
        const party = world.schema.tables.get("activityparty") as Table;
        if (!activity || valueFor(written, "participationtypemask") !== SENDER) return;
        const others = world.store.referrers(party, "activityid", activity.id);
        if ([...others].some((id) => isSender(world, party, id))) {
          const message = "Communication activity cannot have more than one Sender party";
          throw new Refusal(400, "0x80040203", message);
        }
      },
    },
  ],
];
