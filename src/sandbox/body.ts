import type { Call } from "./api.ts";
import { payloadError, Refusal } from "./errors.ts";
import { isObject, type JsonObject, parseJson, repeatedName } from "./json.ts";
import type { Unverified } from "./unverified.ts";

/** The JSON object in a request body (page: compose-http-requests-handle-errors). */

const JSON_BODY = /^application\/json\b/i;

function unreadable(subject: string, what: string): Refusal {
  return payloadError(subject, `Microsoft.OData.ODataException: ${what}`);
}

/**
 * @param subject the entity set or action, for the messages
 * @throws Refusal when there is no body, when it is no JSON object, or when a name comes twice in one object
 */
export function readBody(rules: Unverified, call: Call, subject: string): JsonObject {
  if (call.body === "") throw payloadError(subject, "System.ArgumentException: Stream was not readable.");
  const type = call.headers["content-type"] ?? "";
  if (!JSON_BODY.test(type)) {
    const { status, code } = rules.wrongMediaType;
    const shown = type.slice(0, 200);
    throw new Refusal(
      status,
      code,
      `The request entity's media type '${shown}' is not supported for this resource.`,
    );
  }
  let value: unknown;
  try {
    value = parseJson(call.body);
  } catch {
    throw unreadable(subject, "Invalid JSON. The payload could not be read.");
  }
  if (!isObject(value)) throw unreadable(subject, "An object was expected at the start of the payload.");
  const repeated = rules.repeatedNames === "refused" ? repeatedName(call.body, value) : undefined;
  if (repeated !== undefined) {
    throw unreadable(subject, `Multiple properties with the name '${repeated}' were detected in a resource.`);
  }
  return value;
}

/** The body of an action, which may come without any when it has no parameters. */
export const readParameters = (rules: Unverified, call: Call, action: string): JsonObject =>
  call.body.trim() === "" ? {} : readBody(rules, call, action);
