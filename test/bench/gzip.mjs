/**
 * Whether gzip of request bodies would pay: what it costs the processor and spares the wire, beside how long the
 * service works on the same rows. Dataverse's pages name no encoding of requests, so that nothing sends it.
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

const ROUNDS = 30;
/** Fields of a row, each with a text of 32 characters that no other has. */
const FIELDS = 20;
/** Bits a second of the way to the service, and milliseconds of execution for a row. */
const WIRE = 100e6;
const ROW_MS = 20;

const row = (number) =>
  Object.fromEntries([
    ["@odata.type", "Microsoft.Dynamics.CRM.contact"],
    ["@odata.id", `contacts(new_customerid='C-${number}')`],
    ...Array.from({ length: FIELDS }, (_, field) => [
      `new_column${field}`,
      createHash("md5").update(`${number} ${field}`).digest("hex"),
    ]),
  ]);

export default function gzip() {
  for (const rows of [100, 1000]) {
    const body = Buffer.from(JSON.stringify({ Targets: Array.from({ length: rows }, (_, n) => row(n)) }));
    for (const level of [1, 6]) {
      gzipSync(body, { level });
      const { user } = process.cpuUsage();
      let size = 0;
      for (let round = 0; round < ROUNDS; round++) size = gzipSync(body, { level }).length;
      const cost = (process.cpuUsage().user - user) / 1000 / ROUNDS;
      const spared = ((body.length - size) * 8 * 1000) / WIRE;
      const work = rows * ROW_MS;
      process.stdout.write(
        `${rows} rows, level ${level}: ${body.length} bytes to ${size}; ${cost.toFixed(2)} ms of processor for ` +
          `${spared.toFixed(2)} ms of wire, ${((100 * (spared - cost)) / work).toFixed(3)} % of ${work / 1000} s of execution\n`,
      );
    }
  }
}
