/** A many-to-many relationship as a sync of associations needs to know it. Source: "Entity relationships", N:N. */
import { didYouMean, fail, type SyncError, type SyncSpec } from "../../../src/sdk.ts";
import { list } from "../metadata/labels.ts";
import type { Json, Service } from "../sender/service.ts";
import type { Table } from "../table.ts";
import { SERVICE_ROOT, textLiteral } from "../url.ts";

export interface Relationship {
  /** Its schema name. */
  readonly name: string;
  /** The collection of a record of the first table, to which others are added. */
  readonly collection: string;
  /** The set of the intersect table, and its columns for the two tables. */
  readonly set: string;
  readonly fromColumn: string;
  readonly toColumn: string;
}

const SELECT =
  "SchemaName,Entity1LogicalName,Entity2LogicalName,Entity1NavigationPropertyName,Entity2NavigationPropertyName," +
  "Entity1IntersectAttribute,Entity2IntersectAttribute,IntersectEntityName";

/** The relationship between two tables; where they are one table, `from` is the side that the definition names first. */
export async function readRelationship(
  service: Service,
  sync: SyncSpec,
  name: string,
  [from, to]: readonly [Table, Table],
  signal: AbortSignal,
): Promise<Relationship> {
  const own = `${SERVICE_ROOT}EntityDefinitions(LogicalName=${textLiteral(from.name)})/ManyToManyRelationships?$select=${SELECT}`;
  const all = list((await service.get(own, signal))?.value);
  const said = name.toLowerCase();
  const found = all.find(({ SchemaName }) => String(SchemaName).toLowerCase() === said);
  const place = { place: sync.place("associate", "relationship") };
  if (found === undefined) {
    const near = didYouMean(
      name,
      all.map(({ SchemaName }) => String(SchemaName)),
    );
    throw fail.config(
      "associate.unknown_relationship",
      `${from.name} has no many-to-many relationship '${name}'.`,
      near || "Name one of the table's many-to-many relationships by its schema name.",
      place,
    );
  }
  const [one, two] = [String(found.Entity1LogicalName), String(found.Entity2LogicalName)];
  const isForward = one === from.name && two === to.name;
  if (!isForward && !(two === from.name && one === to.name)) throw otherTables(name, [one, two], sync);
  const side = (first: boolean): 1 | 2 => (first === isForward ? 1 : 2);
  const intersect = String(found.IntersectEntityName);
  const definition: Json = await service.get(
    `${SERVICE_ROOT}EntityDefinitions(LogicalName=${textLiteral(intersect)})?$select=LogicalName,EntitySetName`,
    signal,
  );
  return {
    name: String(found.SchemaName),
    collection: String(found[`Entity${side(true)}NavigationPropertyName`]),
    set: String(definition?.EntitySetName),
    fromColumn: String(found[`Entity${side(true)}IntersectAttribute`]),
    toColumn: String(found[`Entity${side(false)}IntersectAttribute`]),
  };
}

function otherTables(name: string, [one, two]: readonly [string, string], sync: SyncSpec): SyncError {
  return fail.config(
    "associate.objects",
    `The relationship '${name}' ties ${one} to ${two}.`,
    `Write from and to with these objects.`,
    { place: sync.place("associate") },
  );
}
