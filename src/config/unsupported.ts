/**
 * The language is wider than what runs today. Each row refuses one feature where it stands; to let a feature
 * through, delete its row.
 */
import { type Finding, finding } from "./problems.ts";
import { select } from "./walk.ts";
import type { Source } from "./yaml.ts";

interface Row {
  /** Keys from the top of the file; `*` stands for every key or item. */
  readonly at: string;
  /** Which values are refused; left out, all that are there. */
  readonly when?: (value: unknown) => boolean;
  /** What is not supported. */
  readonly feature: string | ((value: unknown) => string);
  readonly remedy: string;
}

const PROJECT: readonly Row[] = [
  {
    at: "warehouses.*.memory_limit",
    feature: "A memory limit of a warehouse",
    remedy: "Leave it out; the memory of comparing is state.memory_limit.",
  },
];

const MODEL: readonly Row[] = [];

/** What a file asks for that Backhaul does not do yet. */
export function unsupportedFindings(source: Source, isProject: boolean): Finding[] {
  return (isProject ? PROJECT : MODEL).flatMap((row) =>
    select(source.data, row.at)
      .filter(({ value }) => row.when?.(value) ?? true)
      .map(({ path, value }) => {
        const feature = typeof row.feature === "string" ? row.feature : row.feature(value);
        return finding(source, path, "not_supported", `${feature} is not supported yet.`, row.remedy, "key");
      }),
  );
}
