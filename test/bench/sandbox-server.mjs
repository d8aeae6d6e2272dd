/**
 * The servers that the bench of the sandbox compares, one per process: `sandbox`, or `bare`, which parses the same
 * JSON and discards it. Prints its port and token; answers `cpu` on its standard input with the milliseconds of
 * processor time that it has used so far.
 */
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { startSandbox } from "../../dist/src/sandbox/index.js";

async function sandbox() {
  const { url, tenant, clientId, clientSecret } = await startSandbox();
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: clientSecret,
    scope: `${url}/.default`,
  });
  const reply = await fetch(`${url}/${tenant}/oauth2/v2.0/token`, { method: "POST", body: form });
  return { port: Number(new URL(url).port), token: (await reply.json()).access_token };
}

async function bare() {
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const rows = JSON.parse(Buffer.concat(chunks).toString("utf8")).Targets.length;
      response.writeHead(rows > 0 ? 204 : 400).end();
    });
  });
  server.keepAliveTimeout = 65_000; // as the sandbox: a slow round must not cost the yardstick its connections
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { port: server.address().port, token: "none" };
}

const ready = await (process.argv[2] === "bare" ? bare() : sandbox());
process.stdout.write(`${JSON.stringify(ready)}\n`);
createInterface({ input: process.stdin })
  .on("line", () => {
    const { user, system } = process.cpuUsage();
    process.stdout.write(`${(user + system) / 1000}\n`);
  })
  .on("close", () => process.exit(0));
