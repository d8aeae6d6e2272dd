/**
 * What Snowflake and its driver say, as problems of ours. Codes of the service: its own messages, such as "000606
 * (57P03): No active warehouse selected"; of the driver: its file error_code.
 */
import { fail, type Query, SyncError } from "../../src/sdk.ts";
import { addressOf, type SnowflakeConfig } from "./config.ts";

/** The driver's error; what it holds beside is kept out of messages: a request's body has the password in it. */
interface DriverError {
  readonly name?: string;
  readonly code?: string | number;
  readonly message?: string;
  readonly sqlState?: string;
  readonly response?: { readonly statusCode?: number; readonly status?: number };
  readonly cause?: { readonly code?: string };
}

type Remedies = readonly (readonly [code: RegExp, remedy: string])[];

const SIGN_IN: Remedies = [
  [/^39010[0-2]$/, "Check the user and its password; Snowflake locks a user after several wrong ones."],
  [
    /^390144$/,
    "Give the user the key's public half (ALTER USER … SET RSA_PUBLIC_KEY), and check account, user and this machine's clock.",
  ],
  [
    /^39030[1-9]$|^39031\d$|^39032\d$/,
    "Get a new OAuth token, and check the account's security integration.",
  ],
  [/^3944\d\d$/, "Make a new programmatic access token, and check the network policy that it asks for."],
  [/^390189$/, "Check the role in backhaul.yml, and grant it to the user."],
  [/^39042[0-9]$/, "Let this machine's address through the account's network policy."],
  [/^39020[0-9]$/, "Check the database, the schema and the warehouse in backhaul.yml."],
];

const REACH: Remedies = [
  [
    /^40[34]$|ENOTFOUND|EAI_AGAIN/,
    "Check the account's identifier in backhaul.yml: it is organisation-account, as its address has it.",
  ],
  [/ECONNREFUSED/, "Check access_url in backhaul.yml, and that something listens there."],
  [/TIMEDOUT|TIMEOUT|ECONNRESET/i, "Check that a firewall or a proxy lets this machine reach Snowflake."],
  [
    /CERT|TLS|SSL|SIGNED/i,
    "Trust the certificate of what stands between here and Snowflake (NODE_EXTRA_CA_CERTS).",
  ],
];

const remedyFor = (remedies: Remedies, code: string): string | undefined =>
  remedies.find(([pattern]) => pattern.test(code))?.[1];

/** A session that could not be had. */
export function cannotReach(config: SnowflakeConfig, error: unknown): SyncError {
  if (error instanceof SyncError) return error;
  const { code = "", message = "", response, cause } = error as DriverError;
  const refusal = remedyFor(SIGN_IN, String(code));
  if (refusal !== undefined || /^39\d{4}$/.test(String(code))) {
    return fail.connection(
      `snowflake.${code}`,
      `Snowflake account ${addressOf(config)} refuses us: ${sentence(message)}.`,
      refusal ?? "Check how the warehouse signs in, in backhaul.yml.",
      error,
    );
  }
  const status = response?.statusCode ?? response?.status;
  const reason = String(status ?? cause?.code ?? code);
  return fail.connection(
    `snowflake.${reason || "connection"}`,
    `Snowflake account ${addressOf(config)} cannot be reached: ${status === undefined ? sentence(message) || "no answer" : `it answers with status ${status}`}.`,
    remedyFor(REACH, reason) ?? remedyFor(REACH, message) ?? "Check the warehouse in backhaul.yml.",
    error,
  );
}

/** A session whose warehouse, database or schema is not what the config says: Snowflake signs in all the same. */
export function notThere(what: "warehouse" | "database" | "schema", name: string): SyncError {
  return fail.connection(
    `snowflake.no_${what}`,
    `There is no ${what} ${name}, or the role may not use it.`,
    `Check the ${what} in backhaul.yml, and grant USAGE on it to the role.`,
  );
}

/** The session has no current database. */
const NO_DATABASE = "090105";

