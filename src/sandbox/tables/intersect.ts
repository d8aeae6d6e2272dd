import type { Column, ManyToMany, TableDescription } from "./column.ts";

/** The table behind a many-to-many relationship: readable, written through `$ref` (page: web-api-navigation-properties). */
export function intersectTable(link: ManyToMany): TableDescription {
  const id = `${link.intersect}id`;
  const end = (logicalName: string, target: string): Column => ({
    ...plain(logicalName, "guid"),
    targets: [target],
    tracked: true,
  });
  return {
    logicalName: link.intersect,
    schemaName: link.intersect,
    set: link.set,
    label: link.schemaName,
    pluralLabel: link.schemaName,
    code: 11000,
    ownership: "None",
    primaryId: id,
    primaryName: null,
    custom: false,
    changeTracking: false,
    bulk: false,
    intersect: true,
    unique: [[link.attribute1, link.attribute2]],
    keys: [],
    columns: [
      plain(id, "guid"),
      end(link.attribute1, link.entity1),
      end(link.attribute2, link.entity2),
      { ...plain("versionnumber", "bigint"), min: "-9223372036854775808", max: "9223372036854775807" },
    ],
  };
}

const plain = (logicalName: string, type: Column["type"]): Column => ({
  logicalName,
  schemaName: logicalName,
  label: logicalName,
  type,
  forCreate: false,
  forRead: true,
  forUpdate: false,
  odata: true,
  logical: false,
  custom: false,
  required: "None",
});
