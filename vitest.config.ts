import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take minutes: begun first, so that the last worker does not end with one of them alone. */
const LONG =
  /\/test\/(engine\/property-|chaos\/|cli\/(commands|kill|mistakes|snowflake|warehouse-state)|quickstart\/quickstart)/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => LONG.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Processes, sockets and databases on two cores: generous, so that a slow machine is no failure.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: ["test/support/built.ts"],
    pool: "forks",
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
  },
});
