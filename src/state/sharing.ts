/**
 * Processes that send as one user of a destination tell each other what they use of its limits: a row for each user
 * and process in the table `users` beside the states, written anew every few seconds, and passed over once it is old.
 */
import { randomUUID } from "node:crypto";
import type { SharedUser, StateEngine } from "../ports.ts";
import { makeShared } from "./tables.ts";

export interface SharingPlace {
  readonly engine: StateEngine;
  /** The schema of the states, which is there. */
  readonly schema: string;
}

/** A row that is so many periods old is of a process that is no more. */
const PERIODS = 5;

/** This process, to the others. */
const PROCESS = randomUUID();

/**
 * Tells and hears until it is disposed, as often as a journal is written there. Nothing depends on it: a table that
 * cannot be reached is a limit whose use by others is learned from what the service says.
 */
export async function shareUsers(
  { engine, schema }: SharingPlace,
  users: readonly SharedUser[],
  options: { readonly process?: string; readonly periodMs?: number } = {},
): Promise<AsyncDisposable> {
  const { process = PROCESS, periodMs = engine.pace.journalMs } = options;
  const { dialect } = engine;
  const { literal, quote } = dialect;
  const { integer, text } = dialect.types;
  const table = `${quote(schema)}.${quote("users")}`;
  const keyOf = (user: SharedUser): string => literal(JSON.stringify([user.name, process]));
  const expires = `${dialect.now} + ${PERIODS * periodMs}`;

  const tell = async (user: SharedUser): Promise<void> => {
    const told = literal(user.tell());
    const key = keyOf(user);
    const isThere = await engine.run(
      `UPDATE ${table} SET told = ${told}, expires = ${expires} WHERE name_key = ${key}`,
    );
    if (isThere === 0) {
      const values = { name_key: key, user_name: literal(user.name), told, expires };
      await engine.run(dialect.insertIfAbsent(table, "name_key", values));
    }
    const others = await engine.rows(
      `SELECT told FROM ${table} WHERE user_name = ${literal(user.name)} AND name_key <> ${key} AND expires > ${dialect.now}`,
    );
    user.hear(others.map(([one]) => one ?? ""));
  };
  const tellAll = async (): Promise<void> => {
    for (const user of users) await tell(user);
  };
  const begin = async (): Promise<void> => {
    const columns = [`user_name ${text}`, `told ${text}`, `expires ${integer}`];
    await makeShared(
      engine,
      `CREATE TABLE IF NOT EXISTS ${table} (name_key ${text} PRIMARY KEY, ${columns.join(", ")})`,
    );
    await engine.run(`DELETE FROM ${table} WHERE expires < ${dialect.now} - ${PERIODS * periodMs}`);
    await tellAll();
  };

  /** The round that is under way; none begins before it has ended. */
  let round: Promise<void> | undefined;
  const go = (work: () => Promise<void>): Promise<void> => {
    round ??= work()
      .catch(() => {})
      .finally(() => {
        round = undefined;
      });
    return round;
  };
  await go(begin);
  const timer = setInterval(() => void go(tellAll), periodMs);
  timer.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await round;
      for (const user of users) {
        user.hear([]);
        await engine.run(`DELETE FROM ${table} WHERE name_key = ${keyOf(user)}`).catch(() => {});
      }
    },
  };
}
