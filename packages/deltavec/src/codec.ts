import { Block } from "./block.ts";
import { crc32c } from "./crc32c.ts";
import { describe, invalid } from "./errors.ts";
import { FrameWriter, IDENTIFIED, OPERATION_MASK, SEALED, toBytes } from "./frame.ts";
import { corrupt, FrameReader, frameLength } from "./frame-reader.ts";
import type { VectorDelta } from "./types.ts";

export { frameLength };

/** How deltas are encoded. */
export interface EncodeOptions {
  /** Whether runs of indices are written as such where that is shorter. Default true. */
  compression?: boolean;
}

/** How deltas are decoded. */
export interface DecodeOptions {
  /** Whether frames without a checksum are taken, too: such as never left the program. Default false. */
  unsealed?: boolean;
}

/** Room for some hundreds of sparse deltas. */
const FIRST_BYTES = 32_768;
/** What a call has needed up to this many bytes is kept for the next. */
const KEPT_BYTES = 1 << 20;

/** What the next call writes to, if none is under way. */
let spare: Block | undefined;

/**
 * Encodes deltas as sealed frames (docs/format.md), one behind the other, for what is outside the program: a network, a
 * file, another tab. O(bytes)
 *
 * @param deltas - gone over once
 * @param options - how
 * @returns the frames; of no deltas, no bytes
 * @throws DeltaError INVALID_ARGUMENT, DIMENSION_MISMATCH, OUT_OF_MEMORY with the `index` of the offending delta. What
 * depends on a database is found out when they are applied
 */
export function encodeDeltas(
  deltas: Iterable<VectorDelta>,
  options: EncodeOptions = {},
): Uint8Array<ArrayBuffer> {
  if (typeof deltas?.[Symbol.iterator] !== "function") {
    throw invalid(`deltas must be an iterable, not ${describe(deltas)}`);
  }
  // The deltas are the caller's, whose getters may call this, too.
  const block = spare ?? new Block(FIRST_BYTES);
  spare = undefined;
  try {
    const writer = new FrameWriter(block, { compression: options?.compression ?? true, grid: 0 });
    let count = 0;
    for (const delta of deltas) {
      writer.append(delta, count++, undefined);
    }
    const frames = block.bytes.slice(writer.start, writer.start + writer.length);
    seal(frames);
    return frames;
  } finally {
    spare = block.inputBytes > KEPT_BYTES ? undefined : block;
  }
}

/** Seals frames that are not. */
function seal(bytes: Uint8Array<ArrayBuffer>): void {
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; ) {
    const end = at + (view.getUint32(at, true) & 0xff_ffff);
    bytes[at + 8] |= SEALED;
    view.setUint32(at + 4, crc32c(bytes, at + 8, end), true);
    at = end;
  }
}

/**
 * Decodes frames that {@link encodeDeltas} made. Nothing is trusted: checksums, lengths, counts and texts are checked
 * before they are used. O(bytes)
 *
 * @param bytes - whole frames, one behind the other
 * @param options - what else is taken
 * @returns the deltas, in copies; indices ascend
 * @throws DeltaError `CORRUPT_DATA` with the offset of the byte, also for frames that carry a delta's id: these are for
 * `DeltaVectorDB.merge`; `UNSUPPORTED_VERSION`; `INVALID_ARGUMENT` for what are no bytes
 */
export function decodeDeltas(bytes: Uint8Array, options: DecodeOptions = {}): VectorDelta[] {
  const reader = new FrameReader(toBytes("bytes", bytes));
  const unsealed = options?.unsealed === true;
  const deltas: VectorDelta[] = [];
  while (!reader.done) {
    requireSeal(bytes, reader.at, unsealed);
    deltas.push(reader.nextLocal());
  }
  return deltas;
}

/** Checks what a frame's first bytes say of the others, if they are there. */
function requireSeal(bytes: Uint8Array, at: number, unsealed: boolean): void {
  const length = frameLength(bytes, at) ?? Number.POSITIVE_INFINITY;
  if (at + length > bytes.length) {
    return; // told by the reader
  }
  const sealed = (bytes[at + 8] & SEALED) !== 0;
  const sum = sealed ? crc32c(bytes, at + 8, at + length) : 0;
  const found =
    bytes[at + 4] | (bytes[at + 5] << 8) | (bytes[at + 6] << 16) | (bytes[at + 7] << 24);
  if (found >>> 0 !== sum) {
    throw corrupt("the checksum does not fit", at);
  }
  if (!sealed && !unsealed) {
    throw corrupt("the frame is not sealed", at);
  }
}

/**
 * Tells whether a frame carries a delta's id, or begins a stream of such: it is for `DeltaVectorDB.merge` then, any other
 * for {@link decodeDeltas}. O(1)
 *
 * @param bytes - frames
 * @param at - index of one that {@link frameLength} knows the length of
 */
export function isReplicated(bytes: Uint8Array, at: number): boolean {
  const kind = bytes[at + 8];
  return (kind & IDENTIFIED) !== 0 || (kind & OPERATION_MASK) === 0;
}
