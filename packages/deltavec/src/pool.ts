import { Block } from "./block.ts";
import { backstage, DeltaVectorDB } from "./database.ts";
import { DeltaError, describe, invalid } from "./errors.ts";
import { type FrameTarget, FrameWriter } from "./frame.ts";
import { FrameReader, frameLength } from "./frame-reader.ts";
import { flag } from "./options.ts";
import type { VectorDelta, WasmMemory } from "./types.ts";

/** How a `SharedDeltaPool` is made. All fields are optional. */
export interface DeltaPoolOptions {
  /** Whether runs of indices are written as such where that is shorter. Default true. */
  compression?: boolean;
}

/** Address of the first frame: 0 stands for none. */
const START = 64;
const MIN_BYTES = 64;
const MAX_BYTES = 1_073_741_824;
const PAGE_BYTES = 65_536;
/** The most deltas that the core takes at a time. */
const MAX_COUNT = 16_777_216;

/**
 * Collects deltas in a block of linear memory, to apply them as one batch: cheaper than an array of deltas for
 * `applyDeltas`, as each is encoded when it comes and nothing else is kept of it, and bounded.
 *
 * The memory is the pool's own, of a fixed size, and lies outside any database: a flush copies the frames once, which takes
 * far less time than to apply them. So a pool can be flushed to one database after the other.
 *
 * @example
 * ```ts
 * const pool = new SharedDeltaPool(65_536);
 * pool.writeDelta({ vectorId: "a", operation: { type: "scale", factor: 0.5 } });
 * pool.flush(db); // 1
 * ```
 */
export class SharedDeltaPool {
  /** @internal Whatever minifying makes of it. */
  static readonly name = "SharedDeltaPool";
  readonly #room: Room;
  readonly #writer: FrameWriter;
  #count = 0;
  /** Whether the frames are being applied. */
  #flushing = false;

  /**
   * Makes an empty pool.
   *
   * @param capacity - bytes for deltas, a whole number from 64 to 1,073,741,824. A sparse delta of 5 % of 384 values takes
   * about 115, one that replaces all of them about 1,560
   * @param options - how deltas are encoded
   * @throws DeltaError `INVALID_ARGUMENT`, `OUT_OF_MEMORY`
   */
  constructor(capacity: number, options: DeltaPoolOptions = {}) {
    if (!Number.isInteger(capacity) || capacity < MIN_BYTES || capacity > MAX_BYTES) {
      throw invalid(
        `capacity must be a whole number of bytes from ${MIN_BYTES} to ${MAX_BYTES}, not ${describe(capacity)}`,
      );
    }
    const compression = flag("compression", options?.compression);
    this.#room = new Room(capacity);
    this.#writer = new FrameWriter(this.#room, { compression, grid: 0 }, false);
  }

  /** Bytes that there is room for. */
  get capacity(): number {
    return this.#room.capacity;
  }

  /** Bytes in use. */
  get length(): number {
    return this.#writer.end;
  }

  /** Number of deltas. */
  get count(): number {
    return this.#count;
  }

  /**
   * Encodes a delta behind those that are there. Checks its shape; what depends on the database is found out by
   * {@link flush}. Values and ids are copied: the delta may be changed afterwards. O(bytes)
   *
   * @param delta - what to apply later
   * @returns the bytes in use now
   * @throws DeltaError `BUFFER_FULL` if it does not fit; `INVALID_ARGUMENT` or `DIMENSION_MISMATCH` for what no database
   * would take. Then the pool is as it was
   */
  writeDelta(delta: VectorDelta): number {
    const writer = this.#writer;
    const room = this.#room;
    this.#check();
    if (this.#count === MAX_COUNT) {
      throw new DeltaError("BUFFER_FULL", `the pool holds ${MAX_COUNT} deltas`);
    }
    try {
      writer.append(delta, -1, undefined);
    } finally {
      if (room.elsewhere !== undefined) {
        this.#settle(room.elsewhere);
      }
    }
    this.#count++;
    return writer.end;
  }

