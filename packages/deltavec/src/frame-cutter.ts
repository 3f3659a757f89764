import { decodeDeltas, frameLength, isReplicated } from "./codec.ts";
import { DeltaError, describe, invalid } from "./errors.ts";
import { OPERATION_MASK } from "./frame.ts";
import type { VectorDelta } from "./types.ts";

/** The most bytes of a frame unless said. */
export const MAX_FRAME_BYTES = 1_048_576;
/** So many bytes say how long a frame is. */
const KNOWN_BYTES = 9;

/** Frames of one kind, one behind the other. */
export interface Span {
  /** Index of the first byte. */
  readonly start: number;
  /** Index behind the last byte. */
  readonly end: number;
  /** How many deltas they are. */
  readonly count: number;
  /** Whether they are for `merge`. */
  readonly replicated: boolean;
}

/**
 * Parts whole frames into those for `applyDeltas` and those for `merge`. O(frames)
 *
 * @param bytes - whole frames, one behind the other
 * @throws DeltaError CORRUPT_DATA, UNSUPPORTED_VERSION; also when some spans were given already
 */
export function* spans(bytes: Uint8Array): IterableIterator<Span> {
  for (let start = 0, at = 0; at < bytes.length; start = at) {
    let count = 0;
    let replicated = false;
    while (at < bytes.length) {
      let length: number;
      try {
        length = frameLength(bytes, at) ?? Number.POSITIVE_INFINITY;
      } catch (error) {
        if (at === start) {
          throw error;
        }
        break; // what is before it comes first
      }
      if (length > bytes.length - at) {
        if (at === start) {
          throw new DeltaError("CORRUPT_DATA", `at byte ${at}: the bytes end within a frame`);
        }
        break;
      }
      const kind = isReplicated(bytes, at);
      if (at === start) {
        replicated = kind;
      } else if (kind !== replicated) {
        break;
      }
      if ((bytes[at + 8]! & OPERATION_MASK) !== 0) {
        count++;
      }
      at += length;
    }
    yield { start, end: at, count, replicated };
  }
}

/** Cuts a stream of bytes, which comes in pieces of any length, into whole frames. */
export class FrameCutter {
  readonly #maxFrameBytes: number;
  /** The beginning of a frame that has not come whole; of the frame's length once that is known. */
  #pending: Uint8Array = new Uint8Array(KNOWN_BYTES);
  /** How much of it is there. */
  #have = 0;
  /** Bytes of the stream before what is pending. */
  #offset = 0;

