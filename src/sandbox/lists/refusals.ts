import { Refusal } from "../errors.ts";

/** What marketing lists say no to; texts are those of the codes (page: web-service-error-codes). */
const refusal = (code: string, message: string) => () => new Refusal(400, code, message);

export const wrongMemberType = refusal("0x80040301", "Unsupported list member type.");
export const listLocked = refusal("0x80040302", "List is Locked. Cannot perform this action.");
export const listInactive = refusal("0x8004033a", "List is not active. Cannot perform this operation.");
export const partyInactive = refusal("0x8004033b", "The party is not active. Cannot perform this operation.");
export const listDynamic = refusal(
  "0x8004f701",
  "This action is not available for a dynamic marketing list.",
);
export const noMember = refusal("0x80048458", "Specified Item not a member of the specified List.");
