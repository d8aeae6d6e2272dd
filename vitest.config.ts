import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Processes, sockets and databases on two cores: generous, so that a slow machine is no failure.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: ["test/support/built.ts"],
    pool: "forks",
    maxWorkers: 2,
  },
});
