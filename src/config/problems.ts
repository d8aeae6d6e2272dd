/** Problems of a file, each with the path of the value that it is about. */
import type { Problem } from "../core/errors.ts";
import { mistakes } from "./mistakes.ts";
import type { Checker } from "./schema.ts";
import { tell } from "./tell.ts";
import { schemaAt } from "./walk.ts";
import type { Path, Source } from "./yaml.ts";

/** A problem together with the path of the value that it is about. */
export interface Finding {
  readonly path: Path;
  readonly problem: Problem;
}

/** A `config` problem at a path of a file. */
export function finding(
  source: Pick<Source, "place">,
  path: Path,
  code: string,
  message: string,
  remedy?: string,
  part: "key" | "value" = "value",
): Finding {
  const problem: Problem = {
    kind: "config",
    code: `config.${code}`,
    message,
    place: source.place(path, part),
  };
  return { path, problem: remedy === undefined ? problem : { ...problem, remedy } };
}

/**
 * One finding for each way in which a value does not fit its schema. `base` is where in the file the value
 * stands; `secretive` is set once references have been replaced, so that no value is shown.
 */
export function findingsOf(
  { schema, errors }: Checker,
  data: unknown,
  source: Pick<Source, "place">,
  { base = [], secretive = false }: { readonly base?: Path; readonly secretive?: boolean } = {},
): Finding[] {
  return mistakes(errors(data)).map((error) => {
    const told = tell(error, (path) => schemaAt(schema, data, path), secretive);
    return finding(source, [...base, ...told.path], told.code, told.message, told.remedy, told.part);
  });
}
