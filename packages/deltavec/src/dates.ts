import { describe, invalid } from "./errors.ts";

/**
 * Returns the Unix milliseconds of a Date.
 *
 * @param timestamp - may be anything
 * @param name - what it is called in messages
 * @throws DeltaError INVALID_ARGUMENT
 */
export function toTime(timestamp: Date, name = "timestamp"): number {
  const time = timestamp instanceof Date ? timestamp.getTime() : Number.NaN;
  if (Number.isNaN(time)) {
    const what = timestamp instanceof Date ? "a Date without a time" : describe(timestamp);
    throw invalid(`${name} must be a Date, not ${what}`);
  }
  return time;
}

/** Returns the Date of Unix milliseconds, or null for a negative number. */
export function toDate(time: bigint): Date | null {
  return time < 0n ? null : new Date(Number(time));
}
