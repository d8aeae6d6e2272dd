// The reference pages of docs/ as Markdown, of schemas and data. Pure.

const MADE = (source) => `<!-- Made from ${source} by spec/generate.mjs: edit that, not this page. -->\n`;

const cell = (text) => String(text).replaceAll("|", "\\|").replaceAll("\n", " ");
const code = (value) => `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;

/** Every key of every file that a user writes. */
export function configPage(project, model, connectors) {
  const sections = [
    ["backhaul.yml", project],
    ...connectors.map((schema) => [schema.title, schema]),
    ["A model file", model],
  ];
  return [
    MADE("the schemas in spec/"),
    "# The config, key by key\n",
    "Editors complete and check these keys by the line `# yaml-language-server: $schema=…` that `backhaul init` writes.",
    "A key without a default and without *required* may be left out.\n",
    ...sections.flatMap(([title, schema]) => section(`## ${title}`, schema)),
  ].join("\n");
}

function section(head, schema) {
  const definitions = Object.entries(schema.$defs ?? {}).filter(([, definition]) => definition.properties);
  return [
    `${head}\n`,
    `${schema.description}\n`,
    ...table(schema),
    ...definitions.flatMap(([name, definition]) => [
      `### ${schema.title}: ${name}\n`,
      ...(definition.description ? [`${definition.description}\n`] : []),
      ...table(definition),
    ]),
  ];
}

function table({ properties = {}, required = [] }) {
  const rows = Object.entries(properties).map(([name, property]) => {
    const facts = [
      ...(required.includes(name) ? ["*required*"] : []),
      ...(property.enum ? [property.enum.map(code).join(", ")] : []),
      ...(property.const === undefined ? [] : [code(property.const)]),
      ...(property.default === undefined ? [] : [`default ${code(property.default)}`]),
    ];
    const example = property.examples?.[0];
    return `| \`${name}\` | ${cell(property.description ?? "")} | ${cell(facts.join("; "))} | ${example === undefined ? "" : cell(code(example))} |`;
  });
  return ["| key | what it is | takes | example |", "| --- | --- | --- | --- |", ...rows, ""];
}

/** Every stable code, and what to do; the service's own are read from the rules that sort them. */
export function errorsPage(errors, service, exits) {
  const families = new Map();
  for (const [name, entry] of Object.entries(errors)) {
    const family = name.split(".")[0];
    families.set(family, [...(families.get(family) ?? []), [name, entry]]);
  }
  const rules = [...service.matchAll(/^ {2}"(0x[0-9a-f]{8})": (\w+)\(\s*"([^"]+)"/gm)];
  const fates = {
    row: "the row is rejected",
    everyone: "the run ends (exit 3)",
    smaller: "sent in smaller parts",
    passing: "sent again",
    throttle: "waits as asked, then sent again",
  };
  return [
    MADE("spec/errors.json, spec/exits.json and connectors/dataverse/sender/problems.ts"),
    "# Errors, by code\n",
    "Every error has a code that does not change, a sentence, and a remedy. `--json` prints all of them as",
    '`{ "error": { "problems": [ { kind, code, message, remedy, place } ] } }`; a rejected row has the same keys.',
    "The exit code is that of the kind.\n",
    "## Exit codes\n",
    "| exit | kind | what it means | what to do |",
    "| --- | --- | --- | --- |",
    ...exits.map(
      ({ exit, kind, means, next }) =>
        `| ${exit} | ${kind === undefined ? "" : code(kind)} | ${cell(means)} | ${cell(next)} |`,
    ),
    "",
    "With several causes it is the first of 130, 70, 3, 2, 4, 5 and 1 that applies. `run --accept rejected` ends with 0 in place",
    "of 1; `plan` and `check --data` end with 1 and 4 as the run would. A signal that leaves no time ends a process with 137 or 143,",
    "and the next run settles what it left.\n",
    ...[...families].flatMap(([family, entries]) => [
      `## ${family}\n`,
      "| code | exit | what it means | what to do |",
      "| --- | --- | --- | --- |",
      ...entries.map(
        ([name, { exit, means, remedy }]) => `| \`${name}\` | ${exit} | ${cell(means)} | ${cell(remedy)} |`,
      ),
      "",
    ]),
    "## dataverse: codes of the service\n",
    "`dataverse.0x…` is the service's own code, `dataverse.http_…` a status without one. Those that Backhaul knows:\n",
    "| code | what the service says | what Backhaul does |",
    "| --- | --- | --- |",
    ...rules.map(
      ([, name, kind, text]) => `| \`dataverse.${name}\` | ${cell(text)} | ${fates[kind] ?? kind} |`,
    ),
    "",
  ].join("\n");
}
