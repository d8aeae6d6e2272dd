import { SyncError } from "../../../src/core/errors.ts";

/** The error that something ends with; fails when it ends well, or when the error tells one of the secrets. */
export async function refusalOf(asking: Promise<unknown>, ...secrets: readonly string[]): Promise<SyncError> {
  const error = await asking.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SyncError)) throw new Error(`no SyncError: ${String(error)}`);
  const said = JSON.stringify([error.message, error.stack, error.problems, String(error.cause)]);
  const told = secrets.filter((secret) => said.includes(secret));
  if (told.length > 0) throw new Error(`a secret is in the error: ${said}`);
  return error;
}
