import type { Refusal } from "./errors.ts";
import { derivedId, randomId } from "./guid.ts";

/** What `odata.include-annotations` adds to an error (page: compose-http-requests; names from captured replies). */

const DETAILS = "@Microsoft.PowerApps.CDS.ErrorDetails.";
const HELP = "@Microsoft.PowerApps.CDS.HelpLink";
const TRACE = "@Microsoft.PowerApps.CDS.TraceText";
const INNER = "@Microsoft.PowerApps.CDS.InnerError.Message";

/** Faults that the platform's own plug-ins raise name their origin. */
const NAMES: Readonly<Record<string, string>> = {
  "0x80040203": "InvalidArgument",
  "0x80040217": "ObjectDoesNotExist",
  "0x80040220": "PrivilegeDenied",
};

function origin(refusal: Refusal): Record<string, string> {
  const name = NAMES[refusal.code];
  if (name === undefined) return {};
  return {
    [`${DETAILS}ApiExceptionSourceKey`]: "Plugin/Microsoft.Crm.Common.ObjectModel.EntityService",
    [`${DETAILS}ApiStepKey`]: derivedId(`step:${name}`),
    [`${DETAILS}ApiDepthKey`]: "1",
    [`${DETAILS}ApiActivityIdKey`]: randomId(),
    [`${DETAILS}ApiPluginSolutionNameKey`]: "System",
    [`${DETAILS}ApiStepSolutionNameKey`]: "System",
    [`${DETAILS}ApiExceptionCategory`]: "ClientError",
    [`${DETAILS}ApiExceptionMessageName`]: name,
    [`${DETAILS}ApiExceptionHttpStatusCode`]: String(refusal.status),
  };
}

/** A rejection by custom logic carries what its author set, and the trace. */
const rejection = (refusal: Refusal): Record<string, string> =>
  refusal.code === "0x80040265"
    ? { [`${DETAILS}OperationStatus`]: "0", [`${DETAILS}SubErrorCode`]: "-2146233088" }
    : {};

const XML: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => XML[character] as string);

/** What a violated key says of the row that was to be written (captured). */
export function duplicateDetails(
  key: string,
  columns: string,
  values: Readonly<Record<string, string>>,
): Record<string, string> {
  const pairs = Object.entries(values);
  const attributes = pairs.map(
    ([name, value]) =>
      `<KeyValuePairOfstringanyType><d2p1:key>${name}</d2p1:key>` +
      `<d2p1:value i:type="d4p1:string">${escaped(value)}</d2p1:value></KeyValuePairOfstringanyType>`,
  );
  const doubled = pairs.map(([name, value]) => `<${name}>${escaped(value)}</${name}>`);
  return {
    [`${DETAILS}0`]: key,
    [`${DETAILS}1`]: columns,
    [`${DETAILS}DuplicateEntity`]: `<?xml version="1.0" encoding="utf-16"?><Entity><Attributes>${attributes.join("")}</Attributes></Entity>`,
    [`${DETAILS}DuplicateAttributes`]: `<DuplicateAttributes>${doubled.join("")}</DuplicateAttributes>`,
  };
}

/** All annotations of an error, of which a client gets those that it asked for. */
export function errorAnnotations(refusal: Refusal): Record<string, string> {
  // Captured without the general ones.
  if (refusal.code === "0x80060892") return { ...refusal.details };
  const number = refusal.code.replace(/^0x/i, "");
  const link = `http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm.CrmException%3a${number}&client=platform`;
  const trace = refusal.code === "0x80040265" ? { [TRACE]: `\r\n${refusal.message}\r\n` } : {};
  return {
    ...origin(refusal),
    ...rejection(refusal),
    ...refusal.details,
    [HELP]: link,
    ...trace,
    [INNER]: refusal.message,
  };
}
