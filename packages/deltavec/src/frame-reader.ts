import type { DeltaIds } from "./delta-id.ts";
import { DeltaError } from "./errors.ts";
import {
  CREATE,
  DELETE,
  DENSE,
  freezeDeep,
  HEADER_BYTES,
  IDENTIFIED,
  MAX_ID_BYTES,
  METADATA,
  OFFSET,
  OPERATION_MASK,
  RUNS,
  SCALE,
  SPARSE,
  VERSION,
} from "./frame.ts";
import { readUtf8 } from "./text.ts";
import type { DeltaOperation, IssuedDelta } from "./types.ts";

/**
 * Reads frames (docs/format.md) as the log gives them: with ids, not linked, with floats. What it gives are copies. Trusts
 * nothing: every length is checked against the frame's end before it is used, so nothing is larger than the bytes given.
 */
export class FrameReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #ids: DeltaIds;
  #at: number;
  /** Index behind the frame that is being read. */
  #end = 0;

  /**
   * @param bytes - frames one behind the other
   * @param ids - formats ids
   * @param at - index of the first frame
   */
  constructor(bytes: Uint8Array, ids: DeltaIds, at = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#ids = ids;
    this.#at = at;
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
   * Reads the next frame. O(bytes)
   *
   * @returns a delta that is not frozen yet, with parts that are
   * @throws DeltaError CORRUPT_DATA with the byte offset, UNSUPPORTED_VERSION
   */
  next(): IssuedDelta {
    const start = this.#at;
    const view = this.#view;
    this.#end = this.#bytes.length;
    this.#take(HEADER_BYTES);
    const length = view.getUint16(start, true) | (view.getUint8(start + 2) << 16);
    const version = view.getUint8(start + 3);
    if (version !== VERSION) {
      throw new DeltaError(
        "UNSUPPORTED_VERSION",
        `the frame at byte ${start} has version ${version}; this release reads ${VERSION}`,
      );
    }
    if (length < HEADER_BYTES || length > this.#bytes.length - start) {
      throw this.#corrupt(`the frame's length ${length} does not fit`, start);
    }
    this.#end = start + length;
    const kind = view.getUint8(start + 8);
    if ((kind & ~OPERATION_MASK & ~METADATA) !== IDENTIFIED) {
      throw this.#corrupt(`unknown flags ${kind}`, start + 8);
    }
    const idBytes = this.#varint();
    if (idBytes < 1 || idBytes > MAX_ID_BYTES) {
      throw this.#corrupt(`an id of ${idBytes} bytes`);
    }
    const vectorId = readUtf8(this.#bytes, this.#take(idBytes), idBytes);
    const id = this.#take(16);
    const timeLow = view.getUint32(id, true);
    const timeHigh = view.getUint16(id + 4, true);
    const sequence = view.getUint32(id + 6, true);
    const replica = view.getUint32(id + 10, true) + view.getUint16(id + 14, true) * 2 ** 32;
    const operation = Object.freeze(this.#operation(kind & OPERATION_MASK));
    const metadata = (kind & METADATA) === 0 ? undefined : this.#metadata();
    if (this.#at !== this.#end) {
      throw this.#corrupt(`${this.#end - this.#at} bytes are left over`);
    }
    const deltaId = this.#ids.formatOf(timeLow, timeHigh, sequence, replica);
    const timestamp = new Date(timeLow + timeHigh * 2 ** 32);
    const origin = this.#ids.isOwn(replica) ? "local" : "merge";
    return metadata === undefined
      ? { deltaId, vectorId, operation, timestamp, origin }
      : { deltaId, vectorId, operation, metadata, timestamp, origin };
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
    const count = this.#varint();
    this.#require(5 * count); // a byte and a float for each
    const indices = new Uint32Array(count);
    let least = 0;
    for (let i = 0; i < count; i++) {
      indices[i] = this.#index(least + this.#varint());
      least = indices[i] + 1;
    }
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
    const indices = new Uint32Array(count);
    let least = 0;
    for (let i = 0; i < count; ) {
      least += this.#varint();
      for (let left = this.#varint(); left >= 0; left--) {
        indices[i++] = this.#index(least++);
      }
    }
    return indices;
  }

  #index(index: number): number {
    if (index > 0xffff_ffff) {
      throw this.#corrupt("an index is over 32 bits");
    }
    return index;
  }

  #floats(count: number): Float32Array {
    const at = this.#take(4 * count);
    return new Float32Array(this.#bytes.slice(at, at + 4 * count).buffer);
  }

  #metadata(): Record<string, unknown> {
    const length = this.#varint();
    const at = this.#take(length);
    let metadata: unknown;
    try {
      metadata = JSON.parse(readUtf8(this.#bytes, at, length));
    } catch {
      // Told below.
    }
    if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) {
      throw this.#corrupt("the metadata is no JSON object", at);
    }
    return freezeDeep(metadata) as Record<string, unknown>;
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

  #corrupt(what: string, at: number = this.#at): DeltaError {
    return new DeltaError("CORRUPT_DATA", `at byte ${at}: ${what}`);
  }
}
