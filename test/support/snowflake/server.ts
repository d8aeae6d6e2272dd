/**
 * An account of Snowflake's on this machine: what its driver is promised over HTTP (sessions and their renewal, long
 * polls, results in chunks, describing, cancelling), with the SQL run on an embedded engine. What it cannot run it
 * refuses in Snowflake's own words.
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync, gzipSync } from "node:zlib";
import { type Engine, type Result, type Session, startEngine } from "./engine.ts";
import { type Login, signIn, type User } from "./sign-in.ts";
import { SqlRefused } from "./tokens.ts";

export interface AccountOptions {
  readonly account?: string;
  /** By name in capitals. */
  readonly users: Readonly<Record<string, User>>;
  readonly databases?: Readonly<Record<string, readonly string[]>>;
  readonly warehouses?: readonly string[];
  readonly roles?: readonly string[];
  /** Those of the roles that may read and nothing else. */
  readonly readers?: readonly string[];
  /** How long a request for a result is held before the driver is told to ask again. */
  readonly holdMs?: number;
  /** Rows in the first answer, and in each chunk. */
  readonly rowsInline?: number;
  readonly rowsPerChunk?: number;
}

export interface Received {
  readonly method: string;
  readonly path: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it as they like
  readonly body: any;
}

export interface TestSnowflake extends AsyncDisposable {
  readonly url: string;
  readonly account: string;
  /** Everything that was asked, in order. */
  readonly received: readonly Received[];
  /** The texts of the statements that were sent. */
  readonly statements: readonly string[];
  /** Statements that run now. */
  readonly running: () => number;
  /** Sessions that have not ended, by the parameters that were set. */
  readonly sessions: () => readonly Session[];
  /** Ids of statements that were cancelled while they ran. */
  readonly cancelled: readonly string[];
  /** Session tokens are no longer valid: the driver has to renew its own. */
  expire(): void;
  /** The connection breaks when the next statements are done, before their answers are given. */
  loseAnswers(count: number): void;
  /** The next requests for chunks fail. */
  failChunks(count: number): void;
  sql(statement: string): Promise<Result["rows"]>;
  /** What the catalog tells of a grant; it is not enforced. */
  readonly grant: Engine["grant"];
}

interface Open {
  readonly session: Session;
  readonly master: string;
  expired: boolean;
}

interface Query {
  readonly id: string;
  readonly abort: AbortController;
  readonly answer: Promise<object>;
  done: boolean;
  chunks: readonly Buffer[];
}

const PARAMETERS = [
  ["TIMEZONE", "UTC"],
  ["DATE_OUTPUT_FORMAT", "YYYY-MM-DD"],
  ["TIME_OUTPUT_FORMAT", "HH24:MI:SS"],
  ["TIMESTAMP_OUTPUT_FORMAT", "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM"],
  ["TIMESTAMP_NTZ_OUTPUT_FORMAT", "YYYY-MM-DD HH24:MI:SS.FF3"],
  ["TIMESTAMP_LTZ_OUTPUT_FORMAT", ""],
  ["TIMESTAMP_TZ_OUTPUT_FORMAT", ""],
  ["BINARY_OUTPUT_FORMAT", "HEX"],
  ["CLIENT_SESSION_KEEP_ALIVE", false],
].map(([name, value]) => ({ name, value }));

const CHUNK_KEY = "the-key-of-the-chunks";

