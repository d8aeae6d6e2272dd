/** Dates and moments as Dataverse reads and keeps them (page: behavior-format-date-time-attribute). */

const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const MOMENT = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,7}))?)?(Z|[+-]\d\d:\d\d)?)?$/;
const MONTHS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const LATEST = Date.UTC(9999, 11, 30, 23, 59, 59);

const validDay = (year: number, month: number, day: number): boolean =>
  month >= 1 &&
  month <= 12 &&
  day >= 1 &&
  day <= (MONTHS[month - 1] ?? 0) &&
  (month !== 2 || day < 29 || (year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)));

export type Parsed = { readonly value: string } | "malformed" | "out of range";

const two = (text: string, at: number): number => {
  const ten = text.charCodeAt(at) - 48;
  const one = text.charCodeAt(at + 1) - 48;
  return ten >= 0 && ten <= 9 && one >= 0 && one <= 9 ? ten * 10 + one : Number.NaN;
};

/** A day as nearly all are: of this and the last centuries, with 28 days in any month. Others take the long way. */
function isPlainDay(text: string): boolean {
  const century = two(text, 0);
  const month = two(text, 5);
  const day = two(text, 8);
  return (
    (century === 19 || century === 20) &&
    two(text, 2) >= 0 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= 28 &&
    text.charCodeAt(4) === 45 &&
    text.charCodeAt(7) === 45
  );
}

/** `YYYY-MM-DD`: as it is kept. */
export const isPlainDate = (text: string): boolean => text.length === 10 && isPlainDay(text);

/** Years whose seconds fit into a small integer when all months have 31 days, and what is counted from. */
const PACKED = { first: 1940, zero: 2000, end: 2060 };

let lastText = "";
let lastPacked: number | undefined;

/**
 * `YYYY-MM-DDTHH:MM:SSZ` as one number, for those who keep many; undefined for all other texts and far years. A moment
 * is checked, compared and kept in a row.
 */
export function packMoment(text: string): number | undefined {
  if (text !== lastText) {
    lastPacked = pack(text);
    lastText = text;
  }
  return lastPacked;
}

function pack(text: string): number | undefined {
  if (text.length !== 20) return undefined;
  const year = two(text, 0) * 100 + two(text, 2);
  const month = two(text, 5);
  const day = two(text, 8);
  const [hour, minute, second] = [two(text, 11), two(text, 14), two(text, 17)];
  const isSound =
    year >= PACKED.first &&
    year < PACKED.end &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= 31 &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59 &&
    text.charCodeAt(4) === 45 &&
    text.charCodeAt(7) === 45 &&
    text.charCodeAt(10) === 84 &&
    text.charCodeAt(13) === 58 &&
    text.charCodeAt(16) === 58 &&
    text.charCodeAt(19) === 90;
  if (!isSound) return undefined;
  const days = ((year - PACKED.zero) * 12 + month - 1) * 31 + day - 1;
  return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

/** A moment as nearly all are, as it is kept; 28 days are in any month. */
export const isPlainMoment = (text: string): boolean => packMoment(text) !== undefined && two(text, 8) <= 28;

const padded = (value: number): string => (value < 10 ? `0${value}` : String(value));

export function unpackMoment(packed: number): string {
  const days = Math.floor(packed / 86_400);
  const second = packed - days * 86_400;
  const months = Math.floor(days / 31);
  const year = Math.floor(months / 12);
  const day = `${year + PACKED.zero}-${padded(months - year * 12 + 1)}-${padded(days - months * 31 + 1)}`;
  const minute = Math.floor(second / 60);
  return `${day}T${padded(Math.floor(minute / 60))}:${padded(minute % 60)}:${padded(second % 60)}Z`;
}

/** `YYYY-MM-DD` only. */
export function parseDate(text: string): Parsed {
  if (isPlainDate(text)) return { value: text };
  const match = DATE.exec(text);
  if (!match || !validDay(Number(match[1]), Number(match[2]), Number(match[3]))) return "malformed";
  return text < "1753-01-01" || text > "9999-12-30" ? "out of range" : { value: text };
}

/**
 * A moment, given back in UTC with `Z`. Without an offset the text is UTC; a date alone is its midnight.
 * @param keepOffset digits stay as written (TimeZoneIndependent)
 */
export function parseMoment(text: string, dropFraction: boolean, keepDigits: boolean): Parsed {
  if (isPlainMoment(text)) return { value: text };
  const match = MOMENT.exec(text);
  if (!match) return "malformed";
  const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", zone = "Z"] = match;
  if (!validDay(Number(year), Number(month), Number(day))) return "malformed";
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return "malformed";
  const digits = dropFraction ? "" : fraction.replace(/0+$/, "");
  const tail = digits ? `.${digits}Z` : "Z";
  if (zone === "Z" || keepDigits) {
    if (year! < "1753" || (year === "9999" && month === "12" && day === "31")) return "out of range";
    return { value: `${year}-${month}-${day}T${hour}:${minute}:${second}${tail}` };
  }
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  if (minutes > 14 * 60) return "malformed";
  const local = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  const utc = local - (zone.startsWith("-") ? -minutes : minutes) * 60_000;
  if (Number(year) < 1753 || utc < Date.UTC(1753, 0, 1) || utc > LATEST) return "out of range";
  return { value: new Date(utc).toISOString().slice(0, 19) + tail };
}

let lastSecond = Number.NaN;
let lastMoment = "";

/** The moment as rows keep it: a thousand rows of one request share it. */
export function moment(date: Date): string {
  const second = Math.floor(date.getTime() / 1000);
  if (second !== lastSecond) {
    lastSecond = second;
    lastMoment = `${date.toISOString().slice(0, 19)}Z`;
  }
  return lastMoment;
}
