/** Signatures of actions, read from `$metadata` ("Use Web API actions", "Web API service documents"). */
import type { Service } from "../sender/service.ts";
import { SERVICE_ROOT } from "../url.ts";

/** Names of an action's parameters, the bound one included; `undefined` where the organisation has no such action. */
export async function parametersOf(
  service: Service,
  action: string,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  return parametersIn(await service.text(`${SERVICE_ROOT}$metadata`, signal, "application/xml"), action);
}

/** The document has several megabytes and a regular layout: the one element is cut out of it. */
export function parametersIn(csdl: string, action: string): readonly string[] | undefined {
  const start = new RegExp(`<Action\\b[^>]*\\sName="${action}"[^>]*>`).exec(csdl);
  if (start === null) return undefined;
  if (start[0].endsWith("/>")) return [];
  const from = start.index + start[0].length;
  const body = csdl.slice(from, csdl.indexOf("</Action>", from));
  return [...body.matchAll(/<Parameter\b[^>]*\sName="([^"]+)"/g)].map(([, name = ""]) => name);
}
