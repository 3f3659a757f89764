import type { DeltaErrorCode } from "./errors.ts";
import type { MergeResult, VectorDelta } from "./types.ts";

/**
 * A place in a stream: what a source is given as `from` to go on behind it. A string or a number, so that it can be stored;
 * otherwise only its source knows what it means.
 */
export type DeltaCursor = string | number;

/** What a stream is made of. */
export interface StreamPart {
  /** A delta; or whole frames, sealed, of a replica (as `deltasSince` gives them) or of `encodeDeltas`. */
  readonly delta: VectorDelta | Uint8Array;
  /** The place behind it. */
  readonly cursor?: DeltaCursor | undefined;
}

/** What a stream may bring: parts, or just what is in them. */
export type StreamItem = VectorDelta | Uint8Array | StreamPart;

/** Where deltas come from. */
export type StreamSource = AsyncIterable<StreamItem> | Iterable<StreamItem>;

/** Where deltas go: a `DeltaVectorDB`, one in a worker, or what stands for one. */
export interface StreamTarget {
  /** Applies deltas, all or none; refuses with the `index` of the offending one. May return a promise. */
  applyDeltas(deltas: readonly VectorDelta[]): unknown;
  /** Merges frames of replicas. Needed only if the stream has such. May return a promise. */
  merge?(bytes: Uint8Array): MergeResult | Promise<MergeResult>;
}

/** A delta that was passed over. */
export interface SkippedDelta {
  /** Its number in the stream, from 0. */
  readonly index: number;
  /** Its vector; undefined where it came as frames of a replica. */
  readonly vectorId: string | undefined;
  readonly code: DeltaErrorCode;
  readonly message: string;
}

/** How far a stream is. Counts since it began. */
export interface StreamProgress {
  /** Deltas that were applied; of a replica's deltas, those that were new. */
  readonly applied: number;
  /** Deltas that were refused, and passed over. */
  readonly skipped: number;
  /** Bytes of what was applied, about as it is in frames. */
  readonly bytes: number;
  /** Deltas in the batch just applied. */
  readonly batch: number;
  /** The place behind it. */
  readonly cursor: DeltaCursor | undefined;
}

/** How a stream is cut into batches, and what happens to deltas that are refused. */
export interface BatchOptions {
  /**
   * The most deltas in a batch, 1 or more. Default 1,000. How many there are in fact follows from `targetMs`, and from what
   * the source has: a batch never waits for a source that has nothing ready.
   */
  maxCount?: number;
  /** The most bytes in a batch, 1 or more; a larger delta is a batch of its own. Default 1 MiB. */
  maxBytes?: number;
  /** How long a batch may take this thread, in milliseconds, above 0; `Infinity`: no matter. Default 4. */
  targetMs?: number;
  /** How long a delta may wait for its batch to fill while more come, in milliseconds, 0 or more. Default 16. */
  maxDelayMs?: number;
  /**
   * What a delta does that the database refuses: `"stop"` (the default) ends the stream with its error, when all before it
   * and none behind it are applied; `"skip"` passes over it. That memory is short or the database closed ends it always.
   */
  onError?: "stop" | "skip";
  /** Told of each delta that was passed over. */
  onSkip?: (skipped: SkippedDelta) => void;
  /** Told after each batch. What it throws ends the stream. */
  onProgress?: (progress: StreamProgress) => void;
}

/** How `DeltaStreamProcessor.streamDeltas` works. */
export interface StreamOptions extends BatchOptions {
  /**
   * Where the source begins. A source of parts with cursors has to begin there itself (`from`); of another, which begins
   * anew, so many deltas are passed over: its cursors are numbers of deltas.
   */
  cursor?: DeltaCursor | undefined;
  /** Ends the stream: what was applied stays, nothing else is, and the promise is rejected with the signal's reason. */
  signal?: AbortSignal;
}

/** How `DeltaVectorDB.writable` works. */
export interface WritableOptions extends BatchOptions {
  /**
   * Bytes that may wait before whoever writes is told to wait (backpressure), 0 or more; a delta counts as 256. Default
   * 256 KiB.
   */
  highWaterMark?: number;
  /** The most bytes of a frame, 9 or more; a larger one ends the stream before it is held. Default 1 MiB. */
  maxFrameBytes?: number;
  /**
   * The most bytes of one replica's stream that are held, as later frames may refer to earlier ones (`deltasSince` gives
   * such streams). Default 64 MiB.
   */
  maxStreamBytes?: number;
}
