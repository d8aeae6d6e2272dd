/**
 * A transaction pooler before PostgreSQL, as PgBouncer is one: clients share a few server connections, and each
 * transaction of a client may get another. Tells a transaction's end by the status of `ReadyForQuery`
 * ("Frontend/Backend Protocol", PostgreSQL's manual).
 */
import { createServer, type Socket } from "node:net";
import pg from "pg";

export interface Pooler extends AsyncDisposable {
  readonly url: string;
  /** Transactions so far, by the number of the server connection that ran them. */
  readonly transactions: readonly number[];
}

export interface PoolerOptions {
  /** The server behind it. */
  readonly url: string;
  readonly connections: number;
  /** What each server connection says first: whoever was there before has left the session in this state. */
  readonly leftBehind?: readonly string[];
}

interface Server {
  readonly number: number;
  readonly socket: Socket;
  client: Client | undefined;
}

interface Client {
  readonly socket: Socket;
  server: Server | undefined;
  /** What the client has said and no server has heard. */
  unsent: Buffer[];
  /** `Query` and `Sync` messages that are not answered by a `ReadyForQuery`. */
  unanswered: number;
}

const CANCEL_REQUEST = 80_877_102;
const SSL_REQUEST = 80_877_103;

export async function startPooler({ url, connections, leftBehind = [] }: PoolerOptions): Promise<Pooler> {
  const idle: Server[] = [];
  const waiting: Client[] = [];
  const transactions: number[] = [];
  const sockets = new Set<Socket>();
  let made = 0;

  async function connect(): Promise<void> {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => {});
    await client.connect();
    for (const sql of leftBehind) await client.query(sql);
    const socket = (client as unknown as { connection: { stream: Socket } }).connection.stream;
    socket.removeAllListeners();
    socket.setNoDelay(true);
    const server: Server = { number: made++, socket, client: undefined };
    sockets.add(socket);
    const answers = messages((type, message) => answer(server, type, message));
    socket.on("data", answers);
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      if (idle.includes(server)) idle.splice(idle.indexOf(server), 1);
      server.client?.socket.destroy();
    });
    idle.push(server);
  }

  /** Gives free servers to those who wait, the one that has waited longest first. */
  function assign(): void {
    while (waiting.length > 0 && idle.length > 0) {
      const client = waiting.shift()!;
      const server = idle.shift()!;
      client.server = server;
      server.client = client;
      transactions.push(server.number);
      for (const message of client.unsent.splice(0)) server.socket.write(message);
    }
  }

  function answer(server: Server, type: string, message: Buffer): void {
    const { client } = server;
    if (client === undefined) return;
    client.socket.write(message);
    if (type !== "Z") return;
    client.unanswered -= 1;
    if (String.fromCharCode(message[5]!) !== "I" || client.unanswered > 0) return;
    client.server = undefined;
    server.client = undefined;
    idle.push(server);
    assign();
  }

  function ask(client: Client, type: string, message: Buffer): void {
    if (type === "X") {
      client.socket.end();
      return;
    }
    if (type === "Q" || type === "S") client.unanswered += 1;
    if (client.server) client.server.socket.write(message);
    else {
      client.unsent.push(message);
      if (!waiting.includes(client)) waiting.push(client);
      assign();
    }
  }

  const front = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const client: Client = { socket, server: undefined, unsent: [], unanswered: 0 };
    const asks = messages((type, message) => ask(client, type, message));
    let greeted = false;
    let greeting: Buffer = Buffer.alloc(0);
    socket.on("data", (data) => {
      if (greeted) {
        asks(data);
        return;
      }
      greeting = Buffer.concat([greeting, data]);
      while (!greeted && greeting.length >= 8 && greeting.length >= greeting.readInt32BE(0)) {
        const code = greeting.readInt32BE(4);
        const rest = greeting.subarray(greeting.readInt32BE(0));
        if (code === CANCEL_REQUEST) socket.destroy();
        else if (code === SSL_REQUEST) socket.write("N");
        else {
          greeted = true;
          socket.write(WELCOME);
          if (rest.length > 0) asks(rest);
        }
        greeting = rest;
      }
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      if (waiting.includes(client)) waiting.splice(waiting.indexOf(client), 1);
      // A session that was left in the middle of something is of no use to anybody.
      if (client.server) {
        client.server.client = undefined;
        client.server.socket.destroy();
        connect().then(assign, () => {});
      }
    });
  });

  for (let i = 0; i < connections; i += 1) await connect();
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  const address = front.address();
  const through = new URL(url);
  through.port = String(typeof address === "object" && address ? address.port : 0);
  return {
    url: through.href,
    transactions,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((done) => front.close(done));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Cuts a stream into messages: a letter, and a length that counts itself. */
function messages(take: (type: string, message: Buffer) => void): (data: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (data) => {
    rest = rest.length === 0 ? data : Buffer.concat([rest, data]);
    while (rest.length >= 5 && rest.length >= 1 + rest.readInt32BE(1)) {
      const length = 1 + rest.readInt32BE(1);
      take(String.fromCharCode(rest[0]!), rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  };
}

function message(type: string, ...parts: readonly (string | number)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => {
      if (typeof part === "string") return Buffer.from(`${part}\0`);
      const number = Buffer.alloc(4);
      number.writeInt32BE(part);
      return number;
    }),
  );
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** AuthenticationOk, what the driver wants to know, a process number that is nobody's, ReadyForQuery. */
const WELCOME = Buffer.concat([
  message("R", 0),
  message("S", "server_version", "18.4"),
  message("S", "client_encoding", "UTF8"),
  message("S", "standard_conforming_strings", "on"),
  message("K", 1, 1),
  Buffer.from([0x5a, 0, 0, 0, 5, 0x49]),
]);
