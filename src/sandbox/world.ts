import type { Sequences } from "./autonumber.ts";
import type { Counters } from "./counters.ts";
import type { DuplicateRule, PluginRule } from "./custom-logic.ts";
import type { FaultList } from "./faults/list.ts";
import type { Upload } from "./files/store.ts";
import type { CostModel } from "./limits/cost.ts";
import type { Metadata } from "./metadata/state.ts";
import type { Writer } from "./payload.ts";
import type { Reference, Row } from "./row.ts";
import type { Schema, Table } from "./schema.ts";
import type { Access, Security } from "./security/access.ts";
import type { Store } from "./store.ts";
import type { Column } from "./tables/column.ts";
import type { Unverified } from "./unverified.ts";
import type { Written } from "./written.ts";

export interface Organization {
  readonly id: string;
  readonly businessUnit: Reference;
  readonly currency: Reference;
  /** How long delta tokens live (Organization.ExpireChangeTrackingInDays). */
  readonly changeTrackingDays: number;
}

/** What the service itself does around the writes of one table: the tables that are more than rows. */
export interface Hooks {
  /** Before a row is made; may add to `written` or refuse. */
  readonly creating?: (world: World, session: Session, written: Written) => void;
  readonly created?: (world: World, session: Session, row: Row) => void;
  readonly updating?: (world: World, session: Session, row: Row, written: Written) => void;
  readonly deleting?: (world: World, row: Row) => void;
}

/** Everything that one sandbox is made of; each function takes the part it needs from here. */
export interface World {
  readonly schema: Schema;
  readonly store: Store;
  readonly metadata: Metadata;
  /** The last number of each column that numbers itself. */
  readonly sequences: Sequences;
  readonly rules: Unverified;
  readonly writers: ReadonlyMap<Table, Writer>;
  readonly organization: Organization;
  readonly counters: Counters;
  readonly faults: FaultList;
  readonly plugins: PluginRule[];
  readonly duplicates: DuplicateRule[];
  readonly security: Security;
  readonly costs: CostModel;
  /** Rows written and returned so far: what an operation touched is the difference. */
  readonly meter: { rows: number };
  /** Columns that the session may not read; set where an operation runs for a user with such columns. */
  readonly hidden?: ReadonlySet<Column>;
  /** By table. */
  readonly hooks: ReadonlyMap<string, Hooks>;
  /** Files that arrive in parts, by token. */
  readonly uploads: Map<string, Upload>;
  /** The delta tokens that were given out, each with its queries. */
  readonly issued: Map<string, Set<string>>;
  readonly now: () => Date;
  readonly started: Date;
}

/** Who asks, and through which door: what a single operation needs to know of its request. */
export interface Session {
  readonly user: Reference;
  /** The real caller when `user` is impersonated. */
  readonly onBehalfBy?: Reference;
  /** What the user may do; nothing for a system administrator, who may do everything. */
  readonly access?: Access | undefined;
  /** The moment that its rows are stamped with; that of each write when nothing is said. */
  readonly moment?: string;
  readonly bypassesPlugins?: boolean;
  readonly detectsDuplicates?: boolean;
  /** `http://host:port/api/data/v9.2/`, from the Host header and the version in the path. */
  readonly root: string;
  /** Results of earlier requests of the same change set, by Content-ID (page: execute-batch-operations). */
  readonly references?: ReadonlyMap<string, string>;
}
