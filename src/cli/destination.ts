import { fail } from "../core/errors.ts";
import type { Destination } from "../ports.ts";
import type { Session } from "./session.ts";

/** The name of the destination that a command is about: the one that is named, or the only one. */
export function destinationName(session: Session, named: string | undefined): string {
  const names = [...session.project.destinations.keys()];
  const name = named ?? (names.length === 1 ? names[0] : undefined);
  if (name !== undefined) return name;
  throw fail.config(
    "cli.which_destination",
    names.length === 0 ? "The project has no destination." : "The project has several destinations.",
    names.length === 0 ? "Add one to backhaul.yml." : `Name one by --destination: ${names.join(", ")}.`,
  );
}

export function destinationOf(session: Session, named: string | undefined): Promise<Destination> {
  return session.destination(destinationName(session, named));
}