  /**
   * Applies all deltas in their order and empties the pool; if one is refused, none is applied and all stay, to be looked
   * at ({@link deltas}) or taken out ({@link drop}). As `DeltaVectorDB.applyDeltas` with these deltas, but no ids are made
   * unless somebody subscribes. What subscribers write to the pool stays for the next time.
   *
   * @param db - what to apply to
   * @returns how many were applied
   * @throws DeltaError as `DeltaVectorDB.applyDeltas`, with the `index` of the offending delta
   */
  flush(db: DeltaVectorDB): number {
    if (!(db instanceof DeltaVectorDB)) {
      throw invalid(`db must be a DeltaVectorDB, not ${describe(db)}`);
    }
    this.#check();
    const count = this.#count;
    // Nothing may come in before the frames are applied: the database's clock is the caller's.
    this.#flushing = true;
    try {
      backstage(db).applyFrames(this.#frames(), count, () => {
        this.#flushing = false;
        this.clear();
      });
    } finally {
      this.#flushing = false;
    }
    return count;
  }

  /** Forgets all deltas. O(1) */
  clear(): void {
    this.#check();
    this.#writer.begin();
    this.#count = 0;
  }

  /** Returns copies of the deltas: floats as float32, indices in order. O(bytes) */
  deltas(): VectorDelta[] {
    const reader = new FrameReader(this.#frames());
    const deltas: VectorDelta[] = [];
    while (!reader.done) {
      deltas.push(reader.nextLocal());
    }
    return deltas;
  }

  /**
   * Takes one delta out; those behind it move up. O(bytes)
   *
   * @param index - which, from 0: for one that a flush has refused, the error's `index`
   * @returns the delta
   * @throws DeltaError `INVALID_ARGUMENT` if there is none such
   */
  drop(index: number): VectorDelta {
    this.#check();
    if (!Number.isInteger(index) || index < 0 || index >= this.#count) {
      throw invalid(`index must be one of ${this.#count} deltas, not ${describe(index)}`);
    }
    const frames = this.#frames();
    let at = 0;
    for (let i = 0; i < index; i++) {
      at += frameLength(frames, at) as number;
    }
    const behind = at + (frameLength(frames, at) as number);
    const delta = new FrameReader(frames.subarray(at, behind)).nextLocal();
    frames.copyWithin(at, behind);
    this.#writer.begin(frames.length - (behind - at));
    this.#count--;
    return delta;
  }

  /** Returns the address of the first delta in {@link getMemory}: local frames, as docs/format.md has them. */
  getBufferPtr(): number {
    return START;
  }

  /** Returns the bytes in use from {@link getBufferPtr} on, as {@link length}. */
  getBufferLen(): number {
    return this.#writer.end;
  }

  /** Returns the memory that holds the deltas. It never grows. */
  getMemory(): WasmMemory {
    return this.#room.memory;
  }

  #frames(): Uint8Array {
    return this.#room.bytes.subarray(START, START + this.#writer.end);
  }

  /** Copies a delta that was written elsewhere to where it belongs, if it fits. */
  #settle(block: Block): void {
    const room = this.#room;
    const writer = this.#writer;
    const used = -room.input;
    const end = writer.end;
    room.back();
    if (end > room.capacity) {
      writer.begin(used);
      throw new DeltaError(
        "BUFFER_FULL",
        `the delta takes ${end - used} bytes; ${used} of ${room.capacity} are in use`,
      );
    }
    room.bytes.set(block.bytes.subarray(0, end - used), START + used);
  }

  /** Throws while the deltas are being applied. */
  #check(): void {
    if (this.#flushing) {
      throw invalid("the database's clock must not use the pool that is being flushed");
    }
  }
}

/** The pool's memory as a target of frames. What may not fit is written elsewhere, as most deltas need less than they might. */
class Room implements FrameTarget {
  readonly memory: WebAssembly.Memory;
  readonly capacity: number;
  /** Where the delta that is being written goes to instead. */
  elsewhere: Block | undefined;
  bytes: Uint8Array;
  floats: Float32Array;
  view: DataView;
  input = START;
  inputBytes: number;
  readonly #own: Pick<FrameTarget, "bytes" | "floats" | "view">;

  constructor(capacity: number) {
    const pages = Math.ceil((START + capacity) / PAGE_BYTES);
    try {
      this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    } catch (cause) {
      throw new DeltaError("OUT_OF_MEMORY", `no memory for a pool of ${capacity} bytes`, { cause });
    }
    const { buffer } = this.memory;
    this.bytes = new Uint8Array(buffer);
    this.floats = new Float32Array(buffer);
    this.view = new DataView(buffer);
    this.#own = { bytes: this.bytes, floats: this.floats, view: this.view };
    this.capacity = capacity;
    this.inputBytes = capacity;
  }

  grow(bytes: number, used: number): void {
    const block = new Block(bytes - used);
    this.elsewhere = block;
    this.bytes = block.bytes;
    this.floats = block.floats;
    this.view = block.view;
    this.input = -used;
    this.inputBytes = bytes;
  }

  /** From now on deltas are written to the memory again. */
  back(): void {
    Object.assign(this, this.#own);
    this.elsewhere = undefined;
    this.input = START;
    this.inputBytes = this.capacity;
  }
}
