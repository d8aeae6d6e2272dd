/** Sends messages over HTTP and SMTP. A receiver that is out of order is tried a few times, and then given up. */
import { setTimeout as sleep } from "node:timers/promises";
import { mailOf, slackBody, teamsBody, webhookBody } from "./bodies.ts";
import type { Message } from "./conditions.ts";

/** Throws when the message could not be delivered; the error names no address and no secret. */
export type Send = (message: Message) => Promise<void>;

export interface HttpTarget {
  readonly kind: "slack" | "teams" | "webhook";
  readonly url: string;
  readonly authorization?: string;
}

export interface MailTarget {
  readonly host: string;
  readonly port: number;
  readonly encryption: "starttls" | "tls" | "none";
  readonly user?: string;
  readonly password?: string;
  readonly from: string;
  readonly to: readonly string[];
}

const TRIES = 3;
const DEADLINE_MS = 10_000;
const LONGEST_WAIT_MS = 20_000;
const BODIES = { slack: slackBody, teams: teamsBody, webhook: webhookBody } as const;

export function overHttp({ kind, url, authorization }: HttpTarget, pauseMs = 1_000): Send {
  return async (message) => {
    const body = JSON.stringify(BODIES[kind](message));
    for (let tried = 1; ; tried++) {
      const { problem, waitMs } = await post(url, body, authorization);
      if (problem === undefined) return;
      if (waitMs === undefined || tried === TRIES) throw new Error(problem);
      await sleep(Math.min(waitMs || pauseMs * 2 ** (tried - 1), LONGEST_WAIT_MS));
    }
  };
}

interface Posted {
  readonly problem?: string;
  /** How long to wait before another try; none where it would do no good. */
  readonly waitMs?: number;
}

async function post(url: string, body: string, authorization: string | undefined): Promise<Posted> {
  const headers = { "content-type": "application/json", ...(authorization ? { authorization } : {}) };
  try {
    const reply = await fetch(url, {
      method: "POST",
      headers,
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    const text = (await reply.text()).slice(0, 2_000);
    // Connectors of Teams have said so with the status 200.
    const said = /HTTP error (\d{3})/.exec(text)?.[1];
    const status = reply.ok && said ? Number(said) : reply.status;
    if (status < 300) return {};
    const problem = `the receiver answered ${status}`;
    if (status !== 429 && status < 500) return { problem };
    return { problem, waitMs: 1_000 * (Number(reply.headers.get("retry-after")) || 0) };
  } catch (error) {
    const { name, cause } = error as { name: string; cause?: { code?: string } };
    return { problem: `the receiver cannot be reached (${cause?.code ?? name})`, waitMs: 0 };
  }
}

export function byMail({ host, port, encryption, user, password, from, to }: MailTarget): Send {
  return async (message) => {
    const { createTransport } = await import("nodemailer");
    const transport = createTransport({
      host,
      port,
      secure: encryption === "tls",
      requireTLS: encryption === "starttls",
      ignoreTLS: encryption === "none",
      connectionTimeout: DEADLINE_MS,
      greetingTimeout: DEADLINE_MS,
      socketTimeout: DEADLINE_MS,
      ...(user === undefined ? {} : { auth: { user, pass: password ?? "" } }),
    });
    try {
      await transport.sendMail({ from, to: [...to], ...mailOf(message) });
    } catch (error) {
      const { code, responseCode } = error as { code?: string; responseCode?: number };
      throw new Error(`the mail server refuses it (${responseCode ?? code ?? "unknown"})`);
    } finally {
      transport.close();
    }
  };
}