  /**
   * @param maxFrameBytes - the most bytes of a frame
   * @param offset - bytes of the stream that are not given
   */
  constructor(maxFrameBytes: number = MAX_FRAME_BYTES, offset = 0) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#offset = offset;
  }

  /** Bytes of the stream in the frames given so far. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * Takes the next piece.
   *
   * @param chunk - not kept, but for a frame's beginning at its end, in a copy
   * @returns whole frames: views on the piece, and a frame of its own that began in earlier ones
   * @throws DeltaError BUFFER_FULL for a frame that is too large, CORRUPT_DATA, UNSUPPORTED_VERSION, all with the offset in
   * the stream; when the frames before were given
   */
  *cut(chunk: Uint8Array): IterableIterator<Uint8Array> {
    if (!(chunk instanceof Uint8Array)) {
      throw invalid(`a piece of a stream of frames must be a Uint8Array, not ${describe(chunk)}`);
    }
    let at = 0;
    if (this.#have > 0) {
      at = this.#fill(chunk, KNOWN_BYTES, 0);
      if (this.#have < KNOWN_BYTES) {
        return;
      }
      const length = this.#lengthAt(this.#pending, 0, this.#offset)!;
      if (this.#pending.length !== length) {
        const frame = new Uint8Array(length);
        frame.set(this.#pending.subarray(0, this.#have));
        this.#pending = frame;
      }
      at = this.#fill(chunk, length, at);
      if (this.#have < length) {
        return;
      }
      const frame = this.#pending;
      this.#pending = new Uint8Array(KNOWN_BYTES);
      this.#have = 0;
      this.#offset += length;
      yield frame;
    }
    const start = at;
    const begin = this.#offset - start;
    let failure: unknown;
    try {
      for (;;) {
        const length = this.#lengthAt(chunk, at, begin + at);
        if (length === undefined || length > chunk.length - at) {
          break;
        }
        at += length;
      }
    } catch (error) {
      failure = error;
    }
    if (at > start) {
      this.#offset += at - start;
      yield chunk.subarray(start, at);
    }
    if (failure !== undefined) {
      throw failure;
    }
    this.#fill(chunk, KNOWN_BYTES, at);
    if (this.#have === KNOWN_BYTES && at + KNOWN_BYTES < chunk.length) {
      // All that is left belongs to this frame.
      const rest = new Uint8Array(this.#lengthAt(chunk, at, this.#offset)!);
      rest.set(chunk.subarray(at));
      this.#pending = rest;
      this.#have = chunk.length - at;
    }
  }

  /** Throws CORRUPT_DATA if the stream ends within a frame. */
  end(): void {
    if (this.#have > 0) {
      throw new DeltaError(
        "CORRUPT_DATA",
        `the stream ends within the frame at byte ${this.#offset}`,
      );
    }
  }

  /** Copies bytes to what is pending until it has a number; returns the index behind them. */
  #fill(chunk: Uint8Array, upTo: number, at: number): number {
    const end = Math.min(chunk.length, at + Math.max(upTo - this.#have, 0));
    this.#pending.set(chunk.subarray(at, end), this.#have);
    this.#have += end - at;
    return end;
  }

  #lengthAt(bytes: Uint8Array, at: number, offset: number): number | undefined {
    let length: number | undefined;
    try {
      length = frameLength(bytes, at);
    } catch (error) {
      throw inFrame(error, offset);
    }
    if (length !== undefined && length > this.#maxFrameBytes) {
      throw new DeltaError(
        "BUFFER_FULL",
        `the frame at byte ${offset} has ${length} bytes; maxFrameBytes is ${this.#maxFrameBytes}`,
      );
    }
    return length;
  }
}

/** Names the place in the stream in the error of a frame. */
export function inFrame(error: unknown, offset: number): unknown {
  return error instanceof DeltaError
    ? new DeltaError(error.code, `in the frame at byte ${offset} of the stream: ${error.message}`, {
        cause: error,
      })
    : error;
}

/**
 * Decodes local frames one by one where they cannot be decoded at once, so that all before a bad one are given.
 *
 * @param frames - whole frames
 * @param offset - of the first in the stream, for errors
 */
export function* decoded(frames: Uint8Array, offset: number): IterableIterator<VectorDelta> {
  let deltas: VectorDelta[] | undefined;
  try {
    deltas = decodeDeltas(frames);
  } catch {
    // Told below, with its place.
  }
  if (deltas !== undefined) {
    yield* deltas;
    return;
  }
  for (let at = 0; at < frames.length; ) {
    const length = frameLength(frames, at)!;
    try {
      deltas = decodeDeltas(frames.subarray(at, at + length));
    } catch (error) {
      throw inFrame(error, offset + at);
    }
    yield* deltas;
    at += length;
  }
}

/** Checks the option `maxFrameBytes`. */
export function frameLimit({
  maxFrameBytes = MAX_FRAME_BYTES,
}: {
  maxFrameBytes?: number;
}): number {
  if (!Number.isSafeInteger(maxFrameBytes) || maxFrameBytes < KNOWN_BYTES) {
    throw invalid(
      `option maxFrameBytes must be a whole number of ${KNOWN_BYTES} or more, not ${describe(maxFrameBytes)}`,
    );
  }
  return maxFrameBytes;
}
