import type { DeltaIds } from "./delta-id.ts";
import { DeltaError, quote } from "./errors.ts";
import {
  CREATE,
  DELETE,
  DENSE,
  freezeDeep,
  GRID,
  HEADER_BYTES,
  IDENTIFIED,
  MAX_ID_BYTES,
  METADATA,
  OFFSET,
  OPERATION_MASK,
  RUNS,
  SCALE,
  SPARSE,
  TIMED,
  VERSION,
} from "./frame.ts";
import { readUtf8 } from "./text.ts";
import type { DeltaOperation, IssuedDelta, VectorDelta } from "./types.ts";

/** Lists of up to so many numbers share buffers; their floats are read one by one, faster than as bytes. */
const FEW = 128;
/** Bytes of a buffer that lists share. */
const SHARED_BYTES = 4096;
/** The buffer that lists share now, as to make one for each takes longer than all the rest, and how much of it they take. */
let shared: ArrayBuffer | undefined;
let taken = 0;
/** Stands where an operation is still to come. */
const NONE: DeltaOperation = { type: "delete" };

/**
 * Returns the length of the frame at an offset, from its first bytes: for cutting bytes into frames. O(1)
 *
 * @returns bytes of the whole frame, 9 or more; undefined if fewer than 9 bytes are there to tell
 * @throws DeltaError CORRUPT_DATA, UNSUPPORTED_VERSION, with the byte offset
 */
export function frameLength(bytes: Uint8Array, at: number): number | undefined {
  if (at + HEADER_BYTES > bytes.length) {
    return undefined;
  }
  const version = bytes[at + 3];
  if (version !== VERSION) {
    // What is found in place of frames more often than a later version: a page that says that something is not there.
    const text = String.fromCharCode(...bytes.subarray(at, at + HEADER_BYTES));
    const perhaps = /^[\t\n\r -~]+$/.test(text) ? ` (${quote(text)}: text, and no frames?)` : "";
    throw new DeltaError(
      "UNSUPPORTED_VERSION",
      `the frame at byte ${at} has version ${version}; this release reads ${VERSION}${perhaps}`,
    );
  }
  const length = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
  if (length < HEADER_BYTES) {
    throw corrupt(`the frame's length ${length} does not fit`, at);
  }
  return length;
}

/**
 * Reads frames (docs/format.md): those of the log, with ids, not linked, with floats; or local ones. What it gives are
 * copies. Trusts nothing: every length is checked against the frame's end before it is used, so nothing is larger than the
 * bytes given.
 */
