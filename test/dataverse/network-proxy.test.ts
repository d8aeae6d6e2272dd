import { createServer } from "node:http";
import { createServer as createSecure } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { generate } from "selfsigned";
import { afterAll, beforeAll, expect, test } from "vitest";
import { verdictOfFailure } from "../../connectors/dataverse/sender/problems.ts";
import type { Request } from "../../src/http/answer.ts";
import { proxyOf } from "../../src/http/proxy.ts";
import { openTransport } from "../../src/http/transport.ts";

const HOST = "contoso.invalid"; // nobody but the proxy knows where it is
const USER = "http://me:p%40ss@";
const { signal } = new AbortController();
const get: Request = {
  method: "GET",
  path: "/x",
  headers: { authorization: "Bearer secret" },
  purpose: "read",
  signal,
};

let ca = "";
let service: { readonly port: number; readonly stop: () => void };
let origin = "";
beforeAll(async () => {
  const pems = await generate([{ name: "commonName", value: HOST }], {
    extensions: [
      { name: "subjectAltName", altNames: [{ type: 2, value: HOST }] },
      { name: "basicConstraints", cA: true },
    ],
  });
  ca = pems.cert;
  const server = createSecure({ key: pems.private, cert: pems.cert }, (_, response) => response.end("here"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  service = { port: (server.address() as AddressInfo).port, stop };
  origin = `https://${HOST}:${service.port}`;
});
afterAll(() => service.stop());

/** A proxy that leads whatever it is asked for to the service, or answers as it is told. */
async function startProxy(status = 200) {
  const seen: { path: string | undefined; authorization: string | undefined; text: string }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((_, response) => response.writeHead(500).end("no tunnel was asked for"));
  server.on("connection", (socket) => sockets.add(socket));
  server.on("connect", ({ url, headers }, socket: Socket, head) => {
    const one = { path: url, authorization: headers["proxy-authorization"], text: JSON.stringify(headers) };
    seen.push(one);
    if (status === 0) return; // says nothing
    if (status !== 200) return void socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
    const there = connect(service.port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      there.write(head);
      there.pipe(socket);
    });
    socket.on("data", (chunk) => {
      one.text += chunk.toString("latin1");
      there.write(chunk);
    });
    for (const [one, other] of [[socket, there] as const, [there, socket] as const])
      one.on("error", () => other.destroy()).on("close", () => other.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    seen,
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("requests go through the proxy of the environment, which sees the host's name and no token", async () => {
  await using proxy = await startProxy();
  const env = { HTTPS_PROXY: `${USER}${proxy.host}` };
  await using transport = openTransport(origin, { connections: 1, ca, env });
  for (let times = 0; times < 3; times++)
    expect(await transport.send(get)).toMatchObject({ kind: "reply", status: 200, body: "here" });
  expect(proxy.seen).toHaveLength(1); // the tunnel is kept
  expect(proxy.seen[0]).toMatchObject({
    path: `${HOST}:${service.port}`,
    authorization: `Basic ${Buffer.from("me:p@ss").toString("base64")}`,
  });
  expect(proxy.seen[0]?.text).not.toContain("secret");
});

test("a certificate is looked at through a proxy too", async () => {
  await using proxy = await startProxy();
  await using transport = openTransport(origin, { connections: 1, env: { https_proxy: proxy.host } });
  expect(await transport.send(get)).toMatchObject({ reason: "tls", sent: false });
});

test.each([
  [407, "proxy", "everyone"],
  [403, "proxy", "everyone"],
  [502, "refused", "down"],
] as const)("a proxy that answers %i", async (status, reason, fault) => {
  await using proxy = await startProxy(status);
  const env = { HTTPS_PROXY: `${USER}${proxy.host}` };
  await using transport = openTransport(origin, { connections: 1, ca, env });
  const failure = await transport.send(get);
  const detail = `${status}, by way of the proxy ${proxy.host}`;
  expect(failure).toEqual({ kind: "failure", reason, sent: false, detail });
  if (failure.kind !== "failure") throw new Error("It is a reply.");
  const verdict = verdictOfFailure(failure, origin);
  expect(verdict).toMatchObject({ fault, problem: { code: `dataverse.${reason}` } });
  expect(JSON.stringify(verdict)).not.toContain("p%40ss");
});

test("a proxy that is not there, or says nothing, is named", async () => {
  await using absent = openTransport(origin, { connections: 1, env: { HTTPS_PROXY: "http://127.0.0.1:1" } });
  expect(await absent.send(get)).toMatchObject({
    reason: "refused",
    sent: false,
    detail: "ECONNREFUSED, by way of the proxy 127.0.0.1:1",
  });
  await using proxy = await startProxy(0);
  await using silent = openTransport(origin, {
    connections: 1,
    deadline: 300,
    env: { HTTPS_PROXY: proxy.host },
  });
  expect(await silent.send(get)).toMatchObject({
    reason: "timeout",
    detail: expect.stringContaining("proxy"),
  });
});

test("which proxy it is", () => {
  const of = (address: string, env: Record<string, string>) => proxyOf(address, env)?.href;
  const one = { HTTPS_PROXY: "http://one:8080", ALL_PROXY: "http://all" };
  expect(of("https://x.example", one)).toBe("http://one:8080/");
  expect(of("https://x.example", { ...one, https_proxy: "small:1" })).toBe("http://small:1/");
  expect(of("https://x.example", { HTTPS_PROXY: "", ALL_PROXY: "http://all" })).toBe("http://all/");
  expect(of("https://x.example", { HTTP_PROXY: "http://plain" })).toBeUndefined();
  for (const address of ["http://127.0.0.1:7171", "https://localhost:1", "https://[::1]", "http://x.example"])
    expect(of(address, one), address).toBeUndefined();
  const spared = ["*", "x.example", ".example", "*.example", "a, EXAMPLE b", "x.example:443"];
  for (const NO_PROXY of spared)
    expect(of("https://x.example", { ...one, NO_PROXY }), NO_PROXY).toBeUndefined();
  for (const NO_PROXY of ["", "ample", "y.example", "x.example:8443", "x.example.com"])
    expect(of("https://x.example", { ...one, NO_PROXY }), NO_PROXY).toBe("http://one:8080/");
  for (const HTTPS_PROXY of ["socks5://me:secret@x:1", "http://", "http://me:secret@"])
    expect(() => of("https://x.example", { HTTPS_PROXY })).toThrow(/HTTPS_PROXY is not the address/);
  for (const HTTPS_PROXY of ["socks5://me:secret@x:1", "http://me:secret@"])
    expect(() => of("https://x.example", { HTTPS_PROXY })).not.toThrow(/secret/);
});
