import { DeltaError } from "../errors.ts";
import type { Recorder } from "../instance.ts";
import type { StorageStats } from "../types.ts";
import {
  APPLY,
  CLOSE,
  type OPEN,
  RECORD_BYTES,
  sealRecord,
  viewOf,
  writeRecordHeader,
} from "./log.ts";

/** Room of the first chunk, and of those that follow. */
const FIRST_BYTES = 1 << 16;
const CHUNK_BYTES = 1 << 20;
/** Payloads of up to so many bytes are copied by a loop: cheaper than a view made for it. */
const LOOP_BYTES = 48;

const NO_BYTES = new Uint8Array(0);

/** Memory that records are collected in. */
interface Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  /** Number of the first record of the segment that its records belong to. */
  readonly segment: number;
  used: number;
  /** Up to where they were handed on to be written. */
  taken: number;
}

/** Records that are ready to be written. */
export interface Span {
  readonly bytes: Uint8Array;
  /** Number of the first record of the segment that they belong to. */
  readonly segment: number;
  /** Number of the last of them. */
  readonly last: number;
}

/** What a log is told by its buffer. */
export interface BufferEvents {
  /** There is something to be written, and was nothing before. */
  onPending(): void;
  /** There is much to be written. */
  onFull(): void;
  /** The database holds another state than before. */
  onImported(): void;
  /** Returns what is in the storage. */
  stats(): StorageStats;
}

/**
 * The records that are not yet on disk. The hot part of durable storage: `record` is called for each change, copies its bytes
 * out of the database's memory, and allocates nothing while there is room. Checksums are added when records are taken.
 */
export class LogBuffer implements Recorder {
  /** Number of the last record. */
  number: number;
  /** The own replica's newest sequence. */
  sequence: number;
  /** Number of the last record that is known to be on disk. */
  durable: number;
  /** Bytes of the records that were not taken yet. */
  pending = 0;
  /** Whether anything was changed since this was set to false. */
  changed = false;
  /** Why nothing may be changed any more. */
  failure: DeltaError | undefined;

  readonly #events: BufferEvents;
  readonly #fullBytes: number;
  #chunk: Chunk;
  /** Full chunks, and those of segments before. */
  #before: Chunk[] = [];
  #quiet = true;
  #told = false;

  /**
   * @param segment - the segment that records are added to
   * @param number - of the record before the next one
   * @param sequence - the own replica's newest
   * @param fullBytes - when there is much to be written
   */
  constructor(
    segment: number,
    number: number,
    sequence: number,
    fullBytes: number,
    events: BufferEvents,
  ) {
    this.number = number;
    this.durable = number;
    this.sequence = sequence;
    this.#fullBytes = fullBytes;
    this.#events = events;
    this.#chunk = newChunk(FIRST_BYTES, segment);
  }

  /** The segment that records are added to. */
  get segment(): number {
    return this.#chunk.segment;
  }

  check(): void {
    if (this.failure !== undefined) {
      throw this.failure;
    }
  }

  record(
    kind: number,
    count: number,
    clock: number,
    sequence: number,
    head: Uint8Array | undefined,
    bytes: Uint8Array,
    at: number,
    length: number,
  ): void {
    const payload = head === undefined ? length : head.length + length;
    const total = RECORD_BYTES + payload;
    let chunk = this.#chunk;
    if (chunk.used + total > chunk.bytes.length) {
      const next = this.#next(total);
      if (next === undefined) {
        return;
      }
      chunk = next;
    }
    if (sequence > 0) {
      this.sequence = sequence;
    }
    const { used } = chunk;
    writeRecordHeader(chunk.view, used, payload, ++this.number, kind, count, clock, this.sequence);
    const target = chunk.bytes;
    let to = used + RECORD_BYTES;
    if (head !== undefined) {
      target.set(head, to);
      to += head.length;
    }
    if (length <= LOOP_BYTES) {
      for (let i = 0; i < length; i++) {
        target[to + i] = bytes[at + i];
      }
    } else {
      target.set(bytes.subarray(at, at + length), to);
    }
    chunk.used = used + total;
    this.pending += total;
    this.changed ||= kind >= APPLY && kind < CLOSE;
    if (this.#quiet) {
      this.#quiet = false;
      this.#events.onPending();
    } else if (!this.#told && this.pending >= this.#fullBytes) {
      this.#told = true;
      this.#events.onFull();
    }
  }

  imported(): void {
    this.sequence = 0;
    this.#events.onImported();
  }

  stats(): StorageStats {
    return this.#events.stats();
  }

  /** Adds a record that is no change: OPEN or CLOSE. */
  note(kind: typeof OPEN | typeof CLOSE, clock: number, payload: Uint8Array = NO_BYTES): void {
    this.record(kind, 0, clock, 0, undefined, payload, 0, payload.length);
  }

  /** Begins a segment: what is recorded from now on belongs to it. */
  rotate(): void {
    this.#before.push(this.#chunk);
    this.#chunk = newChunk(FIRST_BYTES, this.number + 1);
  }

  /**
   * Takes the records that were not taken yet, with their checksums. Their bytes do not change until {@link release}.
   *
   * @param most - the last segment whose records are wanted
   */
  take(most: number): Span[] {
    const spans: Span[] = [];
    const chunks = [...this.#before, this.#chunk];
    for (const chunk of chunks) {
      if (chunk.used > chunk.taken && chunk.segment <= most) {
        const { bytes, view, taken, used, segment } = chunk;
        let last = 0;
        for (let at = taken; at < used; ) {
          last = view.getUint32(at + 8, true) + view.getUint32(at + 12, true) * 2 ** 32;
          at = sealRecord(bytes, view, at, this.durable);
        }
        spans.push({ bytes: bytes.subarray(taken, used), segment, last });
        chunk.taken = used;
        this.pending -= used - taken;
      }
    }
    this.#before = this.#before.filter((chunk) => chunk.used > chunk.taken);
    this.#quiet = this.pending === 0;
    this.#told = false;
    return spans;
  }

  /** All that was taken is on disk: its memory may be used anew. */
  release(): void {
    const chunk = this.#chunk;
    if (chunk.taken === chunk.used) {
      chunk.used = 0;
      chunk.taken = 0;
    }
  }

  /** Makes room for a record. Returns undefined if there is none: then the log has failed. */
  #next(total: number): Chunk | undefined {
    const full = this.#chunk;
    const room = Math.max(total, Math.min(CHUNK_BYTES, 2 * full.bytes.length));
    try {
      const chunk = newChunk(room, full.segment);
      if (full.used > full.taken) {
        this.#before.push(full);
      }
      this.#chunk = chunk;
      return chunk;
    } catch (cause) {
      this.failure ??= new DeltaError(
        "OUT_OF_MEMORY",
        `no memory for ${room} bytes of the log: what the last call changed is not kept, and the database takes no more changes`,
        { cause },
      );
      this.#events.onFull();
      return undefined;
    }
  }
}

function newChunk(bytes: number, segment: number): Chunk {
  const room = new Uint8Array(bytes);
  return { bytes: room, view: viewOf(room) as DataView<ArrayBuffer>, segment, used: 0, taken: 0 };
}
