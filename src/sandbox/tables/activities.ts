import type { Column } from "./column.ts";
import {
  choice,
  dateTime,
  entityName,
  housekeeping,
  integer,
  lookup,
  memo,
  onDelete,
  owner,
  partyList,
  polymorphic,
  primaryKey,
  READ_ONLY,
  states,
  table,
  text,
} from "./describe.ts";

/** Activities share their primary key name and what they may be about (page: web-api-navigation-properties). */
function regarding(activity: string, plural: string): Column[] {
  const named = ["Account", "Contact", "Lead", "Opportunity"].map(
    (target) => [target.toLowerCase(), `${target}_${plural}`] as const,
  );
  return polymorphic("RegardingObjectId", "lookup", named).map((column) =>
    column.relationships
      ? {
          ...column,
          relationships: column.relationships.map((one) => ({
            ...one,
            navigation: `regardingobjectid_${one.target}_${activity}`,
          })),
        }
      : column,
  );
}

const PRIORITY = [
  [0, "Low", "Niedrig"],
  [1, "Normal", "Normal"],
  [2, "High", "Hoch"],
] as const;

export const task = table("Task", 4212, {
  primaryName: "subject",
  primaryId: "activityid",
  flags: { activity: true },
  columns: [
    primaryKey("ActivityId"),
    text("Subject", 200, { required: "ApplicationRequired" }),
    memo("Description", 2000),
    text("Category", 250),
    dateTime("ScheduledEnd"),
    dateTime("ActualEnd"),
    integer("PercentComplete", 0, 100),
    choice("PriorityCode", PRIORITY, { fallback: 1 }),
    regarding("task", "Tasks"),
    owner("task"),
    housekeeping("task"),
    states([
      [
        0,
        "Open",
        "Offen",
        2,
        [
          [2, "Not Started", "Nicht begonnen"],
          [3, "In Progress", "In Bearbeitung"],
          [4, "Waiting on someone else", "Wartet auf andere"],
          [7, "Deferred", "Zurückgestellt"],
        ],
      ],
      [1, "Completed", "Abgeschlossen", 5, [[5, "Completed", "Abgeschlossen"]]],
      [2, "Canceled", "Abgebrochen", 6, [[6, "Canceled", "Abgebrochen"]]],
    ]),
  ],
});

export const phonecall = table("PhoneCall", 4210, {
  primaryName: "subject",
  primaryId: "activityid",
  flags: { activity: true },
  columns: [
    primaryKey("ActivityId"),
    text("Subject", 200, { required: "ApplicationRequired" }),
    memo("Description", 2000),
    text("PhoneNumber", 200),
    dateTime("ScheduledEnd"),
    partyList("From"),
    partyList("To"),
    regarding("phonecall", "Phonecalls"),
    owner("phonecall"),
    housekeeping("phonecall"),
    states([
      [0, "Open", "Offen", 1, [[1, "Open", "Offen"]]],
      [
        1,
        "Completed",
        "Abgeschlossen",
        2,
        [
          [2, "Made", "Getätigt"],
          [4, "Received", "Empfangen"],
        ],
      ],
      [2, "Canceled", "Abgebrochen", 3, [[3, "Canceled", "Abgebrochen"]]],
    ]),
  ],
});

/** Who takes part in an activity; made with it and gone with it (page: activityparty). */
export const activityparty = table("ActivityParty", 135, {
  primaryName: "partyidname",
  set: "activityparties",
  ownership: "None",
  bulk: false,
  changeTracking: false,
  columns: [
    primaryKey("ActivityPartyId"),
    onDelete("Cascade", lookup("ActivityId", "phonecall", "phonecall_activity_parties")),
    onDelete(
      "Cascade",
      polymorphic("PartyId", "lookup", [
        ["account", "account_activity_parties"],
        ["contact", "contact_activity_parties"],
        ["lead", "lead_activity_parties"],
        ["systemuser", "system_user_activity_parties"],
      ]),
    ).filter((column) => column.logicalName !== "partyidtype"),
    entityName("PartyObjectTypeCode", READ_ONLY),
    text("AddressUsed", 200, READ_ONLY),
    choice(
      "ParticipationTypeMask",
      [
        [1, "Sender", "Absender"],
        [2, "To Recipient", "An"],
        [3, "CC Recipient", "Cc"],
        [4, "BCC Recipient", "Bcc"],
        [5, "Required attendee", "Erforderlicher Teilnehmer"],
        [6, "Optional attendee", "Optionaler Teilnehmer"],
        [7, "Organizer", "Organisator"],
        [8, "Regarding", "Bezug"],
        [9, "Owner", "Besitzer"],
      ],
      { required: "ApplicationRequired" },
    ),
  ],
});
