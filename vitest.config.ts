import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take long, the longest first: begun before all others, so that no worker ends with one of them alone. */
const LONG = [
  "engine/property-duckdb",
  "chaos/chaos",
  "engine/property-postgres",
  "quickstart/quickstart",
  "cli/kill",
  "cli/packed",
  "cli/commands",
  "schedule/workers",
  "cli/snowflake",
  "engine/doubt",
  "cli/kill-places",
  "engine/drift",
  "engine/lease",
  "cli/lock",
  "schedule/process",
  "warehouses/types",
  "cli/mistakes",
  "cli/warehouse-state",
].map((name) => `/test/${name}.test.ts`);

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const place = ({ moduleId }: TestSpecification): number => {
      const at = LONG.findIndex((name) => moduleId.endsWith(name));
      return at === -1 ? LONG.length : at;
    };
    return sorted.toSorted((one, other) => place(one) - place(other));
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Processes, sockets and databases on two cores: generous, so that a slow machine is no failure.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    globalSetup: ["test/support/built.ts"],
    pool: "forks",
    // One more than the runner has cores: tests often wait, for processes, locks and deadlines.
    maxWorkers: 3,
    sequence: { sequencer: LongFirst },
  },
});
