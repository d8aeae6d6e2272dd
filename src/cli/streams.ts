/** What happens when nobody reads the output any more (`backhaul run | head -1`) or it cannot be written (a full disk). */

let isClosed = false;

/**
 * A run goes on without its output, and its exit code says how it ended. oclif's own listener, which throws for all
 * but a closed stdout, goes.
 */
export function outliveOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners("error");
    stream.on("error", () => {
      isClosed = true;
    });
  }
}

/** Waits until stdout has what was written to it, or will not take it. */
export function outputWritten(): Promise<void> {
  const { stdout } = process;
  if (isClosed || stdout.errored || stdout.destroyed) return Promise.resolve();
  return new Promise((done) => {
    stdout.once("error", () => done());
    stdout.write("", () => done());
  });
}

/** How long what is left may take once a command has ended, in milliseconds. */
const GRACE_MS = 500;

/**
 * Ends the process though something still holds it, such as the connection to a collector of traces that answers without an
 * end; a process that nothing holds ends before that.
 */
export function endSoon(): void {
  setTimeout(() => process.exit(), GRACE_MS).unref();
}
