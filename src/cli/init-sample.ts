/** The data and the query that a new project starts with: small enough to read, real enough to break. */

const CUSTOMERS = [
  "customer_id,first_name,last_name,email,job_title,channel,score,newsletter",
  "C-001,Amelia,Okafor,amelia.okafor@example.com,Head of Purchasing,Email,81.5,true",
  "C-002,Benedikt,Sørensen,benedikt@example.com,Plant Manager,Phone,64.25,false",
  "C-003,Chiara,Conti,chiara.conti@example.com,Buyer,Email,12.75,true",
  "C-004,Dmitri,Petrov,dmitri@example.com,,Any,0,false",
  "C-005,Emeka,Nwosu,emeka.nwosu@example.com,Chief Engineer,Phone,97,true",
  "C-006,Freya,Lindqvist,freya@example.com,Buyer,Email,33.5,true",
  "C-007,Goran,Kovač,goran.kovac@example.com,Warehouse Lead,Phone,45,false",
  "C-008,Hana,Sato,hana.sato@example.com,Quality Manager,Email,72.125,true",
  "C-009,Ines,Moreau,ines@example.com,Buyer,Any,5.5,false",
  "C-010,Jonas,Weber,jonas.weber@example.com,Managing Director,Phone,88,true",
];

export const sampleCsv = `${CUSTOMERS.join("\n")}\n`;

/** @param name of the model and of its files */
export const sampleSql = (
  name: string,
): string => `-- One row per customer: what the CRM should know about each of them.
-- Any SELECT that the warehouse takes is a model. This one reads a file, so that you can change a row with an
-- editor and see what \`backhaul plan\` says; yours will read tables.
SELECT
  customer_id,
  first_name,
  last_name,
  email,
  job_title,
  channel,
  CAST(score AS DECIMAL(9, 4)) AS score,
  NOT CAST(newsletter AS BOOLEAN) AS no_newsletter
FROM read_csv('data/${name}.csv', all_varchar = true)
`;

/**
 * @param name of the model, of its files and of its sync
 * @param schema where the schema of model files lies, as the file's editor finds it
 */
export const sampleYml = (name: string, schema: string): string => `# yaml-language-server: $schema=${schema}
#
# A model: a query, the key that tells its rows apart, and the syncs that start from it.
model: ${name}
warehouse: local
primary_key: customer_id # one column, or a list; null and double keys are rejected, and only they
sql: ${name}.sql # beside this file; or  table: analytics.customers ; or  dbt: customers

syncs:
  - sync: ${name} # state belongs to this name
    destination: dynamics
    object: contact # logical name, entity set or display name; \`backhaul schema\` lists them
    mode: upsert # insert | update | upsert | mirror
    # How a row finds its record: an alternate key of the table, its primary id, or any columns.
    match: { new_customerid: customer_id }
    fields:
      # field of the CRM: column of the model. \`backhaul schema contact\` shows what each field takes,
      # \`backhaul map ${name} contact\` proposes these lines.
      firstname: first_name
      lastname: last_name
      emailaddress1: email
      jobtitle: { column: job_title, when_null: skip } # a null clears the field unless it says skip
      preferredcontactmethodcode: channel # a choice, by its label or by its number
      new_score: score # exact: no decimal passes through a binary float
      donotbulkemail: no_newsletter
      leadsourcecode: { value: 1 } # a constant
      # A parent, found by its own number; its sync runs first:
      # parentcustomerid: { column: account_number, lookup: { object: account, by: accountnumber } }
    on_removed: keep # what becomes of the record when its row leaves the model: keep | deactivate | delete
    # A run that would remove more than this stops before it writes anything:
    # guard: { removed: { share: 10%, rows: 50 } }
`;
