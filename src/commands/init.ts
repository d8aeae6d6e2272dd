import { createInterface } from "node:readline/promises";
import { Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import { WAREHOUSES, type WarehouseType } from "../cli/init-project.ts";
import type { Choices, Surroundings, Written } from "../cli/init-write.ts";
import { painter } from "../cli/render.ts";
import { fail } from "../core/errors.ts";

export interface InitResult extends Written {
  readonly name: string;
  /** Commands to go on with. */
  readonly next: readonly string[];
}

const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;

export default class Init extends BaseCommand {
  static override summary = "Write a project that works at once, on a Dataverse on this machine.";
  static override description =
    "Writes backhaul.yml, a model with its query and its data, and a .gitignore into the folder; a file that is there stays as it is. Asks a few questions on a terminal, and none elsewhere or with --yes. In a dbt project it writes into the folder backhaul/ and names dbt's manifest, so that a model may say `dbt: NAME`; the variables of a .env are taken over by name, those of an organisation and of a database by what they look like.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --project crm --yes",
    "<%= config.bin %> <%= command.id %> --name acme --warehouse postgres --url https://acme.crm4.dynamics.com",
  ];
  static override flags = {
    name: Flags.string({ summary: "Name of the project; the folder's, unless given." }),
    warehouse: Flags.option({
      options: WAREHOUSES,
      summary: "Warehouse of your own, written beside the sample's DuckDB file.",
    })(),
    url: Flags.string({ summary: "Address of a real organisation, written beside the sandbox." }),
    yes: Flags.boolean({ char: "y", summary: "Ask nothing." }),
  };

  async run(): Promise<InitResult> {
    const { flags } = await this.parse(Init);
    const { look, writeProject } = await import("../cli/init-write.ts");
    const around = look(flags.project);
    const { name, warehouse, url } = flags;
    const asks = process.stdin.isTTY && process.stdout.isTTY && !flags.yes && !this.jsonEnabled();
    const choices = asks ? await this.ask(around, { name, warehouse, url }) : { name, warehouse, url };
    const whole = { name: around.name, ...given(choices) };
    requireUsable(whole);
    const written = await writeProject(
      around,
      { warehouse: "duckdb", url: undefined, ...whole },
      process.env,
    );
    const at = written.folder === process.cwd() ? "" : ` --project ${await pathTo(written.folder)}`;
    const next = ["check", "plan", "run"].map((verb) => `backhaul ${verb}${at}`);
    this.show(written, next);
    return { ...written, name: whole.name, next };
  }

  private show({ folder, created, kept, dbt, missing }: Written, next: readonly string[]): void {
    const paint = painter(process.stdout);
    this.log(`A project in ${folder}:`);
    for (const file of created) this.log(paint("green", `  + ${file}`));
    for (const file of kept) this.log(`  = ${file} was there and stays as it is`);
    if (kept.includes(".gitignore"))
      this.log("    let it ignore .backhaul/, *.plan and .env: they hold keys, rows and secrets");
    if (dbt) {
      const models = dbt.models.length > 0 ? `; models to start from: ${dbt.models.join(", ")}` : "";
      this.log(
        dbt.found
          ? `  dbt: ${dbt.manifest}${models}`
          : `  dbt: ${dbt.manifest} is not there yet; \`dbt parse\` writes it`,
      );
    }
    if (missing.length > 0)
      this.log(paint("yellow", `  not set yet, in the environment or in .env: ${missing.join(", ")}`));
    this.log("\nNext:");
    for (const command of next) this.log(`  ${paint("bold", command)}`);
  }

  private async ask(around: Surroundings, flags: Partial<Loose>): Promise<Loose> {
    const reader = createInterface({ input: process.stdin, output: process.stdout });
    // What is no answer is said, and asked again; what flags say is looked at with them all.
    const question = async (
      key: keyof Choices,
      text: string,
      known: string | undefined,
      otherwise: string,
    ): Promise<string> => {
      if (known !== undefined) return known;
      for (;;) {
        const typed = (await reader.question(`${text} [${otherwise}] `, { signal: this.signal })).trim();
        if (typed === "" || typed === otherwise) return otherwise;
        const wrong = mistakeIn({ [key]: typed });
        if (wrong === undefined) return typed;
        this.log(`${wrong.message} ${wrong.remedy}`);
      }
    };
    try {
      const name = await question("name", "Name of the project", flags.name, around.name);
      const kind = await question(
        "warehouse",
        `Your warehouse (${WAREHOUSES.join(", ")})`,
        flags.warehouse,
        WAREHOUSES[0],
      );
      const { url: variable } = around.variables;
      const none = variable === undefined ? "none yet" : `${variable} of .env`;
      const url = await question(
        "url",
        "Address of your organisation, beside the sandbox (https://…)",
        flags.url,
        none,
      );
      return { name, warehouse: kind as WarehouseType, url: url === none ? undefined : url };
    } finally {
      reader.close();
    }
  }
}

type Loose = { readonly [K in keyof Choices]: Choices[K] | undefined };

const given = (choices: Loose): Partial<Choices> =>
  Object.fromEntries(Object.entries(choices).filter(([, value]) => value !== undefined));

function requireUsable(choices: Partial<Choices>): void {
  const wrong = mistakeIn(choices);
  if (wrong !== undefined) throw fail.config("cli.usage", wrong.message, wrong.remedy);
}

/** The first choice that cannot be meant, and what can. */
function mistakeIn({
  name,
  warehouse,
  url,
}: { readonly [K in keyof Choices]?: string | undefined }): { message: string; remedy: string } | undefined {
  if (name !== undefined && !NAME.test(name)) {
    return {
      message: `"${name}" cannot be the name of a project.`,
      remedy: "Write at most 63 letters, digits, _ and -, the first one a letter.",
    };
  }
  if (warehouse !== undefined && !WAREHOUSES.some((known) => known === warehouse)) {
    return {
      message: `There is no warehouse "${warehouse}".`,
      remedy: `There are ${WAREHOUSES.join(", ")}.`,
    };
  }
  if (url !== undefined && !/^https:\/\/[^\s/?#@"']+\/?$/.test(url)) {
    return {
      message: `"${url}" is no address of an organisation.`,
      remedy: "Write it as in the browser: https://acme.crm4.dynamics.com",
    };
  }
  return undefined;
}

/** As the user would write it from where the command runs. */
async function pathTo(folder: string): Promise<string> {
  const { relative } = await import("node:path");
  const near = relative(process.cwd(), folder);
  const path = near.length < folder.length ? near : folder;
  return /[^\w@%+=:,./-]/.test(path) ? `'${path.replaceAll("'", "'\\''")}'` : path;
}
