import { expect, test } from "vitest";
import { logSettings, openLog } from "../../src/log/log.ts";
import { maskValues } from "../../src/log/mask.ts";
import { logSteps } from "../../src/log/steps.ts";
import { step } from "../../src/telemetry/span.ts";

function written(options: Partial<Parameters<typeof openLog>[0]> = {}) {
  const lines: string[] = [];
  const log = openLog({
    level: "info",
    format: "json",
    redact: (text) => text.replaceAll("s3cret", "***"),
    write: (line) => void lines.push(line),
    ...options,
  });
  return { log, lines };
}

test("text on a terminal, JSON elsewhere; the variables decide otherwise; --json asks for silence", () => {
  expect(logSettings({}, { isTTY: true }, false)).toMatchObject({ format: "text", level: "info" });
  expect(logSettings({}, {}, false)).toMatchObject({ format: "json", level: "info" });
  expect(logSettings({}, {}, true)).toMatchObject({ level: "warn" });
  expect(logSettings({ BACKHAUL_LOG_FORMAT: "text", BACKHAUL_LOG_LEVEL: "debug" }, {}, true)).toMatchObject({
    format: "text",
    level: "debug",
  });
  expect(logSettings({ BACKHAUL_LOG_LEVEL: "loud" }, {}, false).level).toBe("info");
});

test("secrets are masked in every field, values of rows in what speaks", () => {
  const { log, lines } = written();
  log.warn(
    {
      sync: "contacts",
      token: "s3cret",
      problem: "jobtitle: 'Dr. Ada Lovelace' of ada@example.com, +49 30 1234567, is too long.",
    },
    "it is s3cret",
  );
  expect(lines).toHaveLength(1);
  const [line] = lines;
  expect(JSON.parse(line!)).toMatchObject({
    level: "warn",
    sync: "contacts",
    token: "***",
    msg: "it is ***",
  });
  expect(JSON.parse(line!).problem).toBe("jobtitle: '…' of …, …, is too long.");
  const shown = written({ values: true });
  shown.log.warn({ problem: "'Ada'" }, "");
  expect(shown.lines[0]).toContain("'Ada'");
});

test.each([
  ['A record with the value "O\'Brien" is there.', 'A record with the value "…" is there.'],
  ["it's the column's limit", "it's the column's limit"],
  ["'a''b' and 'c'", "'…' and '…'"],
  ["The column takes 100.", "The column takes 100."],
  ["connect ECONNREFUSED 10.0.0.12:5432, not 030.1234567", "connect ECONNREFUSED 10.0.0.12:5432, not …"],
  [
    "run 20261121T153718130Z-xj8k13, id 65736681-f1a5-4ac1-a248-3ccfe2beaa55",
    "run 20261121T153718130Z-xj8k13, id 65736681-f1a5-4ac1-a248-3ccfe2beaa55",
  ],
  ["(+49 30 1234567)", "(…)"],
  ["of 1980-12-24, 4111 1111 1111 1111", "of …, …"],
  ["„Müller“ und «Méchant»", "„…“ und «…»"],
])("%s", (text, masked) => {
  expect(maskValues(text)).toBe(masked);
});

test("text for a person: one line, without control characters", () => {
  const { log, lines } = written({ format: "text" });
  log.info({ sync: "contacts", rows: 3, note: "a\u001b[31mb\nc" }, "run ended");
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d info {2}contacts: run ended {2}rows=3 note=.*\n$/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is what is tested
  expect(lines[0]!.slice(0, -1)).not.toMatch(/[\u0000-\u001f]/);
});

test("steps inside of a run carry its id and its sync; a failure tells its code alone", async () => {
  const { log, lines } = written({ level: "debug" });
  {
    using _listening = logSteps(log);
    await step(
      "run",
      { "backhaul.run": "R1", "backhaul.sync": "contacts", "backhaul.object": "contact" },
      async (set) => {
        await step("stage", {}, async () => {});
        set({ "backhaul.rows": 3 });
      },
    );
    const refused = Object.assign(new Error("Ada's e-mail is wrong"), { code: "wrong.mail" });
    await expect(step("diff", {}, () => Promise.reject(refused))).rejects.toBe(refused);
  }
  await step("run", { "backhaul.run": "R2" }, async () => {});
  const told = lines.map((line) => JSON.parse(line));
  expect(told.map(({ msg, run }) => `${msg} ${run}`)).toEqual([
    "run begun R1",
    "stage begun R1",
    "stage ended R1",
    "run ended R1",
    "diff begun undefined",
    "diff failed undefined",
  ]);
  expect(told[2]).toMatchObject({ sync: "contacts", level: "debug" });
  expect(told[2]).not.toHaveProperty("object");
  expect(told[3]).toMatchObject({ rows: 3, seconds: expect.any(Number) });
  expect(told[5]).toMatchObject({ "error.type": "wrong.mail", level: "error" });
  expect(lines.join("")).not.toContain("Ada");
});
