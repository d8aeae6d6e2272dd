/** What each kind of receiver is sent. Pure; shapes as their pages give them. */
import type { Message } from "./conditions.ts";

/** The facts of a message in the order in which a person reads them. */
export function factsOf({
  condition,
  state,
  at,
  seconds,
  counts,
}: Message): readonly (readonly [string, string])[] {
  return [
    ["Condition", `${condition}, ${state}`],
    ["At", at],
    ...(counts
      ? ([
          ["Run", counts.run],
          ["Rows", String(counts.rows)],
          ["Written", String(counts.applied)],
          ["Rejected", String(counts.rejected + counts.waiting)],
          ["Deferred", String(counts.deferred)],
        ] as const)
      : []),
    ...(seconds === undefined ? [] : ([["Seconds", String(seconds)]] as const)),
  ];
}

const SLACK_MOST = 3_000;

/** "Sending messages using incoming webhooks": `text` is what a notification shows; `&`, `<` and `>` are escaped. */
export function slackBody(message: Message): object {
  const escaped = (text: string): string =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const sign = { error: ":red_circle:", warning: ":large_orange_circle:", ok: ":large_green_circle:" }[
    message.severity
  ];
  const lines = factsOf(message).map(([name, value]) => `${name}: ${escaped(value)}`);
  const text = `${sign} *${escaped(message.text)}*\n${lines.join("\n")}`.slice(0, SLACK_MOST);
  return { text: escaped(message.text), blocks: [{ type: "section", text: { type: "mrkdwn", text } }] };
}

/** "Create incoming webhooks with Workflows for Microsoft Teams": an envelope around an adaptive card. */
export function teamsBody(message: Message): object {
  const color = { error: "attention", warning: "warning", ok: "good" }[message.severity];
  return {
    type: "message",
    attachments: [
      {
        contentType: "application/vnd.microsoft.card.adaptive",
        contentUrl: null,
        content: {
          $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
          type: "AdaptiveCard",
          version: "1.4",
          body: [
            { type: "TextBlock", size: "Medium", weight: "Bolder", wrap: true, color, text: message.text },
            { type: "FactSet", facts: factsOf(message).map(([title, value]) => ({ title, value })) },
          ],
        },
      },
    ],
  };
}

/** Our own shape: the message as it is. */
export const webhookBody = (message: Message): object => ({ source: "backhaul", ...message });

export function mailOf(message: Message): { readonly subject: string; readonly text: string } {
  const lines = factsOf(message).map(([name, value]) => `${name}: ${value}`);
  return {
    subject: `[backhaul] ${message.text}`.slice(0, 200),
    text: `${message.text}\n\n${lines.join("\n")}\n`,
  };
}

/** What a column of a log table may be given, by the words of the config. */
export function rowFacts(message: Message): Readonly<Record<string, string | null>> {
  const { text, sync, condition, state, severity, at, seconds, counts } = message;
  const number = (value: number | undefined): string | null => (value === undefined ? null : String(value));
  return {
    text,
    sync,
    condition,
    state,
    severity,
    at,
    run: counts?.run ?? null,
    rows: number(counts?.rows),
    applied: number(counts?.applied),
    rejected: number(counts && counts.rejected + counts.waiting),
    deferred: number(counts?.deferred),
    seconds: number(seconds === undefined ? undefined : Math.round(seconds)),
  };
}
