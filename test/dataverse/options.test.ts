import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { request as passOn } from "undici";
import { describe, expect, test } from "vitest";
import { optionHeaders, tagged } from "../../connectors/dataverse/compile/options.ts";
import { NO_OPTIONS, type WriteOptions } from "../../src/core/spec.ts";
import { SEEDED } from "../../src/sandbox/index.ts";
import { tokenFor } from "../sandbox/client.ts";
import {
  added,
  columnsOf,
  type MappingInput,
  openBench,
  running,
  syncOf,
  tallied,
  write,
} from "./support/bench.ts";

const people: MappingInput = {
  columns: { number: "text", name: "text" },
  match: { new_customerid: "number" },
  fields: { lastname: "name" },
};

const all: WriteOptions = {
  bypassLogic: ["sync", "async"],
  bypassPlugins: true,
  solution: "AcmeSolution",
  bypassFlows: true,
  detectDuplicates: true,
  impersonate: "3d2c5d1e-7d1b-4f0a-9a52-0f5f3c1f1b11",
  tag: "from the & warehouse",
};

test("each option is the header that its page names, and none of them says nothing", () => {
  expect(optionHeaders(all)).toEqual({
    "MSCRM.BypassBusinessLogicExecution": "CustomSync,CustomAsync",
    "MSCRM.BypassCustomPluginExecution": "true",
    "MSCRM.SolutionUniqueName": "AcmeSolution",
    "MSCRM.SuppressCallbackRegistrationExpanderJob": "true",
    "MSCRM.SuppressDuplicateDetection": "false",
    CallerObjectId: "3d2c5d1e-7d1b-4f0a-9a52-0f5f3c1f1b11",
  });
  expect(optionHeaders(NO_OPTIONS)).toEqual({});
  expect(tagged("/a", all)).toBe("/a?tag=from%20the%20%26%20warehouse");
  expect(tagged("/a", NO_OPTIONS)).toBe("/a");
});

describe("at the wire", () => {
  test("a bulk message and each part of a batch carry them", async () => {
    await using bench = await openBench();
    const seen: string[] = [];
    // Everything passes on to the sandbox, and is written down on its way.
    const recorder = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      if (request.method === "POST" && request.url?.includes("/api/data/"))
        seen.push(`${request.url}\n${JSON.stringify(request.headers)}\n${body}`);
      const { host: _host, connection: _connection, "content-length": _length, ...headers } = request.headers;
      const answer = await passOn(`${bench.sandbox.url}${request.url}`, {
        method: request.method as "POST",
        headers,
        ...(body.length === 0 ? {} : { body }),
      });
      const { connection: _kept, ...more } = answer.headers;
      response.writeHead(answer.statusCode, more).end(Buffer.from(await answer.body.arrayBuffer()));
    });
    await new Promise<void>((done) => recorder.listen(0, "127.0.0.1", done));
    const url = `http://127.0.0.1:${(recorder.address() as AddressInfo).port}`;
    try {
      const auth = {
        type: "bearer",
        token: (await tokenFor(bench.sandbox)).json.access_token as string,
      } as const;
      await using through = await openBench({}, { config: { url, auth } });
      const options = { ...all, impersonate: undefined } as unknown as WriteOptions;
      const sync = { ...syncOf(people), options, onRemoved: "delete" as const };
      const compiled = await through.destination.compile(sync, columnsOf(people), running());
      seen.length = 0;
      await bench.plugins({ table: "contact", column: "lastname", equals: "Bad", message: "no" });
      // Custom logic would refuse the second one.
      const made = await write(
        compiled,
        added([
          ["A", "Ann"],
          ["B", "Bad"],
        ]),
      );
      expect(tallied(made)).toEqual({ applied: 2 });
      const gone = {
        kind: "removed",
        seq: 1,
        key: ["A"],
        id: null,
        before: ["A", "Ann"],
        unsure: false,
      } as const;
      expect(tallied(await write(compiled, [gone]))).toEqual({ applied: 1 });
      const writes = seen.filter((text) => /Multiple|\$batch/.test(text));
      const bulk = writes.filter((text) => /UpsertMultiple\?tag=from%20the%20%26%20warehouse/.test(text));
      expect(bulk.length).toBeGreaterThan(0);
      for (const text of bulk) {
        expect(text).toContain('"mscrm.bypassbusinesslogicexecution":"CustomSync,CustomAsync"');
        expect(text).toContain('"mscrm.suppresscallbackregistrationexpanderjob":"true"');
      }
      const parts = writes.filter((text) => text.startsWith("/api/data/v9.2/$batch"));
      expect(parts.length).toBeGreaterThan(0);
      for (const text of parts) {
        expect(text).toContain("?tag=from%20the%20%26%20warehouse HTTP/1.1");
        expect(text).toContain("MSCRM.BypassBusinessLogicExecution: CustomSync,CustomAsync");
        expect(text).toContain("MSCRM.SuppressDuplicateDetection: false");
        expect(text).toContain("MSCRM.SolutionUniqueName: AcmeSolution");
      }
    } finally {
      recorder.closeAllConnections();
      recorder.close();
    }
  });

  test("impersonation: the record is made by the user on whose behalf is written", async () => {
    await using bench = await openBench();
    const ben = (await bench.stored("systemuser")).get(SEEDED.ben);
    const impersonate = String(ben?.azureactivedirectoryobjectid);
    const sync = { ...syncOf(people), options: { ...NO_OPTIONS, impersonate } };
    const compiled = await bench.destination.compile(sync, columnsOf(people), running());
    expect(tallied(await write(compiled, added([["A", "Ann"]])))).toEqual({ applied: 1 });
    const record = (await bench.stored("contact", "new_customerid")).get("A");
    expect(record).toMatchObject({ createdby: { id: SEEDED.ben } });
    expect(record?.createdonbehalfby).toMatchObject({ table: "systemuser" });
  });
});
