/**
 * Stable code of a {@link DeltaError}.
 *
 * - `INVALID_ARGUMENT`: an argument has the wrong type, shape or range; the message names it.
 * - `DIMENSION_MISMATCH`: a vector or query does not have the database's number of values.
 * - `NOT_FINITE`: a value is NaN or infinite, or would become so.
 * - `VECTOR_NOT_FOUND`: a delta changes or deletes a vector that does not exist.
 * - `VECTOR_EXISTS`: a `create` names a vector that exists.
 * - `OUT_OF_ORDER`: a given timestamp lies before the vector's newest delta.
 * - `CAPACITY_EXCEEDED`: `maxVectors` vectors exist already.
 * - `OUT_OF_MEMORY`: the platform refuses more memory.
 * - `BUFFER_FULL`: a fixed buffer has no room for the delta.
 * - `HISTORY_COMPACTED`: the time asked for lies before what is kept.
 * - `CORRUPT_DATA`: bytes are not what they should be.
 * - `UNSUPPORTED_VERSION`: bytes or a module come from a release that this one does not know.
 * - `CLOSED`: the database was closed, refuses work after an internal fault, or `init` was not awaited.
 * - `UNSUPPORTED_PLATFORM`: the engine, or the page's security policy, lacks something deltavec needs.
 * - `DISCONNECTED`: a connection that deltas come by failed or was lost, and could not be made again.
 * - `REFUSED`: a server does not take what it is sent, or does not let this one in; the message has the server's own code.
 * - `STORAGE_FAILED`: the storage of a durable database cannot be read or written; `cause` says why.
 * - `QUOTA_EXCEEDED`: the platform gives the storage no more room.
 * - `LOCKED`: another process or tab has the storage open.
 * - `INTERRUPTED`: the tab that did the work went away meanwhile; whether the call took effect is not known.
 */
export type DeltaErrorCode =
  | "INVALID_ARGUMENT"
  | "DIMENSION_MISMATCH"
  | "NOT_FINITE"
  | "VECTOR_NOT_FOUND"
  | "VECTOR_EXISTS"
  | "OUT_OF_ORDER"
  | "CAPACITY_EXCEEDED"
  | "OUT_OF_MEMORY"
  | "BUFFER_FULL"
  | "HISTORY_COMPACTED"
  | "CORRUPT_DATA"
  | "UNSUPPORTED_VERSION"
  | "CLOSED"
  | "UNSUPPORTED_PLATFORM"
  | "DISCONNECTED"
  | "REFUSED"
  | "STORAGE_FAILED"
  | "QUOTA_EXCEEDED"
  | "LOCKED"
  | "INTERRUPTED";

/** What a {@link DeltaError} may carry besides code and message. */
export interface DeltaErrorDetails {
  /** Position of the offending delta in its batch, from 0. */
  readonly index?: number;
  /** The error behind this one. */
  readonly cause?: unknown;
}

/**
 * The one error that deltavec throws. Its {@link DeltaError.code} is stable; its message names the offending thing.
 * After it the database is as it was before the call.
 */
export class DeltaError extends Error {
  /** @internal Whatever minifying makes of it. */
  static override readonly name = "DeltaError";
  override readonly name = "DeltaError";
  /** What kind of error this is. */
  readonly code: DeltaErrorCode;
  /** Position of the offending delta in the batch given to `applyDeltas`, from 0; absent elsewhere. */
  declare readonly index?: number;

  /**
   * @param code - what kind of error
   * @param message - what is wrong, naming the thing
   * @param details - index in a batch, cause
   */
  constructor(code: DeltaErrorCode, message: string, details: DeltaErrorDetails = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.code = code;
    if (details.index !== undefined) {
      this.index = details.index;
    }
  }
}

/** Codes by the number that the module returns, negated. */
const BY_NUMBER: readonly DeltaErrorCode[] = [
  "INVALID_ARGUMENT",
  "DIMENSION_MISMATCH",
  "NOT_FINITE",
  "VECTOR_NOT_FOUND",
  "VECTOR_EXISTS",
  "OUT_OF_ORDER",
  "CAPACITY_EXCEEDED",
  "OUT_OF_MEMORY",
  "BUFFER_FULL",
  "HISTORY_COMPACTED",
  "CORRUPT_DATA",
  "UNSUPPORTED_VERSION",
  "CLOSED",
  "UNSUPPORTED_PLATFORM",
  "STORAGE_FAILED",
  "QUOTA_EXCEEDED",
  "LOCKED",
  "INTERRUPTED",
];

/** Returns the code of an error number of the module (1 or more), or undefined if there is none such. */
export function codeOf(number: number): DeltaErrorCode | undefined {
  return BY_NUMBER[number - 1];
}

/** Returns the number that {@link codeOf} knows a code by. */
export function numberOf(code: DeltaErrorCode): number {
  return BY_NUMBER.indexOf(code) + 1;
}

/** Returns an INVALID_ARGUMENT. */
export function invalid(message: string, details?: DeltaErrorDetails): DeltaError {
  return new DeltaError("INVALID_ARGUMENT", message, details);
}

/** Names a value in a message: short, and what it is rather than what it holds. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "number":
    case "boolean":
    case "undefined":
      return String(value);
    case "object":
      return value === null ? "null" : Object.prototype.toString.call(value).slice(8, -1);
    default:
      return typeof value;
  }
}

/** Quotes a text for a message, cut to 64 characters. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}

/** Checks what should be an AbortSignal, or nothing. */
export function requireSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalid(`signal must be an AbortSignal, not ${describe(signal)}`);
  }
}

/** Checks what should be a ReadableStream, of this realm or another. */
export function requireReadable(stream: unknown): void {
  if (typeof (stream as Partial<ReadableStream> | null | undefined)?.pipeTo !== "function") {
    throw invalid(`stream must be a ReadableStream, not ${describe(stream)}`);
  }
}
