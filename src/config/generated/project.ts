// Made from spec/project.schema.json by spec/generate.mjs: edit that file, not this one.
// Describes the config after its defaults have been filled in.

export type State = LocalState | WarehouseState;
/**
 * Memory that the embedded DuckDB may use for comparing; left out, DuckDB decides.
 */
export type MemoryLimit = string;

/**
 * The file backhaul.yml: where models run, where changes go, and where state is kept.
 */
export interface ProjectFile {
  /**
   * Name of the project; state belongs to it, so renaming it starts from nothing.
   */
  project: string;
  /**
   * The SQL databases that models run in, by a name of your choice.
   */
  warehouses: {
    [k: string]: Connection;
  };
  /**
   * The organisations that changes are written to, by a name of your choice.
   */
  destinations: {
    [k: string]: Connection;
  };
  state: State;
  dbt?: Dbt;
  /**
   * Who is told when a run does not end well.
   */
  alerts?: Alert[];
}
/**
 * A warehouse or a destination: its type, and what the connector of that type takes.
 */
export interface Connection {
  /**
   * The connector.
   */
  type: string;
  [k: string]: unknown;
}
/**
 * State in a folder on this machine.
 */
export interface LocalState {
  /**
   * State in a folder on this machine.
   */
  type: "local";
  /**
   * The folder, relative to the project's folder.
   */
  path: string;
  memory_limit?: MemoryLimit;
  /**
   * How many days finished runs and rejected rows are kept in the history.
   */
  retention: string;
}
/**
 * State in a schema of the model's own warehouse, so that no row leaves it to be compared.
 */
export interface WarehouseState {
  /**
   * State in the model's own warehouse.
   */
  type: "warehouse";
  /**
   * The schema of the warehouse that holds the tables of the state.
   */
  schema: string;
  /**
   * How many days finished runs and rejected rows are kept in the history.
   */
  retention: string;
}
/**
 * Where dbt writes what it knows of its project.
 */
export interface Dbt {
  /**
   * The file manifest.json that dbt parse, compile, run and build write, relative to the project's folder; left out with all of dbt, target/manifest.json here or one folder up.
   */
  manifest: string;
}
/**
 * A message sent when a run does not end well.
 */
export interface Alert {
  /**
   * How the message is sent: an HTTP POST.
   */
  type: "webhook";
  /**
   * The address that receives the message; it is a secret, so it is a reference.
   */
  url: string;
  /**
   * The ends of a run that send the message.
   *
   * @minItems 1
   */
  on: ("rejected" | "guard" | "deferred" | "failed")[];
}
