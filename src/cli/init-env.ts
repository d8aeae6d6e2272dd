/** Which variables of a `.env` a new project means, by their names and by what their values look like. Pure. */

/** What a project is given by variables, and the usual name of each. */
export const USUAL = {
  url: "DATAVERSE_URL",
  tenant: "TENANT",
  client_id: "CLIENT_ID",
  client_secret: "CLIENT_SECRET",
  database: "DATABASE_URL",
  account: "SNOWFLAKE_ACCOUNT",
  user: "SNOWFLAKE_USER",
  key: "SNOWFLAKE_PRIVATE_KEY",
} as const;
export type Meaning = keyof typeof USUAL;

/** The name of the variable that is there for it. */
export type Variables = Partial<Readonly<Record<Meaning, string>>>;

interface Signs {
  readonly name?: RegExp;
  /** Names that are as good, where the value is of the kind. */
  readonly value?: RegExp;
  /** What the value cannot be, whatever the name. */
  readonly never?: RegExp;
}

const ORGANIZATION =
  /^https:\/\/[\w-]+(\.[\w-]+)*\.(dynamics\.(com|cn)|microsoftdynamics\.us|appsplatform\.us)\/?$/i;
const POSTGRES = /^postgres(ql)?:\/\//i;

const SIGNS: Readonly<Record<Meaning, Signs>> = {
  url: { value: ORGANIZATION },
  tenant: { name: /(^|_)(TENANT|TENANT_?ID|DIRECTORY_?ID)$/ },
  client_id: { name: /(^|_)(CLIENT|APP|APPLICATION)_?ID$/ },
  client_secret: { name: /(^|_)((CLIENT|APP|APPLICATION)_?SECRET|DATAVERSE_SECRET)$/ },
  database: {
    name: /(^|_)(DATABASE|POSTGRES|PG|DB)_?(URL|URI|DSN)$/,
    value: POSTGRES,
    never: /^(?!postgres)\w+:\/\//i,
  },
  account: { name: /^SNOWFLAKE_ACCOUNT$/ },
  user: { name: /^SNOWFLAKE_USER(NAME)?$/ },
  key: { name: /^SNOWFLAKE_(PRIVATE_)?KEY$/ },
};

/** Of several that would do, those that speak of Dynamics, then of Microsoft's directory, then the first. */
const NEARNESS = [/(^|_)(DATAVERSE|DYNAMICS|D365|CRM|DV|POWER)/, /(^|_)(AZURE|AAD|ENTRA|MS)_/, /./];

/** @param env names and values, as the file has them; no value leaves this function */
export function variablesOf(env: Readonly<Record<string, string | undefined>>): Variables {
  const found = Object.entries(SIGNS).flatMap(([meaning, { name, value, never }]) => {
    const those = (of: (entry: readonly [string, string]) => boolean): string[] =>
      Object.entries(env).flatMap(([key, text = ""]) =>
        !never?.test(text.trim()) && of([key.toUpperCase(), text.trim()]) ? [key] : [],
      );
    const byName = those(([key]) => name?.test(key) ?? false);
    const byValue = those(([, text]) => value?.test(text) ?? false);
    const both = byName.filter((key) => byValue.includes(key));
    const best = [both, byValue, byName].find((names) => names.length > 0) ?? [];
    const nearest = NEARNESS.flatMap((near) => best.filter((key) => near.test(key.toUpperCase())))[0];
    return nearest === undefined ? [] : [[meaning, nearest] as const];
  });
  return Object.fromEntries(found);
}
