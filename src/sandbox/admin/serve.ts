import type { IncomingMessage, ServerResponse } from "node:http";
import type { Service } from "../service.ts";
import { type Administered, type AdminReply, wrong } from "./reply.ts";
import { administer } from "./routes.ts";
import { seedLines } from "./seed.ts";

/** HTTP for the back door: bodies and replies may be longer than memory would like, so they are streamed. */

const LARGEST_BODY = 128 * 1024 * 1024;

async function textOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= LARGEST_BODY) chunks.push(chunk);
  }
  return size <= LARGEST_BODY ? Buffer.concat(chunks).toString("utf8") : undefined;
}

async function answered(
  service: Service,
  admin: Administered,
  request: IncomingMessage,
  url: URL,
): Promise<AdminReply> {
  const name = url.pathname.replace(/^\/sandbox\/?/, "");
  const table = url.searchParams.get("table");
  if (request.method === "POST" && name === "seed" && table !== null) {
    const found = service.world.schema.tables.get(table);
    if (!found) return wrong(`There is no table '${table}'.`);
    try {
      return await seedLines(admin, found, request as AsyncIterable<Buffer>);
    } catch (problem) {
      return wrong(problem instanceof Error ? problem.message : String(problem));
    }
  }
  const body = await textOf(request);
  if (body === undefined) return wrong("Send less at a time; rows can be streamed as JSON Lines.", 413);
  return administer(admin, service, request.method ?? "GET", name, url.searchParams, body);
}

/** When the client has taken what was sent, or is gone. */
const flushed = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
  });

/** A reply whose first piece is made: what goes wrong until then is answered, and not by a connection that ends. */
async function begun(service: Service, request: IncomingMessage, base: string, path: string) {
  const begin = ({ status, body }: AdminReply) => {
    const pieces = body[Symbol.iterator]();
    return { status, pieces, first: pieces.next() };
  };
  try {
    const users = service.world.schema.tables.get("systemuser");
    const [first] = users ? service.world.store.rows(users).values() : [];
    const admin: Administered = {
      ...service.administered,
      session: { user: { table: "systemuser", id: first?.id ?? "" }, root: `${base}/api/data/v9.2/` },
    };
    return begin(await answered(service, admin, request, new URL(path, "http://sandbox/")));
  } catch (problem) {
    return begin(wrong(problem instanceof Error ? problem.message : String(problem)));
  }
}

export async function serveAdmin(
  service: Service,
  request: IncomingMessage,
  response: ServerResponse,
  base: string,
  path: string,
): Promise<void> {
  const { status, pieces, first } = await begun(service, request, base, path);
  response.writeHead(status, { "Content-Type": "application/json; charset=utf-8" });
  for (let piece = first; !piece.done; piece = pieces.next()) {
    if (response.destroyed) return;
    if (!response.write(piece.value)) await flushed(response);
  }
  response.end();
}