export class FrameReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #ids: DeltaIds | undefined;
  #at: number;
  /** Index behind the frame that is being read. */
  #end = 0;

  /**
   * @param bytes - frames one behind the other
   * @param ids - formats ids; not needed for local frames
   * @param at - index of the first frame
   */
  constructor(bytes: Uint8Array, ids?: DeltaIds, at = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#ids = ids;
    this.#at = at;
  }

  /** Index of the next frame. */
  get at(): number {
    return this.#at;
  }

  /** Whether all bytes have been read. */
  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Reads a word of 32 bits that stands between frames. */
  word(): number {
    this.#end = this.#bytes.length;
    return this.#view.getUint32(this.#take(4), true);
  }

  /**
   * Reads the next frame, one of the log. O(bytes)
   *
   * @returns a delta that is not frozen yet, with parts that are
   * @throws DeltaError CORRUPT_DATA with the byte offset, UNSUPPORTED_VERSION
   */
  next(): IssuedDelta {
    const ids = this.#ids as DeltaIds;
    const kind = this.#header();
    if ((kind & ~OPERATION_MASK & ~METADATA) !== IDENTIFIED) {
      throw corrupt(`unknown flags ${kind}`, this.#at - 1);
    }
    const vectorId = this.#id();
    const view = this.#view;
    const id = this.#take(16);
    const timeLow = view.getUint32(id, true);
    const timeHigh = view.getUint16(id + 4, true);
    const sequence = view.getUint32(id + 6, true);
    const replica = view.getUint32(id + 10, true) + view.getUint16(id + 14, true) * 2 ** 32;
    const operation = Object.freeze(this.#operation(kind & OPERATION_MASK));
    const metadata = freezeDeep(this.#metadata(kind));
    const deltaId = ids.formatOf(timeLow, timeHigh, sequence, replica);
    const timestamp = new Date(timeLow + timeHigh * 2 ** 32);
    const origin = ids.isOwn(replica) ? "local" : "merge";
    return metadata === undefined
      ? { deltaId, vectorId, operation, timestamp, origin }
      : { deltaId, vectorId, operation, metadata, timestamp, origin };
  }

  /**
   * Reads the next frame, a local one. Whether it is sealed, and with what, is not looked at. O(bytes)
   *
   * @returns a delta, nothing of it frozen
   * @throws DeltaError CORRUPT_DATA with the byte offset, UNSUPPORTED_VERSION
   */
  nextLocal(): VectorDelta {
    const view = this.#view;
    const kind = this.#header();
    if ((kind & (IDENTIFIED | GRID)) !== 0 || (kind & OPERATION_MASK) === 0) {
      throw corrupt(`no local delta: operation and flags ${kind}`, this.#at - 1);
    }
    const delta: VectorDelta = { vectorId: this.#id(), operation: NONE };
    if ((kind & TIMED) !== 0) {
      const at = this.#take(6);
      delta.timestamp = new Date(view.getUint32(at, true) + view.getUint16(at + 4, true) * 2 ** 32);
    }
    delta.operation = this.#operation(kind & OPERATION_MASK);
    const metadata = this.#metadata(kind);
    if (metadata !== undefined) {
      delta.metadata = metadata;
    }
    return delta;
  }

  /** Reads a header. Returns operation and flags. */
  #header(): number {
    const start = this.#at;
    const left = this.#bytes.length - start;
    const length = frameLength(this.#bytes, start);
    if (length === undefined || length > left) {
      throw corrupt(
        length === undefined ? "the frame is cut off" : `the frame's length ${length} does not fit`,
        start,
      );
    }
    this.#end = start + length;
    this.#at = start + HEADER_BYTES;
    return this.#bytes[start + 8];
  }

  #id(): string {
    const length = this.#varint();
    if (length < 1 || length > MAX_ID_BYTES) {
      throw this.#corrupt(`an id of ${length} bytes`);
    }
    return this.#text(length);
  }

  #operation(operation: number): DeltaOperation {
    switch (operation) {
      case CREATE:
        return { type: "create", vector: this.#floats(this.#varint()) };
      case DENSE:
        return { type: "dense", vector: this.#floats(this.#varint()) };
      case SPARSE: {
        const indices = this.#gaps();
        return { type: "sparse", indices, values: this.#floats(indices.length) };
      }
      case RUNS: {
        const indices = this.#runs();
        return { type: "sparse", indices, values: this.#floats(indices.length) };
      }
      case SCALE:
        return { type: "scale", factor: this.#floats(1)[0] };
      case OFFSET:
        return { type: "offset", amount: this.#floats(1)[0] };
      case DELETE:
        return { type: "delete" };
      default:
        throw this.#corrupt(`unknown operation ${operation}`);
    }
  }

  #gaps(): Uint32Array {
    const bytes = this.#bytes;
    const count = this.#varint();
    this.#require(5 * count); // a byte and a float for each
    const indices = new Uint32Array(room(count), place, count);
    let at = this.#at;
    let least = 0;
    for (let i = 0; i < count; i++) {
      // What stands behind the frame's end is found when the floats are missing.
      const byte = bytes[at];
      if (byte < 128) {
        at++;
        least += byte;
      } else {
        this.#at = at;
        least += this.#varint();
        at = this.#at;
      }
      indices[i] = least++;
    }
    this.#at = at;
    this.#requireIndex(least - 1);
    return indices;
  }

  #runs(): Uint32Array {
    const runs = this.#varint();
    const start = this.#at;
    this.#require(2 * runs);
    // First to count the indices, as a few bytes may say a large number.
    let count = 0;
    for (let i = 0; i < runs; i++) {
      this.#varint();
      count += this.#varint() + 1;
    }
    this.#require(4 * count);
    this.#at = start;
    const indices = new Uint32Array(room(count), place, count);
    let least = 0;
    for (let i = 0; i < count; ) {
      least += this.#varint();
      for (let left = this.#varint(); left >= 0; left--) {
        indices[i++] = least++;
      }
    }
    this.#requireIndex(least - 1);
    return indices;
  }

  /** Checks the last index, the largest. */
  #requireIndex(last: number): void {
    if (last > 0xffff_ffff) {
      throw this.#corrupt("an index is over 32 bits");
    }
  }

  #floats(count: number): Float32Array {
    const at = this.#take(4 * count);
    const floats = new Float32Array(room(count), place, count);
    if (count <= FEW) {
      const view = this.#view;
      for (let i = 0; i < count; i++) {
        floats[i] = view.getFloat32(at + 4 * i, true);
      }
    } else {
      new Uint8Array(floats.buffer).set(this.#bytes.subarray(at, at + 4 * count));
    }
    return floats;
  }

  /** Reads the merge patch, if there is one; the frame must then be at its end. */
  #metadata(kind: number): Record<string, unknown> | undefined {
    let metadata: unknown;
    if ((kind & METADATA) !== 0) {
      const length = this.#varint();
      const at = this.#at;
      const text = this.#text(length);
      try {
        metadata = JSON.parse(text);
      } catch {
        // Told below.
      }
      if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) {
        throw corrupt("the metadata is no JSON object", at);
      }
    }
    if (this.#at !== this.#end) {
      throw this.#corrupt(`${this.#end - this.#at} bytes are left over`);
    }
    return metadata as Record<string, unknown> | undefined;
  }

  #text(length: number): string {
    const at = this.#take(length);
    const text = readUtf8(this.#bytes, at, length);
    if (text.includes("\ufffd")) {
      // Either the character itself, or what is no UTF-8.
      try {
        new TextDecoder("utf-8", { fatal: true }).decode(this.#bytes.slice(at, this.#at));
      } catch {
        throw corrupt("a text is not well-formed UTF-8", at);
      }
    }
    return text;
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
      const byte = this.#view.getUint8(this.#take(1));
      value += (byte & 127) * factor;
      if (byte < 128) {
        if ((factor > 1 && byte === 0) || value > 0xffff_ffff) {
          break;
        }
        return value;
      }
    }
    throw this.#corrupt("a number is not in its one form");
  }

  /** Passes over bytes, which must be there; returns the index of the first. */
  #take(bytes: number): number {
    this.#require(bytes);
    const at = this.#at;
    this.#at += bytes;
    return at;
  }

  #require(bytes: number): void {
    if (bytes > this.#end - this.#at) {
      throw this.#corrupt(`${bytes} bytes do not fit`);
    }
  }

  #corrupt(what: string): DeltaError {
    return corrupt(what, this.#at);
  }
}

/** Where in its buffer a list stands. */
let place = 0;

/** Returns a buffer with room for numbers of 32 bits at {@link place}. */
function room(count: number): ArrayBuffer {
  const bytes = 4 * count;
  if (count > FEW) {
    place = 0;
    return new ArrayBuffer(bytes);
  }
  // It has no bytes once somebody has transferred it.
  if (shared === undefined || taken + bytes > shared.byteLength) {
    shared = new ArrayBuffer(SHARED_BYTES);
    taken = 0;
  }
  place = taken;
  taken += bytes;
  return shared;
}

/** Returns a CORRUPT_DATA. */
export function corrupt(what: string, at: number): DeltaError {
  return new DeltaError("CORRUPT_DATA", `at byte ${at}: ${what}`);
}
