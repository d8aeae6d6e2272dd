/** oclif's help, with what no command can say by itself: the exit codes. */
import { Help } from "@oclif/core/help";
import exits from "../../spec/exits.json" with { type: "json" };

export default class BackhaulHelp extends Help {
  protected override async showRootHelp(): Promise<void> {
    await super.showRootHelp();
    const rows = exits.map(({ exit, means }): [string, string] => [String(exit), means]);
    const list = this.renderList(rows, { spacer: "\n", indentation: 2 });
    this.log(this.section("EXIT CODES", list));
  }
}
