/** A table of the organisation as the connector needs to know it. */

/** How a column's values are written; what of it is missing in the metadata is not checked here. */
export type Shape =
  | {
      readonly kind: "text";
      readonly longest?: number;
      /** `Email`, `Url`, … : how a form shows the text. The service holds no value to it. */
      readonly format?: string;
    }
  | {
      readonly kind: "whole";
      readonly least: string;
      readonly most: string;
      /** `Duration`, `TimeZone`, … : what the number means. */
      readonly format?: string;
    }
  | {
      readonly kind: "decimal";
      readonly least?: string;
      readonly most?: string;
      /** Digits after the point, or who decides on them: the service then rounds. */
      readonly decimals: number | "organisation" | "currency";
    }
  | { readonly kind: "double"; readonly least?: number; readonly most?: number; readonly decimals?: number }
  | { readonly kind: "boolean"; readonly choices: readonly Choice[] }
  /** State and status reason too. */
  | { readonly kind: "choice"; readonly choices: readonly Choice[] }
  | { readonly kind: "choices"; readonly choices: readonly Choice[] }
  | { readonly kind: "date" }
  | { readonly kind: "moment"; readonly showsDateOnly: boolean; readonly isLocal: boolean }
  | { readonly kind: "lookup"; readonly targets: readonly string[] }
  | { readonly kind: "id" }
  /** A picture, as base64. */
  | { readonly kind: "image"; readonly mostBytes: number }
  /** A file, as base64, sent by a request of its own. */
  | { readonly kind: "file"; readonly mostBytes: number }
  | { readonly kind: "unsupported"; readonly why: string };

export interface Choice {
  readonly value: number;
  /** The label in the user's language. */
  readonly label: string;
  /** The labels in every language. */
  readonly labels: readonly string[];
  /** Of a status reason: the state that it belongs to. */
  readonly state?: number;
  /** Of a status reason: those that may follow, where the table enforces transitions and the metadata says. */
  readonly next?: readonly number[];
  /** Of a state: the status reason that it implies. */
  readonly reason?: number;
  /** Of a state: the one that new records are in. */
  readonly isFirst?: true;
}

export interface Attribute {
  readonly name: string;
  readonly displayName: string;
  /** Names the column in answers about column security. */
  readonly metadataId: string;
  /** `String`, `Picklist`, … : the metadata's `AttributeTypeName` without its ending. */
  readonly type: string;
  readonly shape: Shape;
  readonly required: "none" | "recommended" | "application" | "system";
  /** May be set when a record is created, or changed; false for columns that belong to another one. */
  readonly creatable: boolean;
  readonly updatable: boolean;
  readonly readable: boolean;
  /** Guarded by column security: its values are shown to nobody. */
  readonly secured: boolean;
  /** The column that this one belongs to, such as a name column of a lookup. */
  readonly of: string | null;
  /** The platform fills it in by itself. */
  readonly hasDefault: boolean;
}

export interface Key {
  readonly name: string;
  readonly fields: readonly string[];
  /** `Active`, `Pending`, `InProgress` or `Failed`; only active ones work. */
  readonly status: string;
}

export interface Navigation {
  /** The lookup column. */
  readonly field: string;
  readonly target: string;
  /** The name to bind by, spelled as the service spells it. */
  readonly property: string;
}

export interface Table {
  readonly name: string;
  readonly displayName: string;
  /** The set's name in URLs; read from the metadata, never made by adding an s. */
  readonly set: string;
  readonly primaryId: string;
  readonly primaryName: string | null;
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly keys: readonly Key[];
  readonly navigations: readonly Navigation[];
  readonly bulk: { readonly create: boolean; readonly update: boolean };
  /** Where its rows are: in the database, in Cosmos DB by id and partition, or in another system. */
  readonly kind: "standard" | "elastic" | "virtual";
  /** What the service offers to do with its rows; where the metadata does not say, everything. */
  readonly takes: { readonly create: boolean; readonly update: boolean; readonly delete: boolean };
  /** Names of its privileges by type (`Create`, `Read`, `AppendTo`, …); none where the metadata does not say. */
  readonly privileges: Readonly<Record<string, string>>;
}

/** True when both bulk messages are there; then `UpsertMultiple` is too ("UpsertMultiple"). */
export function hasBulk(table: Table): boolean {
  return table.bulk.create && table.bulk.update;
}

export const isElastic = ({ kind }: Table): boolean => kind === "elastic";

/** The columns that the platform itself asks of a new record, and gives no value of its own. */
export function demanded(table: Table): Attribute[] {
  return [...table.attributes.values()].filter(
    ({ name, required, creatable, hasDefault }) =>
      required === "system" && creatable && !hasDefault && name !== table.primaryId,
  );
}

export function activeKeys(table: Table): Key[] {
  return table.keys.filter((key) => key.status === "Active");
}

/** State and status reason: a pair that the platform keeps together. */
export function isStatus({ type }: Attribute): boolean {
  return type === "State" || type === "Status";
}
