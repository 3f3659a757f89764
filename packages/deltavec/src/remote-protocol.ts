import { DeltaError, type DeltaErrorCode, describe } from "./errors.ts";
import type { Image } from "./instance.ts";
import type { ReaderStart } from "./reader.ts";
import type { StorageStart } from "./storage/backing.ts";
import type { ResolvedDeltaDBOptions } from "./types.ts";

/** Both sides must be of one release: they share the form of messages, not only the interface. */
export const PROTOCOL = 1;

/** What either side needs of the way between them: a MessagePort, or what is made to look like one. */
export interface Port {
  onmessage: ((event: MessageEvent) => void) | null;
  onmessageerror: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown, transfer: Transferable[]): void;
  close(): void;
}

/** The first message to a worker, with the port that all others take. */
export interface OpenMessage {
  /** {@link PROTOCOL}. Tells the message from those of others. */
  readonly deltavec: number;
  readonly port: MessagePort;
  /** Without it the worker loads its own, and answers with it. */
  readonly module: WebAssembly.Module | undefined;
  /** Undefined with a storage, which has its own. */
  readonly options: ResolvedDeltaDBOptions | undefined;
  /** Whether calls bring the time with them; else the worker has its own clock. */
  readonly clock: boolean;
  /** The gate of readers. With it the database lives in shared memory. */
  readonly gate: Int32Array | undefined;
  /** Name of the worker's life (life.ts), where it cannot be seen otherwise that it has died. */
  readonly life: string | undefined;
  /** Where the database keeps its bytes; without it, nowhere. Then {@link OpenMessage.port} takes what storage/tab-host.ts says. */
  readonly storage?: StorageStart;
}

/** What the worker answers to {@link OpenMessage}, as the result of call {@link OPENING}. */
export interface Opened {
  /** The module, if the worker loaded it itself. */
  readonly module: WebAssembly.Module | undefined;
  /** What readers look at, if the database lives in shared memory. */
  readonly image: OpenedImage | undefined;
  /** Whether the worker lives by the name that it was given. */
  readonly lives: boolean;
}

/** A database in shared memory. */
export interface OpenedImage extends Image {
  /** The shared build. */
  readonly module: WebAssembly.Module;
}

/** The first message to a worker that is to be a reader. */
export interface ReaderMessage {
  /** {@link PROTOCOL}. */
  readonly deltavec: number;
  readonly port: MessagePort;
  readonly reader: ReaderStart;
  /** As in {@link OpenMessage}. */
  readonly life: string | undefined;
}

/** The number that the opening has among the calls. */
export const OPENING = 0;

/**
 * One call. The number is the caller's; what the call leaves behind in the worker (an iterator, a subscription) has the
 * same. The time is there if the caller has a clock of its own.
 */
export type Request = readonly [
  id: number,
  method: string,
  args: readonly unknown[],
  now?: unknown,
];

/** What the caller's side posts: calls, in the order in which they were made. */
export interface Requests {
  readonly calls: readonly Request[];
  /** The frames of all writes among the calls. */
  readonly frames: ArrayBuffer | undefined;
}

/** Calls that are no methods of the database. */
export const CANCEL = "#cancel"; // [id]: drop that call, or what it left behind; is not answered
export const NEXT = "#next"; // [id of the iterator]: answered with a Page
export const FRAMES = "#frames"; // [start, bytes, count, one]: apply frames; answered with delta ids, or one
export const CANDIDATES = "#candidates"; // see Candidates
export const CHANNEL = "#channel"; // [handle, onError]: serve the consumer's end of a channel
export const CLOSE = "#close";
/** [method, options, position and id of the delta before, if known]: go on with a feed of another database of the same state. */
export const RENEW = "#renew";
export const IMPORT = "#import"; // []: begin an import; answered with its name. [name, bytes]: the next piece
export const IMPORTED = "#imported"; // [name]: end it; answered with an ImportResult

/** Some values of an iterator. */
export interface Page {
  readonly values: readonly unknown[];
  /** Whether there are no more. */
  readonly done: boolean;
}

/** Hits for a filter that the worker cannot ask, and what it asks about. */
export interface Candidates {
  /** Of each query. */
  readonly hits: readonly (readonly { readonly id: string; readonly score: number }[])[];
  /** Metadata as JSON of each hit, `""` for none; null for hits that were sent before. */
  readonly metadata: readonly (readonly (string | null)[])[];
  /** Vectors in the database. */
  readonly size: number;
}

/** What an answer is. */
export const RESULT = 0;
export const ERROR = 1;
export const EVENT = 2;

/** The result of a call, its error as {@link encodeError} gives it, or a delta for a subscription. */
export type Answer = readonly [kind: number, id: number, value: unknown];

/** An error on its way. */
interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: DeltaErrorCode | undefined;
  readonly index: number | undefined;
  readonly cause: readonly [unknown, boolean] | undefined;
}

/** Causes that are followed, one behind the other. */
const MAX_CAUSES = 8;

/** Makes an error something that can be posted. */
export function encodeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) {
    return cloneable(error) ? [error] : [describe(error)];
  }
  const { code, index } = error as Partial<DeltaError>;
  const isOurs = error instanceof DeltaError;
  const cause = (): readonly [unknown, boolean] => {
    const isError = error.cause instanceof Error && depth < MAX_CAUSES;
    return isError
      ? [encodeError(error.cause, depth + 1), true]
      : [cloneable(error.cause) ? error.cause : describe(error.cause), false];
  };
  return {
    name: String(error.name),
    message: String(error.message),
    stack: error.stack,
    code: isOurs ? code : undefined,
    index: isOurs ? index : undefined,
    cause: "cause" in error ? cause() : undefined,
  } satisfies SentError;
}

/** Makes an error of what {@link encodeError} gave: of the same class, if that is DeltaError or a class of the language. */
export function decodeError(sent: unknown): unknown {
  if (Array.isArray(sent)) {
    return sent[0];
  }
  const { name, message, stack, code, index, cause } = sent as SentError;
  const details = {
    ...(cause === undefined ? {} : { cause: cause[1] ? decodeError(cause[0]) : cause[0] }),
    ...(index === undefined ? {} : { index }),
  };
  if (code !== undefined) {
    return new DeltaError(code, message, details);
  }
  const known = (globalThis as Record<string, unknown>)[name] as typeof Error | undefined;
  const error =
    typeof known === "function" && known.prototype instanceof Error
      ? new known(message, details)
      : new Error(message, details);
  if (error.name !== name) {
    Object.defineProperty(error, "name", { value: name, configurable: true, writable: true });
  }
  if (stack !== undefined) {
    error.stack = stack;
  }
  return error;
}

function cloneable(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}
