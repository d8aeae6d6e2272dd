/** What PostgreSQL and its driver say, as problems of ours. Codes: "PostgreSQL Error Codes", appendix A of its manual. */
import { fail, type Query, SyncError } from "../../src/sdk.ts";
import { addressOf, type PostgresConfig } from "./config.ts";

/** A code of the server's; one of the system's, such as EPIPE, has no digit. */
const SQLSTATE = /^(?=.*\d)[0-9A-Z]{5}$/;

interface DriverError {
  readonly code?: string;
  readonly message?: string;
  readonly position?: string;
}

const REMEDIES: readonly (readonly [code: RegExp, remedy: string])[] = [
  [/no encryption/, "The server takes encrypted connections alone: set ssl: require or verify-full."],
  [/not support SSL/, "The server offers no encryption: switch it on there, or set ssl: disable."],
  [/ALTNAME/, "Name the host as its certificate does; ssl: require would not ask."],
  [/^28/, "Check the user and the password of the warehouse in backhaul.yml."],
  [/^3D000$/, "Check the database's name in backhaul.yml."],
  [/^53300$/, "The server has no connection left: try again later, or allow it more."],
  [/^ENOTFOUND$|^EAI_AGAIN$/, "Check the host's name in backhaul.yml and this machine's DNS."],
  [/^ECONNREFUSED$/, "Check host and port in backhaul.yml, and that the server is running."],
  [/TIMEDOUT|TIMEOUT/i, "Check that a firewall lets this machine reach the server."],
  [
    /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_VERIFY/i,
    "Name the certificate of the authority that signed the server's in ssl_ca; ssl: require would not ask.",
  ],
];

/** A connection that could not be had. */
export function cannotReach(config: PostgresConfig, error: unknown): SyncError {
  if (error instanceof SyncError) return error;
  const { code = "", message = "" } = error as DriverError;
  const remedy = REMEDIES.find(([pattern]) => pattern.test(code) || pattern.test(message))?.[1];
  return fail.connection(
    `postgres.${code || "connection"}`,
    `PostgreSQL at ${addressOf(config)} cannot be reached: ${firstLine(message) || code || "no answer"}.`,
    remedy ?? "Check the warehouse in backhaul.yml.",
    error,
  );
}

/** What a statement of the state's ran into: access or the server's state as ours, the data's faults as they came. */
export function engineError(config: PostgresConfig, error: unknown): unknown {
  if (error instanceof SyncError) return error;
  const { code = "", message = "" } = error as DriverError;
  // "Program limit exceeded": its 1,600 columns of a table, or the 8 kB that the fixed part of a row may take.
  if (code.startsWith("54")) {
    return fail.config(
      "postgres.limit",
      `PostgreSQL cannot keep the state of this sync: ${firstLine(message)}.`,
      "Map fewer of the model's columns, or write `state: { type: local }`.",
    );
  }
  if (SQLSTATE.test(code) && !/^(08|28|53|57|25006$|42501$|55P03$|58)/.test(code)) return error;
  const remedy =
    code === "42501"
      ? "Grant the warehouse's user what connectors/postgres/README.md lists for state: warehouse."
      : code === "57014"
        ? "Raise statement_timeout of the warehouse in backhaul.yml, or the server's."
        : code === "25006"
          ? "State needs a server that takes writes: name the primary, or set state: local."
          : "Run again; the snapshot has not moved.";
  return fail.connection(
    `postgres.${code || "connection"}`,
    `PostgreSQL at ${addressOf(config)} ended a statement: ${firstLine(message)}.`,
    remedy,
    error,
  );
}

/** A statement that the server refused or could not finish; points into the query's file where it can. */
export function refusedSql(query: Query, error: unknown, before: number): SyncError {
  if (error instanceof SyncError) return error;
  const { code = "", message = "", position } = error as DriverError;
  if (!SQLSTATE.test(code) || /^(08|57P|53)/.test(code)) {
    return fail.connection(
      `postgres.${code || "connection"}`,
      `PostgreSQL ended the query of ${query.file}: ${firstLine(message)}.`,
      "Run again; the snapshot has not moved.",
      error,
    );
  }
  const offset = position === undefined ? -1 : Number(position) - 1 - before;
  const upTo = query.text.slice(0, Math.max(0, offset)).split("\n");
  const inQuery = offset >= 0 && offset <= query.text.length;
  return new SyncError(
    {
      kind: "config",
      code: code === "57014" ? "model.statement_timeout" : "model.sql_refused",
      message: `PostgreSQL refuses the query: ${firstLine(message)}.`,
      remedy:
        code === "57014"
          ? "Make the query faster, or raise statement_timeout of the warehouse in backhaul.yml."
          : code === "42501"
            ? "Grant SELECT on what the query reads to the warehouse's user."
            : "A model is one SELECT statement.",
      place: {
        file: query.file,
        ...(inQuery ? { line: upTo.length, column: (upTo.at(-1)?.length ?? 0) + 1 } : {}),
      },
    },
    error,
  );
}

const firstLine = (text: string): string => (text.split("\n", 1)[0] ?? "").replace(/\.$/, "");
