// Made from spec/project.schema.json by spec/generate.mjs: edit that file, not this one.
// Describes the config after its defaults have been filled in.

export type State = LocalState | WarehouseState;
/**
 * Memory that the embedded DuckDB may use for comparing; left out, DuckDB decides.
 */
export type MemoryLimit = string;
export type Alert = SlackAlert | TeamsAlert | WebhookAlert | EmailAlert | DataverseAlert;

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
  schedule: ProjectSchedule;
  dbt?: Dbt;
  /**
   * Who is told when a sync does not do what it should, and when it does again.
   */
  alerts: Alert[];
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
 * How syncs are run by themselves.
 */
export interface ProjectSchedule {
  /**
   * The IANA time zone that the times are in.
   */
  timezone: string;
  /**
   * Spreads the starts over this long after their time, for each start by an offset of its own that every machine works out alike.
   */
  jitter?: string;
  /**
   * Hours in which no run starts; what falls into them is caught up at their end, as catch_up says.
   *
   * @minItems 1
   */
  quiet?: string[];
  /**
   * How late a start may be made up for, once however many were missed: always, never (a minute), or up to a time.
   */
  catch_up: string;
  /**
   * How many syncs run at once in one process.
   */
  parallel: number;
  health?: HealthEndpoint;
  queue?: Queue;
}
/**
 * An HTTP port for probes and for Prometheus.
 */
export interface HealthEndpoint {
  /**
   * Port to listen on; 0 for any free one.
   */
  port: number;
  /**
   * Address to listen on.
   */
  host: string;
}
/**
 * A PostgreSQL database that keeps the queue of due runs.
 */
export interface Queue {
  /**
   * The connection string of the database.
   */
  url: string;
  /**
   * The schema of the queue's tables; a second one of this name and _schedule holds the times.
   */
  schema: string;
  /**
   * How long a worker may be silent until another takes its runs over.
   */
  dead_after: string;
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
 * A message to a channel of Slack, by an incoming webhook.
 */
export interface SlackAlert {
  /**
   * A message to a channel of Slack, by an incoming webhook.
   */
  type: "slack";
  /**
   * The webhook's address; whoever knows it may post.
   */
  url: string;
  when: Conditions;
  /**
   * The syncs that are watched; left out, all that have a schedule.
   *
   * @minItems 1
   */
  syncs?: string[];
}
/**
 * What is told, once when it begins and once when it is over.
 */
export interface Conditions {
  /**
   * A run failed: the config, the warehouse, the destination or Backhaul is at fault, or it ended early.
   */
  failed: boolean;
  /**
   * A run was stopped by its guard.
   */
  guard: boolean;
  /**
   * Whatever was told is over.
   */
  recovered: boolean;
  /**
   * More than this share of the model's rows is rejected, or waits because it was.
   */
  rejected?: string;
  /**
   * A run took longer than this.
   */
  duration?: string;
  /**
   * No run has ended well for this long.
   */
  freshness?: string;
  /**
   * The model's rows are further than this from the median of the last twenty runs, once there are five.
   */
  volume?: string;
}
/**
 * A card in Microsoft Teams, by a workflow that starts when a webhook request is received.
 */
export interface TeamsAlert {
  /**
   * A card in Microsoft Teams, by a workflow that starts when a webhook request is received.
   */
  type: "teams";
  /**
   * The workflow's address, with its signature.
   */
  url: string;
  when: Conditions;
  /**
   * The syncs that are watched; left out, all that have a schedule.
   *
   * @minItems 1
   */
  syncs?: string[];
}
/**
 * A JSON object, sent by an HTTP POST.
 */
export interface WebhookAlert {
  /**
   * A JSON object, sent by an HTTP POST.
   */
  type: "webhook";
  /**
   * The address that receives it.
   */
  url: string;
  /**
   * What is sent in the header Authorization.
   */
  authorization?: string;
  when: Conditions;
  /**
   * The syncs that are watched; left out, all that have a schedule.
   *
   * @minItems 1
   */
  syncs?: string[];
}
/**
 * An e-mail, by an SMTP server.
 */
export interface EmailAlert {
  /**
   * An e-mail, by an SMTP server.
   */
  type: "email";
  /**
   * The SMTP server.
   */
  host: string;
  /**
   * The server's port.
   */
  port: number;
  /**
   * How the connection is encrypted: after STARTTLS, from its first byte, or not at all.
   */
  encryption: "starttls" | "tls" | "none";
  /**
   * The user that signs in; left out, nobody does.
   */
  user?: string;
  /**
   * The user's password.
   */
  password?: string;
  /**
   * The sender's address.
   */
  from: string;
  /**
   * The receivers' addresses.
   *
   * @minItems 1
   */
  to: string[];
  when: Conditions;
  /**
   * The syncs that are watched; left out, all that have a schedule.
   *
   * @minItems 1
   */
  syncs?: string[];
}
/**
 * A row in a table of a destination.
 */
export interface DataverseAlert {
  /**
   * A row in a table of a destination.
   */
  type: "dataverse";
  /**
   * The destination, by its name above.
   */
  destination: string;
  /**
   * The table, by logical name, entity set name or display name.
   */
  object: string;
  /**
   * Fields of the table, each with what is written into it.
   */
  fields: {
    [k: string]:
      | "text"
      | "sync"
      | "condition"
      | "state"
      | "severity"
      | "run"
      | "at"
      | "rows"
      | "applied"
      | "rejected"
      | "deferred"
      | "seconds";
  };
  when: Conditions;
  /**
   * The syncs that are watched; left out, all that have a schedule.
   *
   * @minItems 1
   */
  syncs?: string[];
}
