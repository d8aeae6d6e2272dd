/**
 * A Dataverse for the bench of the sender, in a process of its own. With options as JSON: the sandbox as they say.
 * With `free`: bulk messages and batches cost nothing, all else is the sandbox's; with `reads` they cost no more than
 * the parsing of their JSON. Prints its address and secrets.
 */
import { createServer, request } from "node:http";
import { startSandbox } from "../../dist/src/sandbox/index.js";

const reads = process.argv[2] === "reads";
const isFree = reads || process.argv[2] === "free";
const sandbox = await startSandbox(isFree ? {} : JSON.parse(process.argv[2]));
const latency = Number(process.argv[3] ?? 0);
const { url, tenant, clientId, clientSecret } = sandbox;
const ready = { url, sandbox: url, tenant, clientId, clientSecret };

if (isFree) {
  const front = createServer((incoming, outgoing) => {
    const isBatch = incoming.url.endsWith("$batch");
    if (!isBatch && !incoming.url.endsWith("UpsertMultiple")) return passOn(incoming, outgoing);
    const chunks = [];
    incoming.on("data", (chunk) => (isBatch || reads) && chunks.push(chunk));
    incoming.on("end", () => {
      const text = Buffer.concat(chunks).toString("latin1");
      if (text.includes("\nGET "))
        passOn(incoming, outgoing, Buffer.concat(chunks)); // definitions
      else if (reads) {
        for (const json of isBatch ? text.match(/^\{.*\}/gm) : [text]) JSON.parse(json);
        answer(outgoing, isBatch, text.split(" HTTP/1.1").length - 1);
      } else setTimeout(() => answer(outgoing, isBatch, text.split(" HTTP/1.1").length - 1), latency);
    });
  });
  front.keepAliveTimeout = 65_000;
  await new Promise((done) => front.listen(0, "127.0.0.1", done));
  ready.url = `http://127.0.0.1:${front.address().port}`;
}
process.stdout.write(`${JSON.stringify(ready)}\n`);
process.stdin.resume().on("end", () => process.exit(0));

function answer(outgoing, isBatch, parts) {
  if (!isBatch) return outgoing.writeHead(204).end();
  const part =
    "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nHTTP/1.1 204 No Content\r\nOData-Version: 4.0\r\n\r\n\r\n";
  outgoing.writeHead(200, { "Content-Type": "multipart/mixed; boundary=b" });
  outgoing.end(`${part.repeat(parts)}--b--\r\n`);
}

function passOn(incoming, outgoing, body) {
  const target = new URL(incoming.url, url);
  const headers = { ...incoming.headers, host: target.host };
  const asked = request(target, { method: incoming.method, headers }, (reply) => {
    outgoing.writeHead(reply.statusCode, reply.headers);
    reply.pipe(outgoing);
  });
  if (body) asked.end(body);
  else incoming.pipe(asked);
}
