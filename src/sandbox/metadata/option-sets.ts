import { derivedId } from "../guid.ts";
import type { Table } from "../schema.ts";
import type { Column, Option } from "../tables/column.ts";
import { type Document, label, managed } from "./labels.ts";

/** Which reasons may follow (page: define-custom-state-model-transitions). */
function transitions(option: Option): string | null {
  if (!option.next) return null;
  const items = option.next.map(
    (next) => `<allowedtransition sourcestatusid="${option.value}" tostatusid="${next}" />`,
  );
  const namespace = "http://schemas.microsoft.com/crm/2009/WebServices";
  return `<allowedtransitions xmlns="${namespace}">${items.join("")}</allowedtransitions>`;
}

function optionDocument(seed: string, column: Column, option: Option): Document {
  const common = {
    Value: option.value,
    Color: null,
    IsManaged: !column.custom,
    ExternalValue: null,
    ParentValues: [],
    Tag: null,
    IsHidden: false,
    MetadataId: null,
    HasChanged: null,
    Label: label(`${seed}:${option.value}`, option.label, option.german),
    Description: label(`${seed}:${option.value}:description`, null),
  };
  if (column.type === "state") {
    const own = { DefaultStatus: option.defaultStatus, InvariantName: option.label };
    return { "@odata.type": "#Microsoft.Dynamics.CRM.StateOptionMetadata", ...common, ...own };
  }
  if (column.type === "status") {
    const own = { State: option.state, TransitionData: transitions(option) };
    return { "@odata.type": "#Microsoft.Dynamics.CRM.StatusOptionMetadata", ...common, ...own };
  }
  return common;
}

const SET_TYPES: Partial<Record<Column["type"], string>> = {
  state: "State",
  status: "Status",
  boolean: "Boolean",
};

/** The options of a column; a global set looks the same from every column that uses it. */
export function optionSet(table: Table, column: Column): Document {
  const name = column.globalName ?? `${table.logicalName}_${column.logicalName}`;
  const seed = `optionset:${name}`;
  const head = {
    MetadataId: derivedId(seed),
    HasChanged: null,
    IsCustomOptionSet: column.custom,
    IsGlobal: column.globalName !== undefined,
    IsManaged: !column.custom,
    Name: name,
    ExternalTypeName: null,
    OptionSetType: SET_TYPES[column.type] ?? "Picklist",
    IntroducedVersion: column.custom ? "1.0.0.0" : "5.0.0.0",
    ...(column.type === "boolean" ? {} : { ParentOptionSetName: null }),
    Description: label(`${seed}:description`, null),
    DisplayName: label(seed, column.label),
    IsCustomizable: managed(true, false, "iscustomizable"),
  };
  const options = (column.options ?? []).map((option) => optionDocument(seed, column, option));
  if (column.type !== "boolean") return { ...head, Options: options };
  const named = (value: number) => options.find((option) => option.Value === value) ?? null;
  return { ...head, TrueOption: named(1), FalseOption: named(0) };
}