/** Codes of statements that were refused for want of a warehouse. */
const NO_WAREHOUSE = /^(000606|090073|090064|000607|090078)$/;

/**
 * A statement of a model that the server refused or could not finish; points into the query's file where it can.
 *
 * @param before lines of the statement in front of the query
 */
export function refusedSql(query: Query, error: unknown, before: number): SyncError {
  if (error instanceof SyncError) return error;
  const { name, code = "", message = "", sqlState = "" } = error as DriverError;
  const number = String(code);
  if (NO_WAREHOUSE.test(number)) {
    return fail.connection(
      `snowflake.${number}`,
      `Snowflake has no warehouse to run the query of ${query.file}: ${sentence(message)}.`,
      "Name a warehouse that the role may use, let it resume by itself, and check its resource monitor.",
      error,
    );
  }
  if (name !== "OperationFailedError" || /^39\d{4}$/.test(number)) {
    return fail.connection(
      `snowflake.${number || "connection"}`,
      `Snowflake ended the query of ${query.file}: ${sentence(message) || "no answer"}.`,
      "Run again; the snapshot has not moved.",
      error,
    );
  }
  const timeout = number === "000630";
  const cancelled = number === "000604";
  const failed = !timeout && !cancelled && /^22/.test(sqlState);
  return new SyncError(
    {
      kind: "config",
      code: timeout ? "model.statement_timeout" : failed ? "model.query_failed" : "model.sql_refused",
      message: failed
        ? `The query could not be run to its end: ${sentence(message)}.`
        : `Snowflake refuses the query: ${sentence(message)}.`,
      remedy: timeout
        ? "Make the query faster, or raise statement_timeout of the warehouse in backhaul.yml."
        : cancelled
          ? "Somebody cancelled it in Snowflake: run again."
          : failed
            ? "Mend the query, or cast the value that does not fit."
            : /^(002003|003001|002043)$/.test(number)
              ? "Check the name, and grant USAGE on its database and schema and SELECT on it to the role."
              : "A model is one SELECT statement.",
      place: { file: query.file, ...placeIn(query, message, before) },
    },
    error,
  );
}

/** A statement of our own, on the state's tables. */
export function refusedState(error: unknown): SyncError {
  if (error instanceof SyncError) return error;
  const { code = "", message = "", sqlState = "" } = error as DriverError;
  const number = String(code);
  if (number === NO_DATABASE) {
    return fail.config(
      "snowflake.no_database",
      "State in Snowflake needs a database, and the warehouse names none.",
      "Write the warehouse's database in backhaul.yml, or state: { type: local }.",
    );
  }
  const rights = sqlState === "42501" || number === "003001" || number === "002003";
  return fail.connection(
    `snowflake.${number || "connection"}`,
    `Snowflake refuses to keep the state: ${sentence(message) || "no answer"}.`,
    rights
      ? "Grant the role USAGE and CREATE TABLE on the state's schema, or write state: { type: local }."
      : NO_WAREHOUSE.test(number)
        ? "Name a warehouse that the role may use, and let it resume by itself."
        : "Run again: what was acknowledged is settled by the next run.",
    error,
  );
}

/** The message without the words that stand in front of every refusal, as one line. */
function sentence(message: string): string {
  return message
    .replace(/^SQL (compilation|execution|access control) error:\s*/i, "")
    .replace(/(^|\n)\s*(syntax )?error line \d+ at position \d+\s*/gi, "$1")
    .replaceAll(/\s*\n\s*/g, " ")
    .trim()
    .replace(/\.$/, "");
}

/** Snowflake says `error line 2 at position 7`: lines from 1, positions from 0. */
function placeIn(query: Query, message: string, before: number): { line?: number; column?: number } {
  const found = /error line (\d+) at position (\d+)/i.exec(message);
  if (found === null) return {};
  const line = Number(found[1]) - before;
  return line >= 1 && line <= query.text.split("\n").length ? { line, column: Number(found[2]) + 1 } : {};
}
