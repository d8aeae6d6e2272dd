/** How writes are to be treated, as headers and in addresses. Pure. */
import type { WriteOptions } from "../../../src/sdk.ts";

/**
 * Headers of a write. Sources: "Bypass custom business logic" (needs the privilege prvBypassCustomBusinessLogic, the
 * older form prvBypassCustomPlugins), "Bypass Power Automate flows", "Use optional parameters" (solutions), "Manage duplicate detection for create and update using the Web API",
 * "Impersonate another user using the Web API" (needs prvActOnBehalfOfAnotherUser).
 */
export function optionHeaders(options: WriteOptions): Readonly<Record<string, string>> {
  const { bypassLogic, bypassPlugins, bypassFlows, detectDuplicates, impersonate, solution } = options;
  const logic = { sync: "CustomSync", async: "CustomAsync" };
  return {
    ...(bypassLogic.length === 0
      ? {}
      : { "MSCRM.BypassBusinessLogicExecution": bypassLogic.map((kind) => logic[kind]).join(",") }),
    ...(bypassPlugins ? { "MSCRM.BypassCustomPluginExecution": "true" } : {}),
    ...(bypassFlows ? { "MSCRM.SuppressCallbackRegistrationExpanderJob": "true" } : {}),
    ...(detectDuplicates ? { "MSCRM.SuppressDuplicateDetection": "false" } : {}),
    ...(impersonate === undefined ? {} : { CallerObjectId: impersonate }),
    ...(solution === undefined ? {} : { "MSCRM.SolutionUniqueName": solution }),
  };
}

/** A path that tells custom logic the tag ("Add a shared variable to the plug-in execution context"). */
export function tagged(path: string, { tag }: WriteOptions): string {
  return tag === undefined ? path : `${path}?tag=${encodeURIComponent(tag)}`;
}
