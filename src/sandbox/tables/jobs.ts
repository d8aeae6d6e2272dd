import {
  boolean,
  choice,
  dateTime,
  housekeeping,
  integer,
  lookup,
  memo,
  owner,
  primaryKey,
  READ_ONLY,
  states,
  table,
  text,
} from "./describe.ts";

const READY_TO_DONE = states([
  [0, "Ready", "Bereit", 0, [[0, "Waiting For Resources", "Wartet auf Ressourcen"]]],
  [1, "Suspended", "Angehalten", 10, [[10, "Waiting", "Wartet"]]],
  [
    2,
    "Locked",
    "Gesperrt",
    20,
    [
      [20, "In Progress", "In Bearbeitung"],
      [21, "Pausing", "Wird angehalten"],
      [22, "Canceling", "Wird abgebrochen"],
    ],
  ],
  [
    3,
    "Completed",
    "Abgeschlossen",
    30,
    [
      [30, "Succeeded", "Erfolgreich"],
      [31, "Failed", "Fehlgeschlagen"],
      [32, "Canceled", "Abgebrochen"],
    ],
  ],
]);

/** A job that runs after its request was answered (page: asyncoperation table reference). */
export const asyncoperation = table("AsyncOperation", 4700, {
  primaryName: "name",
  bulk: false,
  changeTracking: false,
  columns: [
    primaryKey("AsyncOperationId"),
    text("Name", 500),
    choice("OperationType", [[13, "Bulk Delete", "Massenlöschung"]], READ_ONLY),
    text("FriendlyMessage", 1000000),
    memo("Message", 1048576, READ_ONLY),
    integer("ErrorCode", -2147483648, 2147483647, READ_ONLY),
    dateTime("PostponeUntil"),
    dateTime("StartedOn", READ_ONLY),
    dateTime("CompletedOn", READ_ONLY),
    text("RecurrencePattern", 512),
    owner("asyncoperation"),
    housekeeping("asyncoperation"),
    READY_TO_DONE,
  ],
});

/** Page: bulkdeleteoperation table reference. */
export const bulkdeleteoperation = table("BulkDeleteOperation", 4424, {
  primaryName: "name",
  ownership: "None",
  bulk: false,
  changeTracking: false,
  columns: [
    primaryKey("BulkDeleteOperationId"),
    text("Name", 256, READ_ONLY),
    lookup("AsyncOperationId", "asyncoperation", "AsyncOperation_BulkDeleteOperation", READ_ONLY),
    integer("SuccessCount", 0, 2147483647, READ_ONLY),
    integer("FailureCount", 0, 2147483647, READ_ONLY),
    boolean("IsRecurring", false, READ_ONLY),
    dateTime("NextRun", READ_ONLY),
    memo("OrderedQuerySetXml", 1048576, READ_ONLY),
    housekeeping("bulkdeleteoperation"),
    READY_TO_DONE,
  ],
});
