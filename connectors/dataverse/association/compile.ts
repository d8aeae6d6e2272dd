/** A compiled sync whose rows are associations: two records each, tied by a many-to-many relationship. */
import { createHash } from "node:crypto";
import {
  type AssociateEnd,
  type AssociateSpec,
  type Column,
  type CompiledSync,
  didYouMean,
  type FieldLimit,
  type Operation,
  type Outcome,
  SyncError,
  type SyncSpec,
} from "../../../src/sdk.ts";
import type { CompiledOptions } from "../compile/compiled.ts";
import { columnOf, type Findings } from "../compile/input.ts";
import type { LookupField, Mapping } from "../compile/mapping.ts";
import { keyPart, matchBy } from "../compile/match.ts";
import type { Need } from "../compile/rights.ts";
import { openResolver } from "../plan/resolve.ts";
import { forecastOf } from "../sender/forecast.ts";
import { openSender } from "../sender/sender.ts";
import type { Table } from "../table.ts";
import { limitsOf } from "../types/limits.ts";
import { writeAll } from "../write/write.ts";
import { planAssociations, TIE, tieOf } from "./plan.ts";
import { type Relationship, readRelationship } from "./relationship.ts";

export interface AssociationOptions extends CompiledOptions {
  /** The organisation's own address: what is added is named by a whole one. */
  readonly root: string;
}

type AssociatingSync = SyncSpec & { readonly associate: AssociateSpec };

/** @throws SyncError one `config` error with every problem of the association */
export async function compileAssociation(
  sync: AssociatingSync,
  columns: readonly Column[],
  [from, to]: readonly [Table, Table],
  options: AssociationOptions,
  signal: AbortSignal,
): Promise<CompiledSync> {
  const { associate, rules } = sync;
  const { service, laneOf, root } = options;
  const problems: SyncError["problems"][number][] = [];
  const findings: Findings = {
    problem: (code, path, message, remedy, field) =>
      problems.push({
        kind: "config",
        code,
        message,
        place: sync.place(...path),
        ...(remedy ? { remedy } : {}),
        ...(field === undefined ? {} : { field }),
      }),
    warn: () => {},
  };
  if (sync.match.length > 0 || sync.fields.length > 0)
    findings.problem(
      "associate.fields",
      [sync.match.length > 0 ? "match" : "fields"],
      "A sync of associations writes no records: it has neither match nor fields.",
      "Take them out; from and to say which records are meant.",
    );
  const ends = [
    endOf("from", associate.from, from, sync, columns, findings),
    endOf("to", associate.to, to, sync, columns, findings),
  ] as const;
  if (problems.length > 0 || ends[0] === null || ends[1] === null) throw new SyncError(problems);
  const relationship = await readRelationship(service, sync, associate.relationship, [from, to], signal);
  const mapping: Mapping = {
    table: from,
    match: matchBy(from, "none", []),
    fields: [ends[0], ends[1]],
    pair: null,
    options: sync.options,
    rules: { ...rules, mode: "upsert", onRemoved: "keep" },
    deactivation: [],
    reactivation: [],
  };
  const tying = {
    associate,
    relationship,
    from: ends[0],
    to: ends[1],
    adopt: rules.adopt,
    service,
    resolver: openResolver(service, mapping),
  };
  const sender = openSender(service, options);
  /** Ties have no bulk message. */
  const table: Table = { ...from, kind: "standard", bulk: { create: false, update: false } };
  return {
    object: relationship.name,
    schemaVersion: options.schemaVersion,
    fields: [{ field: TIE, columns: [], fingerprint: fingerprintOf(associate, relationship) }],
    parents: [...new Set([from.name, to.name])],
    match: [ends[0].column, ends[1].column].filter((column) => column !== null),
    warnings: [],
    limits: limitsOfEnds([ends[0], ends[1]], columns),
    forecast: (steps) => forecastOf(table, steps, laneOf, service.gates.length),
    plan: (changes, context) => planAssociations(changes, context, tying),
    async *write(operations, context) {
      const ties = new Map<Operation["change"], string | null>();
      const written = writeAll(noting(operations, ties, root), context, {
        table,
        options: sync.options,
        missing: "defer",
        parents: new Map(),
        prefix: service.prefix,
        sender,
        laneOf,
        sessions: service.sessions,
        width: () => service.width,
        replan: async (changes) => {
          const again = await planAssociations(changes, context, { ...tying, adopt: true });
          return again.map((one) =>
            one.status === "planned" ? { ...one, operation: whole(one.operation, root) } : one,
          );
        },
      });
      for await (const outcomes of written) yield outcomes.map((outcome) => withTie(outcome, ties));
    },
  };
}

