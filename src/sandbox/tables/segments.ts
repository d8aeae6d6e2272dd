import type { Column } from "./column.ts";
import {
  boolean,
  choice,
  housekeeping,
  integer,
  memo,
  owner,
  primaryKey,
  states,
  table,
  text,
} from "./describe.ts";

/** Segments of Customer Insights – Journeys (page: real-time-marketing-segments-api). */

/** The documented requests create them in a state of their choice. */
const creatable = (columns: readonly Column[]): Column[] =>
  columns.map((column) => (column.type === "state" ? { ...column, forCreate: true } : column));

export const segmentdefinition = table("msdynmkt_SegmentDefinition", 10501, {
  primaryName: "msdynmkt_name",
  columns: [
    primaryKey("msdynmkt_SegmentDefinitionId"),
    text("msdynmkt_Name", 100),
    memo("msdynmkt_SegmentQuery", 1048576),
    memo("msdynmkt_StaticListMembers", 1048576),
    boolean("msdynmkt_DisableSegmentRefresh", false),
    integer("msdynmkt_SegmentRefreshIntervalMinutes", 0, 2147483647),
    owner("msdynmkt_segmentdefinition"),
    housekeeping("msdynmkt_segmentdefinition"),
    creatable(
      states([
        [
          0,
          "Active",
          "Aktiv",
          723270001,
          [
            [723270000, "Live", "Live"],
            [723270001, "Draft", "Entwurf"],
            [723270002, "Going live", "Wird live geschaltet"],
            [723270003, "Deleted", "Gelöscht"],
          ],
        ],
        [1, "Inactive", "Inaktiv", 2, [[2, "Inactive", "Inaktiv"]]],
      ]),
    ),
  ],
});

export const segment = table("msdynmkt_Segment", 10502, {
  primaryName: "msdynmkt_displayname",
  columns: [
    primaryKey("msdynmkt_SegmentId"),
    text("msdynmkt_DisplayName", 256),
    memo("msdynmkt_Description", 2000),
    choice("msdynmkt_Type", [
      [10, "Static", "Statisch"],
      [11, "Dynamic", "Dynamisch"],
    ]),
    choice("msdynmkt_Source", [
      [10, "Customer Insights", "Customer Insights"],
      [12, "Customer Insights - Journeys", "Customer Insights - Journeys"],
    ]),
    text("msdynmkt_BaseEntityLogicalName", 100),
    text("msdynmkt_SourceSegmentUid", 100),
    owner("msdynmkt_segment"),
    housekeeping("msdynmkt_segment"),
    creatable(
      states([
        [0, "Active", "Aktiv", 1, [[1, "Active", "Aktiv"]]],
        [
          1,
          "Inactive",
          "Inaktiv",
          2,
          [
            [2, "Inactive", "Inaktiv"],
            [3, "Error", "Fehler"],
            [4, "Deleted", "Gelöscht"],
            [5, "Exporting", "Wird exportiert"],
          ],
        ],
      ]),
    ),
  ],
});

/** Ids of a group of a definition; kept apart from the definition, whose JSON names the groups. */
export const segmentmember = table("msdynmkt_SegmentMember", 10503, {
  primaryName: null,
  bulk: false,
  changeTracking: false,
  ownership: "None",
  flags: { internal: true, unique: [["msdynmkt_groupid", "msdynmkt_entityid"]] },
  columns: [
    primaryKey("msdynmkt_SegmentMemberId"),
    text("msdynmkt_GroupId", 100).map((column) => ({ ...column, tracked: true })),
    text("msdynmkt_EntityId", 100),
  ],
});
