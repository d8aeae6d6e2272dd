// Made from spec/model.schema.json by spec/generate.mjs: edit that file, not this one.
// Describes the config after its defaults have been filled in.

/**
 * A model: a query with a primary key, and the syncs that start from it.
 */
export interface ModelFile {
  /**
   * Name of the model, unique in the project.
   */
  model: string;
  /**
   * The warehouse that the model runs in; may be left out when the project has one.
   */
  warehouse?: string;
  /**
   * The column, or the list of columns, that tells the rows of the model apart.
   */
  primary_key: string | string[];
  /**
   * The file of the query, relative to the model's file.
   */
  sql?: string;
  /**
   * A table or view instead of a query, as it is written in SQL.
   */
  table?: string;
  /**
   * A model, seed or snapshot of a dbt project instead of a query: its name, or package.name; the table is found in dbt's manifest.json.
   */
  dbt?: string;
  /**
   * The IANA time zone of timestamps that carry none; columns that hold a day, or a time of no zone, take what its clocks showed.
   */
  timezone: string;
  /**
   * What the model is written to.
   */
  syncs: Sync[];
}
/**
 * One model into one object or audience, in one mode, with one mapping.
 */
export interface Sync {
  /**
   * Name of the sync, unique in the project; state belongs to it.
   */
  sync: string;
  /**
   * The name the sync had before, so that its state is kept.
   */
  renamed_from?: string;
  /**
   * The destination, by its name in backhaul.yml.
   */
  destination: string;
  /**
   * The table of the destination, by logical name, entity set name or display name.
   */
  object?: string;
  audience?: Audience;
  associate?: Associate;
  /**
   * What rows that are added, changed or removed do to records: insert, update, upsert or mirror for an object; add, remove, mirror or upsert for an audience; add or mirror for associations.
   */
  mode: "insert" | "update" | "upsert" | "mirror" | "add" | "remove";
  /**
   * How a row finds its record: fields of the destination, each with the column that holds its value.
   */
  match?: {
    [k: string]: string;
  };
  /**
   * What becomes of the only match when it is inactive: it is written as it is, made active, or ignored, so that the row makes a new record; where the match is an alternate key, which the inactive record keeps, the row is rejected then.
   */
  match_inactive: "use" | "ignore" | "reactivate";
  /**
   * What becomes of a row whose match, by columns that are no key, finds several records: it is rejected with their ids, it is written to the one that was created first, or to all of them; active records come before inactive ones, and with all no id is remembered: the records that hold the value are looked up at every change of the row, and none is ever removed.
   */
  on_many: "reject" | "first_created" | "all";
  /**
   * The mapping: fields of the destination, each with a column, or with a mapping that says more.
   */
  fields?: {
    [k: string]: string | Field;
  };
  /**
   * What becomes of a record whose row is gone; upsert keeps it unless told otherwise, mirror deletes it or, in an audience, removes the member.
   */
  on_removed?: "keep" | "deactivate" | "delete" | "remove_member";
  /**
   * What an update does with a row that has no record.
   */
  on_missing: "reject" | "skip";
  /**
   * Which members a mirror takes off its list: those that the sync has added or met, or all that the model does not name.
   */
  scope: "managed" | "all";
  /**
   * Allows another sync, which must say so too, to write the same fields of the same object.
   */
  shared: boolean;
  /**
   * Reads the matching records before the first write, so that values that are already right are not written again.
   */
  adopt: boolean;
  /**
   * Who gives new records their ids: Backhaul, so that a repeated create is harmless, or the server.
   */
  ids: "own" | "server";
  guard?: Guard;
  schedule?: Schedule;
  options?: Options;
}
/**
 * A marketing list or a segment of the destination, or several of them, and what its members are.
 */
export interface Audience {
  /**
   * The marketing list, by its name or its id; or a mapping, for a list that another field finds, or one list for each value of a column.
   */
  list?: string | AudienceName;
  /**
   * The static segment of Customer Insights - Journeys, by its name or its id; or one segment for each value of a column.
   */
  segment?: string | AudienceName;
  /**
   * The object that the members are: account, contact or lead; of a segment contact or lead.
   */
  member: string;
  /**
   * Makes the list when there is none of that name, and, of several lists, makes those inactive that it made and that have no row any more.
   */
  create: boolean;
  /**
   * What becomes of a row whose record is not there: it is rejected, or passed over until the record comes.
   */
  when_missing: "reject" | "skip";
}
/**
 * What names the list: a value or a column of the model, and the field of the list that holds it.
 */
export interface AudienceName {
  /**
   * The same list for every row.
   */
  value?: string;
  /**
   * The column of the model that names the list, row by row.
   */
  column?: string;
  /**
   * The field of the list that holds the value; left out, its name or its id.
   */
  by?: string;
}
/**
 * A many-to-many relationship, and how the two records of a row are found.
 */
