/** The text of a new backhaul.yml. Pure. */
import { type Meaning, USUAL, type Variables } from "./init-env.ts";

/** Warehouses that `init` can write beside the sample's own. */
export const WAREHOUSES = ["duckdb", "postgres", "snowflake"] as const;
export type WarehouseType = (typeof WAREHOUSES)[number];

export interface ProjectChoices {
  readonly name: string;
  /** Where the schema of project files lies, as the file's editor finds it. */
  readonly schema: string;
  /** A warehouse of the user's own, if it is not the sample's file alone. */
  readonly warehouse: WarehouseType;
  /** Address of a real organisation, written beside the sandbox. */
  readonly url: string | undefined;
  /** The manifest of the dbt project, relative to the folder. */
  readonly manifest: string | undefined;
  /** The DuckDB file that dbt builds, relative to the folder. */
  readonly dbtFile: string | undefined;
  /** What a `.env` has for it. */
  readonly variables: Variables;
  /** Name of the sample's model, and of its files. */
  readonly sample: string;
}

const nameOf = (what: Meaning, variables: Variables): string => variables[what] ?? USUAL[what];

const reference = (name: string): string => `"\${env:${name}}"`;

/** The variables that the written project names, whether they are there or not. */
export function namedVariables({ warehouse, url, variables }: ProjectChoices): string[] {
  const of = (...whats: Meaning[]): string[] => whats.map((what) => nameOf(what, variables));
  return [
    ...(warehouse === "postgres" ? of("database") : []),
    ...(warehouse === "snowflake" ? of("account", "user", "key") : []),
    ...(url === undefined && variables.url === undefined ? [] : of("tenant", "client_id", "client_secret")),
  ];
}

export function projectYml(choices: ProjectChoices): string {
  const { name, schema, manifest, sample } = choices;
  return `# yaml-language-server: $schema=${schema}
#
# A Backhaul project: this file, and the models below models/. Start with
#   backhaul check   config, connections and mapping against the live schema; writes nothing
#   backhaul plan    what a run would write; writes nothing
#   backhaul run     writes it
project: ${name} # state belongs to this name: renaming it starts from nothing

warehouses:
  # Where the models run. This DuckDB file is empty; the sample's query reads data/${sample}.csv.
  local: { type: duckdb, path: warehouse.duckdb }
${warehouseLines(choices)}
destinations:
  # Where changes go. \`sandbox\` is a Dataverse on this machine; it keeps its rows in .backhaul/sandbox.
  dynamics:
    type: dataverse
    url: sandbox
${destinationLines(choices)}${manifest === undefined ? "" : dbtLines(manifest)}
# Snapshots, journals and the history of runs; not for git. In the warehouse:  state: { type: warehouse }
state: { type: local, path: .backhaul }
`;
}

function warehouseLines({ warehouse, variables, dbtFile }: ProjectChoices): string {
  if (dbtFile !== undefined)
    return `  # The file that dbt builds; the catalog in dbt's names is its name.\n  dbt_file: { type: duckdb, path: ${JSON.stringify(dbtFile)} }\n`;
  const postgres = `pg: { type: postgres, url: ${reference(nameOf("database", variables))} }`;
  if (warehouse === "postgres")
    return `  # Say \`warehouse: pg\` in a model to run it there. GRANT SELECT is all it needs.\n  ${postgres}\n`;
  if (warehouse === "snowflake") {
    return `  # Say \`warehouse: snow\` in a model to run it there.
  snow:
    type: snowflake
    account: ${reference(nameOf("account", variables))}
    user: ${reference(nameOf("user", variables))}
    private_key: ${reference(nameOf("key", variables))} # or "\${file:/run/secrets/snowflake.p8}"
    role: SYNC
    warehouse: SYNC_XS
    database: PROD
`;
  }
  return `  # ${postgres}\n`;
}

function destinationLines({ url, variables }: ProjectChoices): string {
  const own = url ?? (variables.url === undefined ? undefined : reference(variables.url));
  const lines = [
    "production:",
    "  type: dataverse",
    `  url: ${own ?? "https://acme.crm4.dynamics.com"}`,
    "  auth:",
    "    type: client_secret",
    `    tenant: ${reference(nameOf("tenant", variables))}`,
    `    client_id: ${reference(nameOf("client_id", variables))}`,
    `    client_secret: ${reference(nameOf("client_secret", variables))}`,
  ];
  const intro =
    own === undefined
      ? "A real organisation looks like this. Secrets are references, never literals; `.env` here is read."
      : "The real organisation. Secrets are references, never literals; `.env` here is read.";
  return [`# ${intro}`, ...lines.map((line) => (own === undefined ? `# ${line}` : line))]
    .map((line) => `  ${line}\n`)
    .join("");
}

const dbtLines = (manifest: string): string => `
# \`dbt: NAME\` in a model names a model of dbt; its table is found here. dbt parse, run and build write the file.
dbt: { manifest: ${JSON.stringify(manifest)} }
`;

/** A model of dbt that waits for its syncs. */
export const dbtModelYml = (
  schema: string,
  model: DbtChoice,
): string => `# yaml-language-server: $schema=${schema}
#
# A model of dbt. \`backhaul map ${model.name} contact\` proposes a sync to paste below.
model: ${model.name}
warehouse: ${model.warehouse}
primary_key: ${model.key}${model.isGuess ? " # a guess: name the column that tells the rows apart" : ""}
dbt: ${model.ref}
syncs: []
`;

export interface DbtChoice {
  readonly name: string;
  readonly ref: string;
  readonly warehouse: "dbt_file" | "pg" | "snow";
  readonly database: string;
  readonly key: string;
  readonly isGuess: boolean;
}

export const gitignore = `# Backhaul: state holds keys and values of rows, plans hold rows.
.backhaul/
*.plan
.env
`;
