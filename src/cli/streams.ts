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

/** Whether what is left to write has nowhere to go. */
export const outputIsClosed = (): boolean => isClosed;
