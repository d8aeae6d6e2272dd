import { type Destination, fail } from "../../src/sdk.ts";
import type { DataverseConfig } from "./config.ts";

export async function openDataverse(config: DataverseConfig): Promise<Destination> {
  throw fail.bug("dataverse.unfinished", `The connector for ${config.url} is not finished.`);
}
