import { createHash } from "node:crypto";
import type { Schema } from "../schema.ts";
import { type Definitions, defineAll } from "./definitions.ts";

export interface Deleted {
  readonly what: "Default" | "Attribute" | "Relationship" | "OptionSet";
  readonly id: string;
}

/** What was added, changed or taken away, by the version that it made. */
export interface MetadataChange {
  readonly version: number;
  /** Tables whose definition changed. */
  readonly changed: readonly string[];
  /** MetadataIds of what is gone. */
  readonly deleted: readonly Deleted[];
}

/** The state of all definitions: a client that sees another version reads them again (page: compose-http-requests). */
export interface Metadata {
  readonly definitions: () => Definitions;
  readonly version: () => string;
  /** Keeps what takes long to make until the schema is another one. */
  readonly kept: (name: string, make: () => string) => string;
  readonly changes: readonly MetadataChange[];
  /** Tells that the schema is another one now. */
  readonly note: (change: Omit<MetadataChange, "version">) => void;
}

const FIRST_VERSION = 5_027_348;

/** Other tables than at an earlier start are another version: a client may have kept the definitions of that one. */
function firstVersion(schema: Schema): number {
  const hash = createHash("sha256");
  for (const { logicalName, columns, keys } of schema.tables.values()) {
    hash.update(JSON.stringify([logicalName, [...columns.values()], keys]));
  }
  return FIRST_VERSION + (hash.digest().readUInt32BE(0) % 1_000_000);
}

/** @param secured columns that profiles open, as `table.column`: their definitions say so */
export function newMetadata(schema: Schema, secured: ReadonlySet<string> = new Set()): Metadata {
  let version = firstVersion(schema);
  let made: Definitions | undefined;
  const texts = new Map<string, string>();
  const changes: MetadataChange[] = [];
  return {
    definitions: () => {
      made ??= defineAll(schema, secured);
      return made;
    },
    version: () => String(version),
    kept(name, make) {
      const text = texts.get(name) ?? make();
      texts.set(name, text);
      return text;
    },
    changes,
    note(change) {
      version += 1;
      made = undefined;
      texts.clear();
      changes.push({ ...change, version });
    },
  };
}
