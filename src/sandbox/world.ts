import type { Counters } from "./counters.ts";
import type { FaultList } from "./faults.ts";
import type { Writer } from "./payload.ts";
import type { Schema, Table } from "./schema.ts";
import type { Reference, Store } from "./store.ts";
import type { Unverified } from "./unverified.ts";

/** A plug-in that refuses single rows: the sandbox's stand-in for custom logic of an organisation. */
export interface PluginRule {
  readonly table: string;
  readonly column: string;
  /** The written value that is refused, compared as text. */
  readonly equals: string;
  readonly message?: string;
  readonly on?: "create" | "update";
}

export interface Organization {
  readonly id: string;
  readonly businessUnit: Reference;
  readonly currency: Reference;
}

/** Everything that one sandbox is made of; each function takes the part it needs from here. */
export interface World {
  readonly schema: Schema;
  readonly store: Store;
  readonly rules: Unverified;
  readonly writers: ReadonlyMap<Table, Writer>;
  readonly organization: Organization;
  readonly counters: Counters;
  readonly faults: FaultList;
  readonly plugins: PluginRule[];
  readonly now: () => Date;
}

/** Who asks, and through which door: what a single operation needs to know of its request. */
export interface Session {
  readonly user: Reference;
  /** `http://host:port/api/data/v9.2/`, from the Host header and the version in the path. */
  readonly root: string;
  /** Results of earlier requests of the same change set, by Content-ID (page: execute-batch-operations). */
  readonly references?: ReadonlyMap<string, string>;
}
