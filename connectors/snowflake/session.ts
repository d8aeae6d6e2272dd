/** A session of Snowflake's with the config's parameters, made when it is first needed and used until the end. */
import type { Connection, RowStatement } from "snowflake-sdk";
import { connectionOf, parametersOf, type SnowflakeConfig } from "./config.ts";
import { literal } from "./dialect.ts";
import { type Asked, connect, disconnect, execute } from "./driver.ts";
import { cannotReach } from "./errors.ts";

export interface Session extends AsyncDisposable {
  /** Signs in, unless that has been done. Throws `connection` errors. */
  open(signal?: AbortSignal): Promise<void>;
  /** Runs a statement; rejects with the driver's own error, after `open` has thrown its own. */
  execute(asked: Asked, signal?: AbortSignal): Promise<RowStatement>;
}

const NEVER = new AbortController().signal;

export function openSession(config: SnowflakeConfig): Session {
  let opened: Promise<Connection> | undefined;

  async function start(signal: AbortSignal): Promise<Connection> {
    const connection = await connect(connectionOf(config), signal);
    try {
      await execute(connection, { sql: setParameters(parametersOf(config)) }, signal);
      return connection;
    } catch (error) {
      await disconnect(connection);
      throw error;
    }
  }

  async function connected(signal: AbortSignal = NEVER): Promise<Connection> {
    signal.throwIfAborted();
    opened ??= start(signal).catch((error: unknown) => {
      opened = undefined;
      throw signal.aborted ? signal.reason : cannotReach(config, error);
    });
    return opened;
  }

  return {
    open: async (signal) => {
      await connected(signal);
    },
    execute: async (asked, signal) => execute(await connected(signal), asked, signal),
    async [Symbol.asyncDispose]() {
      const connection = await opened?.catch(() => undefined);
      opened = undefined;
      if (connection !== undefined) await disconnect(connection);
    },
  };
}

/** "ALTER SESSION": one statement for all of them, without a warehouse. */
export function setParameters(parameters: Readonly<Record<string, string | number | boolean>>): string {
  const parts = Object.entries(parameters).map(
    ([name, value]) => `${name} = ${typeof value === "string" ? literal(value) : value}`,
  );
  return `ALTER SESSION SET ${parts.join(", ")}`;
}
