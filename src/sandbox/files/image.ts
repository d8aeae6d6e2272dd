import { Refusal } from "../errors.ts";
import type { Value } from "../row.ts";
import type { Column } from "../tables/column.ts";
import type { World } from "../world.ts";
import { requireSize } from "./size.ts";

/** Images travel with their row, base64, and have companions (page: image-attributes). */

/** Bytes that are a picture by their first ones; code 0x80072553 else. */
function requirePicture(bytes: Buffer): void {
  const head = bytes.subarray(0, 4).toString("hex");
  const known = ["ffd8ff", "89504e47", "47494638", "424d"].some((start) => head.startsWith(start));
  if (!known) {
    const message = "Error occured when processing image. Reason: The format of the image is not known.";
    throw new Refusal(400, "0x80072553", message);
  }
}

/** The values of an image column and its companions. */
export function imageValues(world: World, column: Column, picture: Value | undefined): Record<string, Value> {
  const name = column.logicalName;
  if (typeof picture !== "string") {
    return { [name]: null, [`${name}id`]: null, [`${name}_timestamp`]: null, [`${name}_url`]: null };
  }
  const bytes = Buffer.from(picture, "base64");
  requireSize(column, bytes.length, true);
  requirePicture(bytes);
  const id = world.store.newId();
  // .NET ticks, as the captured companions hold.
  const ticks = BigInt(world.now().getTime()) * 10_000n + 621_355_968_000_000_000n;
  return {
    [name]: picture,
    [`${name}id`]: id,
    [`${name}_timestamp`]: ticks.toString(),
    [`${name}_url`]: `/Image/download.aspx?Entity=&Attribute=${name}&Id=${id}`,
  };
}
