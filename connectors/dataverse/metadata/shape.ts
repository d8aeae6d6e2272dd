/** What a column takes, from its definition. Sources: "Column definitions", "Image columns", "Date and time". Pure. */
import { plain } from "../decimal.ts";
import type { Json } from "../sender/service.ts";
import type { Choice, Navigation, Shape } from "../table.ts";
import { labelOf, list } from "./labels.ts";

export interface ShapeOptions {
  /** Relationships of the column. */
  readonly own: readonly Navigation[];
  /** The table holds status reasons to the transitions that they name. */
  readonly transitions: boolean;
}

const UNSUPPORTED: Readonly<Record<string, string>> = {
  EntityName: "the name of a lookup's table is set by the lookup itself",
  ManagedProperty: "a managed property belongs to the solution that brought it",
  CalendarRules: "calendar rules are not supported",
  Virtual: "it is a virtual column",
};

const WHOLE = { least: "-2147483648", most: "2147483647" };
const BIG = { least: "-9223372036854775808", most: "9223372036854775807" };
/** "Image columns": the largest image where the column does not say. */
const IMAGE_KB = 30_720;
/** "File columns": the largest file where the column does not say. */
const FILE_KB = 32_768;

export function shapeOf(type: string, detail: Json, { own, transitions }: ShapeOptions): Shape {
  const format = formatOf(detail);
  switch (type) {
    case "String":
    case "Memo":
      return {
        kind: "text",
        ...(detail.MaxLength > 0 ? { longest: Number(detail.MaxLength) } : {}),
        ...format,
      };
    case "Integer":
      return { kind: "whole", ...wholeLimits(detail, WHOLE), ...format };
    case "BigInt":
      return { kind: "whole", ...wholeLimits(detail, BIG) };
    case "Decimal":
      return { kind: "decimal", ...limits(detail), decimals: Number(detail.Precision ?? 10) };
    case "Money":
      return { kind: "decimal", ...limits(detail), decimals: moneyDecimals(detail) };
    case "Double":
      return {
        kind: "double",
        ...(typeof detail.MinValue === "number" ? { least: detail.MinValue } : {}),
        ...(typeof detail.MaxValue === "number" ? { most: detail.MaxValue } : {}),
        ...(detail.Precision >= 0 ? { decimals: Number(detail.Precision) } : {}),
      };
    case "Boolean":
      return { kind: "boolean", choices: choicesOf(detail, false) };
    case "State":
      return { kind: "choice", choices: statesOf(detail) };
    case "Picklist":
    case "Status":
      return { kind: "choice", choices: choicesOf(detail, transitions) };
    case "MultiSelectPicklist":
      return { kind: "choices", choices: choicesOf(detail, false) };
    case "DateTime": {
      const behaviour = detail.DateTimeBehavior?.Value;
      return behaviour === "DateOnly"
        ? { kind: "date" }
        : {
            kind: "moment",
            showsDateOnly: detail.Format === "DateOnly",
            isLocal: behaviour !== "TimeZoneIndependent",
          };
    }
    case "Lookup":
    case "Customer":
    case "Owner":
    case "PartyList":
      return { kind: "lookup", targets: targetsOf(type, detail, own) };
    case "Uniqueidentifier":
      return { kind: "id" };
    case "Image":
      return { kind: "image", mostBytes: Number(detail.MaxSizeInKB ?? IMAGE_KB) * 1024 };
    case "File":
      return { kind: "file", mostBytes: Number(detail.MaxSizeInKB ?? FILE_KB) * 1024 };
  }
  const why = UNSUPPORTED[type] ?? `columns of the type ${type || "unknown"} are not supported`;
  return { kind: "unsupported", why };
}

/** Formats that say nothing beyond the type. */
const PLAIN = new Set(["", "Text", "TextArea", "None"]);

function formatOf(detail: Json): { format?: string } {
  const format = String(detail.FormatName?.Value ?? detail.Format ?? "");
  return PLAIN.has(format) ? {} : { format };
}

/** Limits near 2^63 do not survive JSON's floats: the type's own are taken. */
function wholeLimits(detail: Json, own: { readonly least: string; readonly most: string }) {
  const { MinValue: least, MaxValue: most } = detail;
  return {
    least: Number.isSafeInteger(least) ? String(least) : own.least,
    most: Number.isSafeInteger(most) ? String(most) : own.most,
  };
}

function limits(detail: Json): { least?: string; most?: string } {
  return {
    ...(typeof detail.MinValue === "number" ? { least: plain(String(detail.MinValue)) ?? "" } : {}),
    ...(typeof detail.MaxValue === "number" ? { most: plain(String(detail.MaxValue)) ?? "" } : {}),
  };
}

function moneyDecimals(detail: Json): number | "organisation" | "currency" {
  if (detail.PrecisionSource === 1) return "organisation";
  return detail.PrecisionSource === 0 && detail.Precision >= 0 ? Number(detail.Precision) : "currency";
}

function targetsOf(type: string, detail: Json, own: readonly Navigation[]): string[] {
  const stated = list(detail.Targets).map(String);
  if (stated.length > 0) return stated;
  return type === "Owner" ? ["systemuser", "team"] : [...new Set(own.map(({ target }) => target))];
}

function choicesOf(detail: Json, transitions: boolean): Choice[] {
  const set = detail.OptionSet ?? detail.GlobalOptionSet ?? {};
  const options: Json[] = [...list(set.Options), set.FalseOption, set.TrueOption].filter(Boolean);
  return options.map((option) => ({
    value: Number(option.Value),
    label: labelOf(option.Label),
    labels: list(option.Label?.LocalizedLabels)
      .map((label: Json) => String(label.Label ?? ""))
      .filter((label: string) => label !== ""),
    ...(typeof option.State === "number" ? { state: option.State } : {}),
    ...(typeof option.DefaultStatus === "number" ? { reason: option.DefaultStatus } : {}),
    ...(transitions ? nextOf(option.TransitionData) : {}),
  }));
}

/** New records are in the state that the column says, else in the first one, which is 0. */
function statesOf(detail: Json): Choice[] {
  const first = typeof detail.DefaultFormValue === "number" ? detail.DefaultFormValue : 0;
  return choicesOf(detail, false).map((choice) =>
    choice.value === first ? { ...choice, isFirst: true } : choice,
  );
}

/** `<allowedtransition sourcestatusid="1" tostatusid="2" />` ("Define custom state model transitions"). */
function nextOf(text: unknown): { next?: number[] } {
  if (typeof text !== "string" || text === "") return {};
  return { next: [...text.matchAll(/\btostatusid="(-?\d+)"/g)].map(([, to]) => Number(to)) };
}
