/** A warehouse or destination of the project, whose secrets stay references until it is opened. */
import { type Place, SyncError } from "../core/errors.ts";
import type { Connection as ConnectionConfig } from "./generated/project.ts";
import { findingsOf } from "./problems.ts";
import type { Checker } from "./schema.ts";
import type { Secrets } from "./secrets.ts";
import type { Path, Source } from "./yaml.ts";

export type { ConnectionConfig };

export interface Connection {
  readonly name: string;
  /** The connector: the word that stands behind `type:`. */
  readonly type: string;
  /** Defaults filled in; secrets are still references. Safe to show. */
  readonly config: ConnectionConfig;
  /**
   * The config with its references replaced, checked once more, since only now is all of it known. Throws
   * `config` errors that name the place and the remedy, never a value. Not to be shown.
   */
  resolve(secrets: Secrets): ConnectionConfig;
  /** Where a key of the connection stands in `backhaul.yml`. */
  place(...path: Path): Place;
}

/** `base` is the connection's path in its file. */
export function connection(
  source: Source,
  base: Path,
  config: ConnectionConfig,
  checker: Checker,
): Connection {
  const place = (...path: Path) => source.place([...base, ...path]);
  return {
    name: String(base.at(-1)),
    type: config.type,
    config,
    place,
    resolve(secrets) {
      const resolved = secrets.resolve(config, place);
      const found = findingsOf(checker, resolved, source, { base, secretive: true });
      if (found.length > 0) throw new SyncError(found.map(({ problem }) => problem));
      return resolved;
    },
  };
}
