/** An error of the user's or of the machine's: told in one line, without a stack. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
