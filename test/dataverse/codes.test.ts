/** What each code that a writer meets means to the sender. Source: "Web service error codes". */
import { expect, test } from "vitest";
import { type Fault, limitOf, verdictOf } from "../../connectors/dataverse/sender/problems.ts";
import type { Reply } from "../../src/http/answer.ts";

const refusal = (status: number, code: string, message = "It was refused."): Reply => ({
  kind: "reply",
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ error: { code, message } }),
});

const GROUPS: readonly (readonly [Fault, number, string])[] = [
  ["throttled", 429, "0x80072321 0x80072322 0x80072326 0x80072327 0x8005f103"],
  ["passing", 500, "0x80044150 0x80044339 0x8004ed47 0x8004026c 0x80072323 0x80072324 0x80048551"],
  ["passing", 500, "0x80048543 0x80071151 0x80048553 0x80048549 0x80048555 0x80048105 0x80071154"],
  ["passing", 400, "0x8004418d 0x8004418e 0x80081116 0x80044352"],
  ["smaller", 500, "0x80044151 0x80040251 0x80040252 0x80040255 0x80040216 0x8004418a"],
  ["row", 400, "0x80040265 0x80040224 0x80048550 0x8009000c"],
  ["smaller", 500, "0x80044171 0x80044172 0x80044173 0x80081111"],
  ["row", 412, "0x80040237 0x80060892 0x80040333 0x8006089d 0x80060882 0x8006088d"],
  ["row", 404, "0x80040217 0x80060891"],
  ["row", 403, "0x80048306 0x80040231 0x80048405 0x8004f502 0x8004f504 0x8004f507"],
  ["everyone", 403, "0x80040220 0x8004a110 0x80072560 0x80042f09 0x8004d24b 0x80072561 0x8004a104"],
  ["everyone", 401, "0x8004a101 0x8004a102 0x80044302"],
  ["row", 400, "0x80044331 0x8004432f 0x80044330 0x8004431a 0x80040239 0x80040278 0x80044354"],
  ["row", 400, "0x80048d19 0x0 0x80060888 0x8006088a 0x80040203"],
  ["row", 400, "0x80048408 0x8004f00e 0x80040230 0x8004022e"],
  ["everyone", 400, "0x80041102 0x80041103 0x80072325"],
  ["row", 400, "0x80060890 0x8006088f"],
  ["row", 400, "0x80040227 0x80040236 0x80040229 0x8004022d"],
  ["row", 400, "0x80090001 0x80090006 0x80090008 0x80072553"],
];

test.each(
  GROUPS.flatMap(([fault, status, codes]) => codes.split(" ").map((code) => [code, fault, status] as const)),
)("%s is %s's", (code, fault, status) => {
  const verdict = verdictOf(refusal(status, code));
  expect(verdict.fault).toBe(fault);
  expect(verdict.problem.code).toBe(`dataverse.${code === "0x0" ? "http_400" : code}`);
  expect(verdict.problem.remedy).not.toBe("");
  // Codes are the same whatever the case they are written in.
  expect(verdictOf(refusal(status, code.toUpperCase().replace("0X", "0x"))).fault).toBe(fault);
});

test.each([
  [400, "row"],
  [403, "row"],
  [412, "row"],
  [413, "smaller"],
  [429, "throttled"],
  [500, "passing"],
  [503, "down"],
] as const)("a code that nobody knows is handled by its status %i, and told by name", (status, fault) => {
  const { fault: found, problem } = verdictOf(refusal(status, "0x8badf00d"));
  expect(found).toBe(fault);
  expect(problem.code).toBe("dataverse.0x8badf00d");
  expect(problem.message).toContain("0x8badf00d");
});

test("a refusal tells which of the limits was reached", () => {
  expect(limitOf(refusal(429, "0x80072321"))).toBe("execution");
  expect(limitOf(refusal(429, "0x80072322"))).toBe("requests");
  expect(limitOf(refusal(429, "0x80072326"))).toBe("concurrency");
  expect(limitOf(refusal(429, "0x80072327"))).toBeUndefined();
});
