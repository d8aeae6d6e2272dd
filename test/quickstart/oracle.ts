/**
 * What the CRM has to hold, worked out from the models' SQL results alone: an oracle that shares no code with
 * Backhaul. A record is its fields by name, each as the text that the Web API's JSON would hold.
 */

/** A row of a model's result: DuckDB's own JSON, exact numbers as texts. */
export type ModelRow = Readonly<Record<string, string | number | boolean | null>>;
export type Expected = Readonly<Record<string, string>>;

type Value = ModelRow[string] | undefined;

const text = (value: Value): string => (value === null || value === "" ? "null" : JSON.stringify(value));
const plain = (value: Value): string => String(value);
/** `12.50` is `12.5`, `3.00` is `3`. */
const exact = (value: Value): string =>
  value === null
    ? "null"
    : String(value)
        .replace(/(\.\d*?)0+$/, "$1")
        .replace(/\.$/, "");
/** To the second, in UTC. */
const moment = (value: Value): string =>
  value === null ? "null" : `"${String(value).slice(0, 19).replace(" ", "T")}Z"`;

function choice(labels: Readonly<Record<string, number>>): (value: Value) => string {
  return (value) => {
    const label = String(value ?? "")
      .trim()
      .toLowerCase();
    return label === "" ? "null" : String(labels[label]);
  };
}

const industry = choice({
  accounting: 1,
  "business services": 6,
  consulting: 7,
  beratung: 7,
  "durable manufacturing": 12,
  financial: 16,
  finanzwesen: 16,
  insurance: 20,
  "service retail": 25,
  transportation: 30,
  transport: 30,
  wholesale: 33,
  großhandel: 33,
});
const category = choice({ "preferred customer": 1, standard: 2 });
const channel = choice({ any: 1, email: 2, "e-mail": 2, phone: 3, telefon: 3, fax: 4, mail: 5, post: 5 });
const tier = choice({ bronze: 100000000, silver: 100000001, gold: 100000002 });

export function expectedAccount(row: ModelRow): Expected {
  return {
    accountnumber: text(row.account_number),
    name: text(row.name),
    telephone1: text(row.phone),
    websiteurl: text(row.website),
    description: text(row.notes),
    industrycode: industry(row.industry),
    paymenttermscode: plain(row.payment_terms),
    accountcategorycode: category(row.category),
    numberofemployees: plain(row.employees),
    creditlimit: exact(row.credit_limit),
    revenue: exact(row.revenue),
    creditonhold: plain(row.on_hold),
    lastonholdtime: moment(row.on_hold_since),
    address1_city: text(row.city),
    address1_latitude: plain(row.latitude),
    customertypecode: "3",
  };
}

/**
 * @param mobile the last number that was not null: the mapping skips nulls
 * @param parents ids of accounts by number, in small letters and without spaces at the end
 */
export function expectedContact(
  row: ModelRow,
  mobile: Value,
  parents: ReadonlyMap<string, string>,
): Expected {
  const account = row.account_number === null ? null : String(row.account_number).trimEnd().toLowerCase();
  return {
    new_customerid: text(row.person_id),
    firstname: text(row.first_name),
    lastname: text(row.last_name),
    jobtitle: text(row.title),
    emailaddress1: text(row.email),
    mobilephone: text(mobile),
    description: text(row.notes),
    birthdate: text(row.birth_date),
    preferredcontactmethodcode: channel(row.channel),
    donotbulkemail: plain(row.no_newsletter),
    new_score: exact(row.score),
    new_engagement: plain(row.engagement),
    new_lastpurchaseon: moment(row.last_purchase),
    new_tier: tier(row.tier),
    new_lifetimepoints: plain(row.lifetime_points),
    _parentcustomerid_value: account === null ? "null" : `"${parents.get(account)}"`,
    leadsourcecode: "1",
  };
}
