import { isLookup, propertyName, type Schema, type Table } from "../schema.ts";
import type { Column, ManyToMany } from "../tables/column.ts";
import { edmType } from "../validate.ts";
import { element } from "./xml.ts";

/** The entity types and sets of tables (pages: web-api-entitytypes; web-api-properties; web-api-navigation-properties). */

/** Users and teams inherit their key from what may own a row. */
const PRINCIPALS = new Set(["systemuser", "team"]);
const DESCRIPTION = "Org.OData.Core.V1.Description";

const described = (annotated: boolean, text: string): string[] =>
  annotated ? [element("Annotation", { Term: DESCRIPTION, String: text })] : [];

interface NavigationProperty {
  readonly name: string;
  readonly target: string;
  readonly many: boolean;
  readonly partner: string | undefined;
  readonly constraint?: readonly [property: string, referenced: string];
}

/** The navigation properties of every table; a name may stand once in a type, and both ends name each other. */
export function navigationsOf(schema: Schema): ReadonlyMap<string, readonly NavigationProperty[]> {
  const found = new Map<string, Map<string, NavigationProperty>>();
  const of = (table: string): Map<string, NavigationProperty> => {
    const known = found.get(table) ?? new Map<string, NavigationProperty>();
    found.set(table, known);
    return known;
  };
  for (const table of schema.tables.values()) {
    for (const { name, column, relationship } of table.navigation.values()) {
      const isOwner = relationship.target === "owner";
      const target = isOwner ? "principal" : relationship.target;
      const referenced = isOwner ? "ownerid" : schema.tables.get(target)?.primaryId;
      if (referenced === undefined) continue; // the lookup points at a table that is not here
      const back = relationship.referencedNavigation;
      const key = PRINCIPALS.has(target) ? "ownerid" : referenced;
      const isFree = !of(target).has(back);
      of(table.logicalName).set(name, {
        name,
        target,
        many: false,
        partner: isFree ? back : undefined,
        constraint: [propertyName(column), key],
      });
      if (isFree) of(target).set(back, { name: back, target: table.logicalName, many: true, partner: name });
    }
  }
  for (const link of schema.links) addLink(of, link);
  return new Map([...found].map(([table, properties]) => [table, [...properties.values()]]));
}

function addLink(of: (table: string) => Map<string, NavigationProperty>, link: ManyToMany): void {
  const { entity1, entity2, navigation1, navigation2 } = link;
  const onItself = entity1 === entity2 && navigation1 === navigation2;
  if (of(entity1).has(navigation1) || of(entity2).has(navigation2)) return;
  of(entity1).set(navigation1, { name: navigation1, target: entity2, many: true, partner: navigation2 });
  if (!onItself) {
    of(entity2).set(navigation2, { name: navigation2, target: entity1, many: true, partner: navigation1 });
  }
}

const isText = (column: Column): boolean => edmType(column) === "Edm.String";

function property(column: Column, annotated: boolean): string {
  const type = edmType(column);
  const text = isText(column) ? { Unicode: false } : {};
  const exact = type === "Edm.Decimal" ? { Scale: "Variable" } : {};
  const children = described(annotated, column.label);
  if (annotated && !column.forCreate && !column.forUpdate) {
    children.push(
      element("Annotation", { Term: "Org.OData.Core.V1.Permissions" }, [
        element("EnumMember", {}, ["Org.OData.Core.V1.Permission/Read"]),
      ]),
    );
  }
  const attributes = { Name: isLookup(column) ? propertyName(column) : column.logicalName, Type: type };
  return element("Property", { ...attributes, ...text, ...exact }, children);
}

const navigation = ({ name, target, many, partner, constraint }: NavigationProperty): string =>
  element(
    "NavigationProperty",
    {
      Name: name,
      Type: many ? `Collection(mscrm.${target})` : `mscrm.${target}`,
      Nullable: many || target !== "principal" ? undefined : false,
      Partner: partner,
    },
    constraint
      ? [element("ReferentialConstraint", { Property: constraint[0], ReferencedProperty: constraint[1] })]
      : [],
  );

/** Alternate keys as the community vocabulary has them; shown with `?annotations=true`. */
function alternateKeys(table: Table): string[] {
  if (table.activeKeys.length === 0) return [];
  const keys = table.activeKeys.map((key) =>
    element("Record", { Type: "OData.Community.Keys.V1.AlternateKey" }, [
      element("PropertyValue", { Property: "Key" }, [
        element(
          "Collection",
          {},
          key.parts.map((part) =>
            element("Record", { Type: "OData.Community.Keys.V1.PropertyRef" }, [
              element("PropertyValue", { Property: "Alias", String: propertyName(part) }),
              element("PropertyValue", { Property: "Name", PropertyPath: propertyName(part) }),
            ]),
          ),
        ),
      ]),
    ]),
  );
  return [
    element("Annotation", { Term: "OData.Community.Keys.V1.AlternateKeys" }, [
      element("Collection", {}, keys),
    ]),
  ];
}

/** The types that rows have in common (page: web-api-entitytypes, special entity types). */
function baseTypes(navigations: readonly NavigationProperty[]): string[] {
  return [
    element("EntityType", { Name: "crmbaseentity", Abstract: true }),
    element("EntityType", { Name: "expando", BaseType: "mscrm.crmbaseentity", OpenType: true }),
    element("EntityType", { Name: "principal", BaseType: "mscrm.crmbaseentity" }, [
      element("Key", {}, [element("PropertyRef", { Name: "ownerid" })]),
      element("Property", { Name: "ownerid", Type: "Edm.Guid", Nullable: false }),
      ...navigations.map(navigation),
    ]),
  ];
}

export function entityTypes(schema: Schema, annotated: boolean): string[] {
  const navigations = navigationsOf(schema);
  const types = [...schema.tables.values()].map((table) => {
    const isPrincipal = PRINCIPALS.has(table.logicalName);
    const inherited = isPrincipal ? new Set(["ownerid"]) : new Set<string>();
    const properties = [...table.properties.values()].filter((column) => !inherited.has(column.logicalName));
    const taken = new Set((navigations.get("principal") ?? []).map((item) => item.name));
    const own = (navigations.get(table.logicalName) ?? []).filter(
      (item) => !isPrincipal || !taken.has(item.name),
    );
    return element(
      "EntityType",
      { Name: table.logicalName, BaseType: isPrincipal ? "mscrm.principal" : "mscrm.crmbaseentity" },
      [
        ...(isPrincipal ? [] : [element("Key", {}, [element("PropertyRef", { Name: table.primaryId })])]),
        ...properties.map((column) => property(column, annotated)),
        ...own.map(navigation),
        ...described(annotated, table.label),
        ...(annotated ? alternateKeys(table) : []),
      ],
    );
  });
  return [...baseTypes(navigations.get("principal") ?? []), ...types];
}

export function entitySets(schema: Schema): string[] {
  const navigations = navigationsOf(schema);
  return [...schema.tables.values()].map((table) => {
    const bindings = (navigations.get(table.logicalName) ?? []).flatMap(({ name, target }) => {
      const set = schema.tables.get(target)?.set;
      return set === undefined ? [] : [element("NavigationPropertyBinding", { Path: name, Target: set })];
    });
    return element("EntitySet", { Name: table.set, EntityType: `mscrm.${table.logicalName}` }, bindings);
  });
}