export interface Associate {
  /**
   * The relationship, by its schema name.
   */
  relationship: string;
  from: AssociateEnd;
  to: AssociateEnd;
  /**
   * What becomes of a row of which a record is not there: it is rejected, or left alone until the record is there.
   */
  when_missing: "reject" | "skip";
}
/**
 * How one record of an association is found.
 */
export interface AssociateEnd {
  /**
   * The table of the record, by logical name, entity set name or display name.
   */
  object: string;
  /**
   * The field that finds the record: its id, a key, or any other.
   */
  by: string;
  /**
   * The column of the model that holds the value.
   */
  column: string;
}
/**
 * Where a field's value comes from, and when it is written.
 */
export interface Field {
  /**
   * The column of the model that holds the value.
   */
  column?: string;
  /**
   * The same value for every row.
   */
  value?: string | number | boolean | null;
  /**
   * A Liquid template over the columns of the row.
   */
  template?: string;
  /**
   * What a null does: it clears the field, or leaves it as it is.
   */
  when_null: "clear" | "skip";
  /**
   * When the field is written: always, only when the record is created, or only while it is empty.
   */
  write: "always" | "create" | "if_empty";
  /**
   * Of a file column: the column of the model that holds the file's name; left out, files are called after the column.
   */
  file_name?: string;
  /**
   * Cuts text that is too long for the field instead of rejecting the row.
   */
  truncate: boolean;
  lookup?: Lookup;
}
/**
 * How a value finds the record it names.
 */
export interface Lookup {
  /**
   * The object that is looked in, or the column that names it row by row.
   */
  object: string | ObjectOfRow;
  /**
   * The field which holds the value; of one object also several fields, such as those of an alternate key, each with the column of the model that holds its value: the field then has no column of its own; where a column names the object, one field for each object.
   */
  by: string | FieldsOfALookup;
  /**
   * What happens when no record holds the value: the row is rejected, the field is left out and stays owed, it is cleared, or a record is made that has the value, and its name, and nothing else: one for each value, whoever asks and however often.
   */
  when_missing: "reject" | "skip" | "clear" | "create";
}
/**
 * A column that names the object, row by row.
 */
export interface ObjectOfRow {
  /**
   * The column that holds the object's name.
   */
  column: string;
}
/**
 * The fields that find the record, each with its column; or the field of each object that a column may name.
 */
export interface FieldsOfALookup {
  [k: string]: string;
}
/**
 * Limits beyond which a run stops before it writes anything.
 */
export interface Guard {
  removed: Limit;
  changed?: Limit;
}
/**
 * A limit that is passed when both the share and the count are.
 */
export interface Limit {
  /**
   * Share of the rows of the snapshot.
   */
  share: string;
  /**
   * Count of rows.
   */
  rows: number;
}
/**
 * When a sync runs by itself: at times, or after other syncs.
 */
export interface Schedule {
  /**
   * Minute, hour, day of the month, month and day of the week.
   */
  cron?: string;
  /**
   * Runs when each of these syncs has ended well since the last time; rejected rows do not hold it up.
   *
   * @minItems 1
   */
  after?: string[];
  /**
   * The IANA time zone that the times are in; left out, what backhaul.yml says, else UTC.
   */
  timezone?: string;
  /**
   * Spreads the starts over this long after their time, for each start by an offset of its own that every machine works out alike.
   */
  jitter?: string;
  /**
   * Hours in which no run starts; what falls into them is caught up at their end, as catch_up says.
   *
   * @minItems 1
   */
  quiet?: string[];
  /**
   * How late a start may be made up for, once however many were missed: always, never (a minute), or up to a time.
   */
  catch_up?: string;
}
/**
 * How the destination treats the writes of a sync.
 */
export interface Options {
  /**
   * Custom business logic that does not run for these writes: plug-ins and workflows, synchronous or not; needs the privilege prvBypassCustomBusinessLogic.
   */
  bypass_logic: ("sync" | "async")[];
  /**
   * Keeps synchronous custom plug-ins from running, by the older form of bypass_logic: true where the user holds prvBypassCustomPlugins alone.
   */
  bypass_plugins: boolean;
  /**
   * Keeps cloud flows from being started by these writes; needs no privilege.
   */
  bypass_flows: boolean;
  /**
   * Applies the organisation's rules against duplicates to these writes.
   */
  detect_duplicates: boolean;
  /**
   * The Microsoft Entra object id of the user on whose behalf is written; needs the privilege prvActOnBehalfOfAnotherUser.
   */
  impersonate?: string;
  /**
   * A text that plug-ins find in the shared variables of the request.
   */
  tag?: string;
  /**
   * The unique name of an unmanaged solution that new records join, where the table's records are components of solutions.
   */
  solution?: string;
}
