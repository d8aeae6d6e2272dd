/** What the main file of a connector exports: a type name and a way to open it. */
import type { Destination, Warehouse } from "./ports.ts";

/** Texts that may be lost at any time, kept between commands under a name that is fit for a file. */
export interface Cache {
  read(name: string): Promise<string | undefined>;
  /** Never fails: what cannot be kept is read again. */
  write(name: string, text: string): Promise<void>;
}

export interface ConnectorContext {
  /** Folder of the project: relative paths of the config start from here. */
  readonly folder: string;
  /** Absent where nothing is to be kept. */
  readonly cache?: Cache;
  readonly signal?: AbortSignal;
}

export interface WarehouseDefinition<Config> {
  /** The word that stands behind `type:` in the config. */
  readonly type: string;
  /** Makes a warehouse of a config whose defaults and secrets are filled in. Connects to nothing yet. */
  open(config: Config, context: ConnectorContext): Promise<Warehouse>;
}

export interface DestinationDefinition<Config> {
  /** The word that stands behind `type:` in the config. */
  readonly type: string;
  /** Makes a destination of a config whose defaults and secrets are filled in. Connects to nothing yet. */
  open(config: Config, context: ConnectorContext): Promise<Destination>;
}

export function defineWarehouse<Config>(
  definition: WarehouseDefinition<Config>,
): WarehouseDefinition<Config> {
  return definition;
}

export function defineDestination<Config>(
  definition: DestinationDefinition<Config>,
): DestinationDefinition<Config> {
  return definition;
}
