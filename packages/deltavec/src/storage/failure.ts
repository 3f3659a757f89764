import { DeltaError } from "../errors.ts";

/** How platforms say that there is no more room: names of browsers' errors, codes of Node's. */
const NO_ROOM: readonly unknown[] = ["QuotaExceededError", "ENOSPC", "EDQUOT"];

/** What of an error tells its kind. */
interface Known {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
}

/** The code of one of Node's errors, such as `ENOENT`. */
export function codeOf(error: unknown): unknown {
  return (error as Known | null | undefined)?.code;
}

/** The name of one of a browser's errors, such as `InvalidStateError`. */
export function nameOf(error: unknown): unknown {
  return (error as Known | null | undefined)?.name;
}

/** Whether the platform has no more room. */
export function isFull(error: unknown): boolean {
  return NO_ROOM.includes(nameOf(error)) || NO_ROOM.includes(codeOf(error));
}

/**
 * Makes the DeltaError that a platform's error is told by; a DeltaError stays what it is.
 *
 * @param what - what was tried, such as `file:notes: log-1 cannot be written`
 */
export function failure(what: string, cause: unknown): DeltaError {
  if (cause instanceof DeltaError) {
    return cause;
  }
  if (isFull(cause)) {
    return new DeltaError("QUOTA_EXCEEDED", `${what}: there is no more room`, { cause });
  }
  const message = (cause as Known | null | undefined)?.message;
  const why = message === undefined || message === "" ? nameOf(cause) : message;
  return new DeltaError("STORAGE_FAILED", `${what}: ${String(why)}`, { cause });
}

/**
 * Checks that a write leaves no gap: one would tell that the file is not the one it was, which somebody may have removed.
 *
 * @throws DeltaError STORAGE_FAILED
 */
export function requireNoGap(what: string, size: number, at: number): void {
  if (at > size) {
    throw new DeltaError(
      "STORAGE_FAILED",
      `${what} has ${size} bytes and cannot be written at ${at}`,
    );
  }
}
