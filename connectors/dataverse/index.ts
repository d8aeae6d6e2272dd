import { defineDestination } from "../../src/sdk.ts";
import type { DataverseConfig } from "./config.ts";

export default defineDestination<DataverseConfig>({
  type: "dataverse",
  open: async (config, { cache, folder }) =>
    (await import("./destination.ts")).openDataverse(config, { cache, folder }),
});