export async function startSnowflake(options: AccountOptions): Promise<TestSnowflake> {
  const account = options.account ?? "acme-eu1";
  const warehouses = options.warehouses ?? ["WH"];
  const roles = [...(options.roles ?? ["SYNC"]), ...(options.readers ?? [])];
  const engine: Engine = await startEngine(options.databases ?? { DB: ["PUBLIC"] });
  const open = new Map<string, Open>();
  const queries = new Map<string, Query>();
  const byRequest = new Map<string, string>();
  const received: Received[] = [];
  const cancelled: string[] = [];
  let chunkFailures = 0;
  let lostAnswers = 0;
  let base = "";

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      reply(response, 500, { success: false, code: "0", message: String(error), data: null });
    });
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://localhost");
    const body = await bodyOf(request);
    received.push({ method: request.method ?? "", path: url.pathname, body });
    const path = url.pathname;
    if (path === "/session/v1/login-request") return login(url, body?.data ?? {}, response);
    const chunk = /^\/chunks\/([^/]+)\/(\d+)$/.exec(path);
    if (chunk) return sendChunk(chunk[1]!, Number(chunk[2]), request, response);
    const token = /Token="([^"]*)"/.exec(request.headers.authorization ?? "")?.[1] ?? "";
    if (path === "/session/token-request") return renew(token, response);
    const session = open.get(token);
    if (session === undefined) return refuse(response, "390104", "Session token is invalid.");
    if (session.expired) return refuse(response, "390112", "Your session has expired. Please login again.");
    if (path === "/session" && url.searchParams.get("delete") === "true") {
      open.delete(token);
      await session.session.close();
      return ok(response, null);
    }
    if (path === "/session/heartbeat" || path === "/telemetry/send") return ok(response, null);
    if (path === "/queries/v1/query-request") {
      const query = start(session.session, body, url.searchParams.get("requestId") ?? randomUUID());
      return body.asyncExec ? inProgress(response, query.id, "333334") : hold(response, query);
    }
    if (path === "/queries/v1/abort-request") return cancel(byRequest.get(body?.requestId), response);
    const named = /^\/queries\/([^/]+)\/(result|abort-request)$/.exec(path);
    const query = queries.get(named?.[1] ?? "");
    if (named?.[2] === "result" && query) return hold(response, query);
    if (named?.[2] === "abort-request") return cancel(query?.id, response);
    reply(response, 404, { success: false, code: "0", message: `nothing at ${path}`, data: null });
  }

  async function login(url: URL, data: Login, response: ServerResponse): Promise<void> {
    if (data.ACCOUNT_NAME?.toLowerCase() !== account.toLowerCase()) {
      response.writeHead(404, { "content-type": "text/html" }).end("<h1>404 Not Found</h1>");
      return;
    }
    const user = signIn(account, options.users, data);
    if (typeof user !== "string") return refuse(response, user.code, user.message);
    const wanted = (name: string): string | null => url.searchParams.get(name)?.toUpperCase() ?? null;
    const role = wanted("roleName");
    if (role !== null && !roles.includes(role)) {
      return refuse(
        response,
        "390189",
        `Role '${role}' specified in the connect string does not exist or not authorized. Contact your local system administrator, or attempt to login with another role, e.g. PUBLIC.`,
      );
    }
    const [database, schema, warehouse] = [
      wanted("databaseName"),
      wanted("schemaName") ?? "PUBLIC",
      wanted("warehouse"),
    ];
    const exists = database !== null && engine.has(database, schema);
    const used = {
      database: database !== null && (exists || engine.has(database, "PUBLIC")) ? database : null,
      schema: exists ? schema : null,
      warehouse: warehouse !== null && warehouses.includes(warehouse) ? warehouse : null,
      role: role ?? "PUBLIC",
      mayWrite: !options.readers?.includes(role ?? "PUBLIC"),
    };
    const token = randomUUID();
    const master = randomUUID();
    open.set(token, { session: await engine.open(used, user), master, expired: false });
    ok(response, {
      token,
      masterToken: master,
      validityInSeconds: 3_600,
      masterValidityInSeconds: 14_400,
      sessionId: open.size,
      parameters: PARAMETERS,
      sessionInfo: {
        databaseName: used.database,
        schemaName: used.schema,
        warehouseName: used.warehouse,
        roleName: used.role,
      },
    });
  }

  function renew(master: string, response: ServerResponse): void {
    const [old, session] = [...open].find(([, { master: m }]) => m === master) ?? [];
    if (old === undefined || session === undefined) {
      refuse(response, "390114", "Authentication token has expired. The user must authenticate again.");
      return;
    }
    open.delete(old);
    const token = randomUUID();
    open.set(token, { ...session, expired: false });
    ok(response, {
      sessionToken: token,
      masterToken: master,
      validityInSecondsST: 3_600,
      validityInSecondsMT: 14_400,
    });
  }

  function start(
    session: Session,
    body: { sqlText: string; describeOnly?: boolean },
    requestId: string,
  ): Query {
    // A request that comes again is not a second statement.
    const known = queries.get(byRequest.get(requestId) ?? "");
    if (known !== undefined) return known;
    const id = randomUUID();
    const abort = new AbortController();
    const query: Query = {
      id,
      abort,
      done: false,
      chunks: [],
      answer: session
        .run(body.sqlText, { describe: body.describeOnly === true, signal: abort.signal })
        .then(
          (result) => success(query, result, session),
          (error: unknown) => failure(query, error),
        )
        .finally(() => {
          query.done = true;
        }),
    };
    queries.set(id, query);
    byRequest.set(requestId, id);
    return query;
  }

  function success(query: Query, { rowtype, rows, statementTypeId }: Result, { used }: Session): object {
    const inline = options.rowsInline ?? 1_000;
    const perChunk = options.rowsPerChunk ?? 5_000;
    const chunks: object[] = [];
    const bodies: Buffer[] = [];
    for (let from = inline; from < rows.length; from += perChunk) {
      const part = rows.slice(from, from + perChunk);
      const text = JSON.stringify(part).slice(1, -1);
      chunks.push({
        url: `${base}/chunks/${query.id}/${bodies.length}`,
        rowCount: part.length,
        uncompressedSize: text.length,
        compressedSize: text.length,
      });
      bodies.push(gzipSync(text, { level: 1 }));
    }
    query.chunks = bodies;
    return envelope({
      parameters: PARAMETERS,
      rowtype,
      rowset: rows.slice(0, inline),
      total: rows.length,
      returned: rows.length,
      queryId: query.id,
      finalDatabaseName: used.database,
      finalSchemaName: used.schema,
      finalWarehouseName: used.warehouse,
      finalRoleName: used.role,
      statementTypeId,
      version: 1,
      queryResultFormat: "json",
      ...(chunks.length === 0
        ? {}
        : { chunks, chunkHeaders: { "x-amz-server-side-encryption-customer-key": CHUNK_KEY } }),
    });
  }

  function failure(query: Query, error: unknown): object {
    if (!(error instanceof SqlRefused)) throw error;
    const { code, sqlState, message } = error;
    const data = {
      internalError: false,
      errorCode: code,
      age: 0,
      sqlState,
      queryId: query.id,
      line: -1,
      pos: -1,
    };
    return { data: { ...data, type: "COMPILATION" }, code, message, success: false };
  }

  /** The answer, or after a while the advice to ask again. */
  async function hold(response: ServerResponse, query: Query): Promise<void> {
    let late: NodeJS.Timeout | undefined;
    const patience = new Promise<undefined>((resolve) => {
      late = setTimeout(resolve, options.holdMs ?? 1_000, undefined);
    });
    const answer = await Promise.race([query.answer, patience]);
    clearTimeout(late);
    if (answer !== undefined && lostAnswers > 0) {
      lostAnswers -= 1;
      response.socket?.destroy();
      return;
    }
    if (answer === undefined) inProgress(response, query.id, "333333");
    else reply(response, 200, answer);
  }

  function cancel(id: string | undefined, response: ServerResponse): void {
    const query = queries.get(id ?? "");
    if (query !== undefined && !query.done) {
      cancelled.push(query.id);
      query.abort.abort();
    }
    ok(response, null);
  }

  function sendChunk(id: string, n: number, request: IncomingMessage, response: ServerResponse): void {
    const chunk = queries.get(id)?.chunks[n];
    const allowed = request.headers["x-amz-server-side-encryption-customer-key"] === CHUNK_KEY;
    if (chunkFailures > 0 || !allowed || chunk === undefined) {
      chunkFailures -= 1;
      response.writeHead(403, { "content-type": "application/xml" }).end("<Error/>");
      return;
    }
    response.writeHead(200, { "content-encoding": "gzip", "content-type": "binary/octet-stream" }).end(chunk);
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: base,
    account,
    received,
    get statements() {
      return received.filter(({ path }) => path.endsWith("query-request")).map(({ body }) => body.sqlText);
    },
    running: () => [...queries.values()].filter(({ done }) => !done).length,
    sessions: () => [...open.values()].map(({ session }) => session),
    cancelled,
    expire() {
      for (const session of open.values()) session.expired = true;
    },
    loseAnswers(count) {
      lostAnswers = count;
    },
    failChunks(count) {
      chunkFailures = count;
    },
    sql: (statement) => engine.sql(statement),
    grant: engine.grant,
    async [Symbol.asyncDispose]() {
      for (const query of queries.values()) query.abort.abort();
      await Promise.all([...queries.values()].map(({ answer }) => answer.catch(() => {})));
      await Promise.all([...open.values()].map(({ session }) => session.close()));
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await engine[Symbol.asyncDispose]();
    },
  };
}

const envelope = (data: unknown): object => ({ data, code: null, message: null, success: true });

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

const ok = (response: ServerResponse, data: unknown): void => reply(response, 200, envelope(data));

const refuse = (response: ServerResponse, code: string, message: string): void =>
  reply(response, 200, { data: { nextAction: "RETRY_LOGIN" }, code, message, success: false });

function inProgress(response: ServerResponse, queryId: string, code: string): void {
  const data = { queryId, getResultUrl: `/queries/${queryId}/result`, queryAbortsAfterSecs: 300 };
  reply(response, 200, { data, code, message: "Query execution in progress.", success: true });
}

async function bodyOf(request: IncomingMessage) {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const raw = Buffer.concat(parts);
  if (raw.length === 0) return undefined;
  const text = (request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw).toString("utf8");
  return JSON.parse(text);
}
