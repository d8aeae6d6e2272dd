/** Lists that stop taking changes while a run is at work: of several, one costs its own rows alone. */
import type { Problem } from "../../../src/sdk.ts";
import type { Keeper, Roster } from "./roster.ts";

/** What the service says of the list itself ("Web service error codes"), and how a plan would have said it. */
const CLOSED: Readonly<Record<string, readonly [code: string, what: string, remedy: string]>> = {
  "dataverse.0x80040301": ["member", "has members of another table", "Name a list of that table."],
  "dataverse.0x80040302": ["locked", "is locked", "Unlock it in Dynamics."],
  "dataverse.0x8004033a": ["inactive", "is inactive", "Activate it in Dynamics."],
  "dataverse.0x8004f701": ["dynamic", "is dynamic", "Name a static list."],
};

/** True where a refusal is about the list, whoever its members are. */
export const isOfList = ({ code }: Problem): boolean => CLOSED[code] !== undefined;

/** What the rows of a list are rejected with when it refuses them all; undefined where the matter is not its own. */
export function closing(problem: Problem, { word }: Keeper, { title }: Roster): Problem | undefined {
  const known = CLOSED[problem.code];
  if (known === undefined) return problem.kind === "rejected" ? { ...problem, refused: true } : undefined;
  const [code, what, remedy] = known;
  const message = `The ${word} "${title}" ${what} since the run began.`;
  return { kind: "rejected", code: `audience.${code}`, message, remedy };
}