/** Remembers the ties of what is being written, so that the snapshot knows what to remove one day. */
async function* noting(
  operations: AsyncIterable<readonly Operation[]>,
  ties: Map<Operation["change"], string | null>,
  root: string,
): AsyncGenerator<readonly Operation[]> {
  for await (const group of operations) {
    for (const operation of group) ties.set(operation.change, tieOf(operation));
    yield group.map((operation) => whole(operation, root));
  }
}

/** What is tied is named by a whole address, which a saved plan cannot know ("Associate and disassociate table rows"). */
function whole(operation: Operation, root: string): Operation {
  const fields = operation.fields.map((field) => ({
    ...field,
    json: JSON.stringify(root + (JSON.parse(field.json) as string)),
  }));
  return { ...operation, fields };
}

function withTie(outcome: Outcome, ties: Map<Operation["change"], string | null>): Outcome {
  const tie = ties.get(outcome.change);
  ties.delete(outcome.change);
  return outcome.status === "applied" && tie ? { ...outcome, id: tie } : outcome;
}

/** What tying records needs: to see both sides whole, append on the one and append to on the other. */
export function needsOfAssociation([from, to]: readonly [Table, Table]): readonly Need[] {
  const need = (on: Table, type: string, purpose: string, end: "from" | "to"): Need[] => {
    const privilege = on.privileges[type];
    const reach = type === "Read" ? "organisation" : "records";
    return privilege === undefined ? [] : [{ privilege, purpose, reach, path: ["associate", end] }];
  };
  const needs = [
    ...need(from, "Read", `to find all ${from.name} records`, "from"),
    ...need(to, "Read", `to find all ${to.name} records`, "to"),
    ...need(from, "Append", `to tie ${from.name} records`, "from"),
    ...need(to, "AppendTo", `to tie others to ${to.name} records`, "to"),
  ];
  return needs.filter((one, at) => needs.findIndex(({ privilege }) => privilege === one.privilege) === at);
}

function endOf(
  name: "from" | "to",
  { column, by }: AssociateEnd,
  table: Table,
  sync: AssociatingSync,
  columns: readonly Column[],
  findings: Findings,
): LookupField | null {
  const path = ["associate", name];
  const input = { sync, columns, table, parents: new Map() };
  const found = columnOf(column, [...path, "column"], input, findings);
  const attribute = table.attributes.get(by);
  if (attribute === undefined || !attribute.readable) {
    const near = didYouMean(by, table.attributes.keys());
    findings.problem(
      "mapping.lookup_by",
      [...path, "by"],
      `${table.name} has no column '${by}' to find it by.`,
      near,
    );
    return null;
  }
  if (found === null) return null;
  const part = keyPart(attribute, found.kind, found.zone);
  if ("why" in part) {
    findings.problem(
      "mapping.wrong_type",
      path,
      `${table.name}.${by} (${attribute.type}) cannot be looked up by the column '${column}' (${found.sqlType}): ${part.why}.`,
      "Cast it in the model's query.",
    );
    return null;
  }
  return {
    kind: "lookup",
    field: name,
    property: name,
    column: found.column,
    constant: null,
    whenNull: "clear",
    required: true,
    creatable: true,
    updatable: true,
    write: "always",
    parents: [{ ref: `${table.name}.${by}`, property: name, table, parts: [{ ...part.part, column: null }] }],
    objectColumn: null,
    whenMissing: "reject",
  };
}

function limitsOfEnds(ends: readonly LookupField[], columns: readonly Column[]): FieldLimit[] {
  return ends.flatMap(({ field, column, parents }) => {
    const [parent] = parents;
    const attribute = parent?.table.attributes.get(parent.parts[0]?.field ?? "");
    if (attribute === undefined || column === null) return [];
    const kind = columns[column]?.kind ?? "text";
    const missing: FieldLimit = {
      field,
      column: null,
      blank: "white",
      code: "lookup.missing",
      says: "records that are not there",
      test: { kind: "elsewhere" },
    };
    return [
      ...limitsOf(attribute, kind).map((limit): FieldLimit => ({ ...limit, field, column, blank: "white" })),
      missing,
    ];
  });
}

function fingerprintOf({ from, to }: AssociateSpec, { name }: Relationship): string {
  return createHash("sha256")
    .update(JSON.stringify([name, from, to]))
    .digest("hex")
    .slice(0, 16);
}
