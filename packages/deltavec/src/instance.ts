import { codeOf, DeltaError } from "./errors.ts";
import type { FrameTarget } from "./frame.ts";
import { relax } from "./relaxed.ts";
import { readUtf8 } from "./text.ts";
import type { DeltaAutoCompact, DeltaPrecision, StorageStats } from "./types.ts";

/** What the module exports (docs/abi.md): 32-bit integers in and out, negative for errors. */
export interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly kernels: WebAssembly.Table;
  dv_open(options: number): number;
  dv_reserve(bytes: number): number;
  dv_attach(options: number, root: number): number;
  dv_close(handle: number): number;
  dv_control(): number;
  dv_input(bytes: number): number;
  dv_apply(
    handle: number,
    address: number,
    bytes: number,
    count: number,
    nowLow: number,
    nowHigh: number,
  ): number;
  dv_find(handle: number, id: number, idBytes: number): number;
  dv_metadata(handle: number, id: number, idBytes: number): number;
  dv_search(
    handle: number,
    query: number,
    floats: number,
    k: number,
    efSearch: number,
    mode: number,
    filter: number,
    filterBytes: number,
  ): number;
  dv_ids(handle: number, slot: number, max: number): number;
  dv_stats(handle: number): number;
  dv_digest(handle: number): number;
  dv_vector_at(
    handle: number,
    id: number,
    idBytes: number,
    timeLow: number,
    timeHigh: number,
  ): number;
  dv_metadata_at(
    handle: number,
    id: number,
    idBytes: number,
    timeLow: number,
    timeHigh: number,
  ): number;
  dv_search_at(
    handle: number,
    query: number,
    floats: number,
    k: number,
    timeLow: number,
    timeHigh: number,
  ): number;
  dv_chain(handle: number, id: number, idBytes: number): number;
  dv_arrived(handle: number): number;
  dv_read(handle: number, from: number, maxBytes: number): number;
  dv_merge(handle: number, address: number, bytes: number, nowLow: number, nowHigh: number): number;
  dv_cursor(handle: number): number;
  dv_since(handle: number, cursor: number, cursorBytes: number): number;
  dv_compact(
    handle: number,
    id: number,
    idBytes: number,
    beforeLow: number,
    beforeHigh: number,
    keepLast: number,
    maxLow: number,
    maxHigh: number,
  ): number;
  dv_rollback_to(
    handle: number,
    id: number,
    idBytes: number,
    deltaId: number,
    nowLow: number,
    nowHigh: number,
  ): number;
  dv_repair(handle: number, maxNodes: number): number;
  dv_export(handle: number, flags: number): number;
  dv_export_next(handle: number): number;
  dv_import(options: number): number;
  dv_import_next(handle: number, address: number, bytes: number): number;
  dv_import_end(handle: number, replaced: number): number;
  dv_replica(handle: number, low: number, high: number): number;
  dv_check(handle: number): number;
  dv_rows(handle: number, slot: number, max: number): number;
}

/** The functions that a module must export, besides `memory` and the table `kernels`. */
export const FUNCTIONS: readonly (keyof Exports)[] = [
  "dv_open",
  "dv_reserve",
  "dv_attach",
  "dv_close",
  "dv_control",
  "dv_input",
  "dv_apply",
  "dv_find",
  "dv_metadata",
  "dv_search",
  "dv_ids",
  "dv_stats",
  "dv_digest",
  "dv_vector_at",
  "dv_metadata_at",
  "dv_search_at",
  "dv_chain",
  "dv_arrived",
  "dv_read",
  "dv_merge",
  "dv_cursor",
  "dv_since",
  "dv_compact",
  "dv_rollback_to",
  "dv_repair",
  "dv_check",
  "dv_rows",
  "dv_export",
  "dv_export_next",
  "dv_import",
  "dv_import_next",
  "dv_import_end",
  "dv_replica",
];

/** The options record of `dv_open`. */
export interface OpenOptions {
  readonly dimensions: number;
  readonly maxVectors: number;
  readonly checkpointInterval: number;
  readonly hnswM: number;
  readonly hnswEfConstruction: number;
  readonly hnswEfSearch: number;
  /** 0 cosine, 1 dot, 2 euclidean. */
  readonly metric: number;
  readonly compression: boolean;
  readonly history: boolean;
  /** 12 hexadecimal digits. */
  readonly replicaId: string;
  readonly precision: DeltaPrecision | null;
  readonly autoCompact: DeltaAutoCompact | null;
  readonly maxClockAheadMs: number;
  /** 0 none, 1 int8, 2 int4. */
  readonly quantization: number;
  readonly keepFloats: boolean;
  readonly recallSampleRate: number;
  /** Bytes that all memory there will ever be has; 0: it grows. */
  readonly reservedBytes: number;
}

/** Bits of the mode of {@link Instance.search}. */
export const EXACT = 1;
export const FILTER_SLOTS = 2;
/** By how many bits the metric's number and 1 is shifted. */
export const METRIC_SHIFT = 8;

/** Bytes asked for at first: more than one dense delta of 1,536 values. */
const FIRST_INPUT_BYTES = 8192;
const MAX_INPUT_BYTES = 0xffff_0000;
/** Pages of 64 KiB that a shared memory may have, one less than 4 GiB, and those with which it is still worth a try. */
const MOST_PAGES = 65_535;
const LEAST_PAGES = 1_024;
/** Seeds the level generator; the same on every platform, so that the same deltas build the same graph. */
const SEED_LOW = 0x7f4a7c15;
const SEED_HIGH = 0x9e3779b9;

/** Fields of the control block, in 32-bit words. */
const OUTPUT = 0;
const OUTPUT_BYTES = 1;
const MESSAGE = 2;
const MESSAGE_BYTES = 3;
const INDEX = 4;
const NEXT = 5;
const SIZE = 6;
const PENDING = 7;
const ROOT = 8;

/** Keeps others away from the memory while it is written. */
export interface Gate {
  /** Waits until nobody else is at the memory, and keeps them away. */
  enter(): void;
  leave(): void;
  /** Turns them away: the memory is not written any more, and may be no good. */
  end(): void;
  /** Tells them that the database's root is elsewhere now. */
  moved(root: number): void;
}

/** Told of what changes a database, to keep it: the log of a durable one. */
export interface Recorder {
  /** Throws if nothing may be changed any more. */
  check(): void;

  /**
   * A call has changed the database.
   *
   * @param kind - {@link APPLIED} and so on
   * @param count - deltas
   * @param clock - what the clock had said
   * @param sequence - the own replica's newest, 0 if it is as before
   * @param head - bytes to be kept before the others
   * @param bytes - the memory that the others lie in
   * @param at - where they begin
   * @param length - how many they are
   */
  record(
    kind: number,
    count: number,
    clock: number,
    sequence: number,
    head: Uint8Array | undefined,
    bytes: Uint8Array,
    at: number,
    length: number,
  ): void;

  /** The database holds another state now, and issues its deltas under a replica that it does not know. */
  imported(): void;

  /** Returns what is in the storage. */
  stats(): StorageStats;
}

/** What was done, as {@link Recorder} is told (docs/format.md, kinds of records). */
export const APPLIED = 2;
export const MERGED = 3;
export const ROLLED_BACK = 4;
export const COMPACTED = 5;

/** A database that another instance writes to the same memory. */
export interface Image {
  readonly memory: WebAssembly.Memory;
  /** Address of its root. */
  readonly root: number;
}

/** Whether calls are let in. Anything but READY refuses them. */
const READY = 0;
/** The caller's objects are being read, whose getters may call back, or a function of theirs runs. */
const READING = 1;
const CLOSED = 2;
const FAULTY = 3;

/**
 * One instance of the module with one database in it: its calls, views on its memory, its input buffer. Views are
 * replaced when the memory has grown, after the call that grew it; nobody keeps one.
 *
 * An instance of the shared build (docs/abi.md) has a memory that others can search, in workers of their own.
 *
 * What a call throws that is not our doing (a trap, an exhausted stack) leaves the instance in an unknown state: it is
 * given up then and refuses further calls. Other instances are not affected.
 */
export class Instance implements FrameTarget {
  bytes: Uint8Array;
  /** The memory in words of 32 bits. */
  words: Uint32Array;
  floats: Float32Array;
  view: DataView;
  input = 0;
  inputBytes = 0;
  /** Called when the instance lets nothing in any more: it was closed, or given up. */
  onEnd: (() => void) | undefined;
  /** Passed by all calls that write what others may search. */
  gate: Gate | undefined;
  /** Called before the next call that changes the database, once. */
  beforeWrite: (() => void) | undefined;
  /** How often the database was replaced by an import. */
  generation = 0;
  /** Told of each call that has changed the database. */
  recorder: Recorder | undefined;

  #exports: Exports;
  readonly #shared: boolean;
  readonly #control: number;
  readonly #options: OpenOptions;
  #handle = 0;
  #state = READY;
  #fault: unknown;

  /**
   * Opens a database, or looks at that of another instance; then only {@link search} may be called.
   *
   * @param module - a module that {@link FUNCTIONS} were found in
   * @param image - what to look at; needs the shared build
   * @throws DeltaError INVALID_ARGUMENT, OUT_OF_MEMORY
   */
  constructor(module: WebAssembly.Module, options: OpenOptions, image?: Image) {
    this.#exports = instantiate(module, image?.memory);
    const { buffer } = this.memory;
    this.#shared = !(buffer instanceof ArrayBuffer);
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.floats = new Float32Array(buffer);
    this.view = new DataView(buffer);
    this.#control = this.#call(() => this.#exports.dv_control()) >>> 2;
    this.#refresh();
    this.grow(FIRST_INPUT_BYTES, 0);
    const { reservedBytes } = options;
    if (
      reservedBytes > 0 &&
      (reservedBytes > MAX_INPUT_BYTES || this.#call(() => this.#exports.dv_reserve(reservedBytes)))
    ) {
      throw new DeltaError(
        "OUT_OF_MEMORY",
        `no memory of ${Math.ceil(reservedBytes)} bytes for option reserve: lower maxVectors, or keep less history (autoCompact, checkpointInterval, history)`,
      );
    }
    this.#options = options;
    const at = this.#writeOptions(options);
    this.#handle = this.#done(
      this.#call(() =>
        image === undefined ? this.#exports.dv_open(at) : this.#exports.dv_attach(at, image.root),
      ),
    );
  }

  /** The memory, while calls are let in: nobody else holds it, so that it can be collected afterwards. */
  get memory(): WebAssembly.Memory {
    return this.#exports.memory;
  }

  /** Number of live vectors. */
  get size(): number {
    return this.words[this.#control + SIZE];
  }

  /** Number of vectors queued to be linked after the last call that changed it. */
  get pending(): number {
    return this.words[this.#control + PENDING];
  }

  /** Address of the root of the database that was opened. */
  get root(): number {
    return this.words[this.#control + ROOT];
  }

  /** Whether calls are let in. */
  get ready(): boolean {
    return this.#state === READY;
  }

  /** Whether the database was closed, not given up. */
  get closed(): boolean {
    return this.#state === CLOSED;
  }

  /** Index of the last call's output in {@link words}. */
  get output(): number {
    return this.words[this.#control + OUTPUT] >>> 2;
  }

  /** Bytes of the last call's output. */
  get outputBytes(): number {
    return this.words[this.#control + OUTPUT_BYTES];
  }

  /** Slot to go on from after {@link ids} and {@link rows}, or -1; arrival to go on from after {@link read}. */
  get next(): number {
    return this.words[this.#control + NEXT] | 0;
  }

  /** Throws unless calls are let in: DeltaError CLOSED; INVALID_ARGUMENT while the caller's objects are read. */
  check(): void {
    if (this.#state !== READY) {
      this.#refuse();
    }
  }

  /**
   * From here to {@link endReading} the caller's objects are read, or a function of theirs runs; no call may come in and use
   * the same input.
   */
  beginReading(): void {
    this.#state = READING;
  }

  /** The caller's objects have been read. */
  endReading(): void {
    if (this.#state === READING) {
      this.#state = READY;
    }
  }

  grow(bytes: number, used: number): void {
    const kept = this.bytes.slice(this.input, this.input + used);
    const wanted = Math.ceil(Math.max(bytes, 1.5 * used) / 64) * 64;
    const granted =
      wanted <= MAX_INPUT_BYTES ? this.#call(() => this.#exports.dv_input(wanted)) : 0;
    this.#refresh();
    if (granted === 0) {
      throw new DeltaError("OUT_OF_MEMORY", `no memory for an input of ${wanted} bytes`);
    }
    this.input = granted >>> 0;
    this.inputBytes = wanted;
    this.bytes.set(kept, this.input);
  }

  /** Applies frames in the input buffer; {@link output} has 4 words for each. Throws what the core refuses. */
  apply(address: number, bytes: number, count: number, now: number, batch: boolean): void {
    const { gate, recorder } = this;
    recorder?.check();
    this.#aboutToWrite();
    gate?.enter();
    let result: number;
    try {
      result = this.#exports.dv_apply(this.#handle, address, bytes, count, now, now / 2 ** 32);
    } catch (error) {
      throw this.#giveUp(error);
    }
    gate?.leave();
    this.#settle();
    if (result < 0) {
      const error = this.#error(result, batch);
      this.#keptBudget(now);
      throw error;
    }
    if (recorder !== undefined) {
      const sequence = this.words[this.output + 4 * count - 2];
      recorder.record(APPLIED, count, now, sequence, undefined, this.bytes, address, bytes);
    }
  }

  /** Finds the vector whose id is in the input buffer. Returns the address of its floats, or 0. */
  find(idBytes: number): number {
    let address: number;
    try {
      address = this.#exports.dv_find(this.#handle, this.input, idBytes) >>> 0;
    } catch (error) {
      throw this.#giveUp(error);
    }
    this.#settle();
    return address;
  }

  /**
   * Searches for the query at the start of the input buffer. Returns the number of hits; {@link output} has 4 words for
   * each: score, address and bytes of the id, slot.
   *
   * @param floats - the query's length; the filter stands right behind it
   * @param efSearch - 0 for the database's own
   * @param mode - {@link EXACT}, {@link FILTER_SLOTS}, a metric shifted by {@link METRIC_SHIFT}; 0 for none of these
   * @param filterBytes - 0 for no filter
   */
  search(floats: number, k: number, efSearch: number, mode: number, filterBytes: number): number {
    const query = this.input;
    let result: number;
    try {
      result = this.#exports.dv_search(
        this.#handle,
        query,
        floats,
        k,
        efSearch,
        mode,
        query + 4 * floats,
        filterBytes,
      );
    } catch (error) {
      throw this.#giveUp(error);
    }
    this.#settle();
    return result < 0 ? this.#done(result) : result;
  }

  /** Returns the metadata of the vector whose id is in the input buffer, as JSON; undefined: no such vector. */
  metadata(idBytes: number): string | undefined {
    const found = this.#done(
      this.#call(() => this.#exports.dv_metadata(this.#handle, this.input, idBytes)),
    );
    return found === 0 ? undefined : this.#outputText();
  }

  /** Lists up to `max` ids from a slot on. Returns their number; {@link output} has 2 words for each. */
  ids(slot: number, max: number): number {
    return this.#done(this.#call(() => this.#exports.dv_ids(this.#handle, slot, max)));
  }

  /**
   * Lists up to `max` live vectors from a slot on. Returns their number; {@link output} has 5 words for each: slot, address
   * and bytes of the id, address (0: has none) and bytes of the metadata. These are the database's own bytes.
   */
  rows(slot: number, max: number): number {
    let result: number;
    try {
      result = this.#exports.dv_rows(this.#handle, slot, max);
    } catch (error) {
      throw this.#giveUp(error);
    }
    this.#settle();
    return this.#done(result);
  }

  /** Links up to `most` vectors that are queued. Returns how many still are. */
  repair(most: number): number {
    return this.#done(this.#write(() => this.#exports.dv_repair(this.#handle, most)));
  }

  /** Goes over the search graph. {@link output} has what was found. */
  checkIndex(): void {
    this.#done(this.#call(() => this.#exports.dv_check(this.#handle)));
  }

  /** Makes {@link output} the statistics record. */
  stats(): void {
    this.#done(this.#call(() => this.#exports.dv_stats(this.#handle)));
  }

  /** Makes {@link output} the state digest. */
  digest(): void {
    this.#done(this.#call(() => this.#exports.dv_digest(this.#handle)));
  }

  /**
   * Finds the vector whose id is in the input buffer as it was at a time. Returns whether it lived then; {@link output} has
   * its floats.
   */
  vectorAt(idBytes: number, time: number): boolean {
    const call = () =>
      this.#exports.dv_vector_at(this.#handle, this.input, idBytes, time, upper(time));
    return this.#done(this.#call(call)) !== 0;
  }

  /** Returns metadata as it was at a time, as JSON; otherwise as {@link metadata}. */
  metadataAt(idBytes: number, time: number): string | undefined {
    const call = () =>
      this.#exports.dv_metadata_at(this.#handle, this.input, idBytes, time, upper(time));
    return this.#done(this.#call(call)) === 0 ? undefined : this.#outputText();
  }

  /** Searches as of a time, exactly; otherwise as {@link search}. */
  searchAt(floats: number, k: number, time: number): number {
    const call = () =>
      this.#exports.dv_search_at(this.#handle, this.input, floats, k, time, upper(time));
    return this.#done(this.#call(call));
  }

  /** Makes {@link output} the chain of the id in the input buffer. Returns false if it was never seen. */
  chain(idBytes: number): boolean {
    return (
      this.#done(this.#call(() => this.#exports.dv_chain(this.#handle, this.input, idBytes))) !== 0
    );
  }

  /** Returns the number of deltas that have come in. Throws INVALID_ARGUMENT if there is no history. */
  arrived(): number {
    return this.#done(this.#call(() => this.#exports.dv_arrived(this.#handle)));
  }

  /**
   * Reads deltas from an arrival on, one at least, until there are `maxBytes`. Returns their number; {@link output} has
   * their frames, {@link next} tells where to go on.
   */
  read(from: number, maxBytes: number): number {
    return this.#done(this.#call(() => this.#exports.dv_read(this.#handle, from, maxBytes)));
  }

  /** Merges the `bytes` bytes in the input buffer. {@link output} has the result. */
  merge(bytes: number, now: number): void {
    const { recorder } = this;
    recorder?.check();
    const call = () => this.#exports.dv_merge(this.#handle, this.input, bytes, now, upper(now));
    const result = this.#write(call);
    if (result < 0) {
      const error = this.#error(result, false);
      this.#keptBudget(now);
      throw error;
    }
    const { words, output } = this;
    if (words[output] > 0 || words[output + 2] > 0) {
      recorder?.record(MERGED, words[output], now, 0, undefined, this.bytes, this.input, bytes);
    } else {
      this.#keptBudget(now);
    }
  }

  /**
   * A call that should have changed the database has not, but may have compacted history to keep its budget: a merge of nothing,
   * which does that again, is recorded, or else what is done again later would find another history.
   */
  #keptBudget(now: number): void {
    if (this.#options.autoCompact !== null && this.#options.history && this.#state !== FAULTY) {
      this.recorder?.record(MERGED, 0, now, 0, undefined, this.bytes, this.input, 0);
    }
  }

  /** Makes {@link output} the cursor. */
  cursor(): void {
    this.#done(this.#call(() => this.#exports.dv_cursor(this.#handle)));
  }

  /** Makes {@link output} what the cursor of `bytes` bytes in the input buffer lacks; 0 bytes for everything. */
  since(bytes: number): void {
    this.#done(this.#call(() => this.#exports.dv_since(this.#handle, this.input, bytes)));
  }

  /**
   * Compacts history. {@link output} has what was done.
   *
   * @param idBytes - bytes of the id in the input buffer, 0 for all vectors
   * @param before - Unix milliseconds; infinite for no bound
   * @param keepLast - deltas of each vector that stay
   * @param maxBytes - bytes to come down to, -1 for no limit
   */
  compact(idBytes: number, before: number, keepLast: number, maxBytes: number): void {
    const id = idBytes === 0 ? 0 : this.input;
    const [low, high] = Number.isFinite(before) ? [before, upper(before)] : [-1, 0x7fff_ffff];
    const most = upper(maxBytes);
    const { recorder } = this;
    recorder?.check();
    const call = () =>
      this.#exports.dv_compact(this.#handle, id, idBytes, low, high, keepLast, maxBytes, most);
    this.#done(this.#write(call));
    if (recorder !== undefined && (before > 0 || maxBytes >= 0)) {
      const head = new DataView(new ArrayBuffer(22));
      head.setFloat64(0, before, true);
      head.setFloat64(8, maxBytes, true);
      head.setUint32(16, keepLast, true);
      head.setUint16(20, idBytes, true);
      const bytes = new Uint8Array(head.buffer);
      recorder.record(COMPACTED, 0, 0, 0, bytes, this.bytes, this.input, idBytes);
    }
  }

  /**
   * Rolls back the vector whose id is at the start of the input buffer, and the delta's id right behind it. Returns the
   * number of deltas applied; {@link output} has 4 words for each.
   */
  rollBackTo(idBytes: number, now: number): number {
    const { recorder } = this;
    recorder?.check();
    const call = () =>
      this.#exports.dv_rollback_to(
        this.#handle,
        this.input,
        idBytes,
        this.input + idBytes,
        now,
        upper(now),
      );
    const count = this.#done(this.#write(call));
    if (recorder !== undefined && count > 0) {
      const head = Uint8Array.of(idBytes, idBytes >>> 8);
      const sequence = this.words[this.output + 4 * count - 2];
      const { bytes, input } = this;
      recorder.record(ROLLED_BACK, count, now, sequence, head, bytes, input, idBytes + 16);
    }
    return count;
  }

  /** Begins to write a snapshot; `flags` and what is returned as of `dv_export`. */
  beginExport(flags: number): number {
    this.#aboutToWrite(); // one that is not read to its end
    return this.#done(this.#call(() => this.#exports.dv_export(this.#handle, flags)));
  }

  /** Returns the next section of the snapshot, a view on the memory until the next call; undefined behind the last. */
  exportNext(): Uint8Array | undefined {
    const bytes = this.#done(this.#call(() => this.#exports.dv_export_next(this.#handle)));
    const at = 4 * this.output;
    return bytes === 0 ? undefined : this.bytes.subarray(at, at + bytes);
  }

  /** Opens an empty database, with the same options, that a snapshot is read into. Returns its handle. */
  beginImport(): number {
    const at = this.#writeOptions(this.#options);
    return this.#done(this.#call(() => this.#exports.dv_import(at)));
  }

  /** Reads the `bytes` bytes in the input buffer. Returns how many were read. */
  importNext(handle: number, bytes: number): number {
    return this.#done(this.#call(() => this.#exports.dv_import_next(handle, this.input, bytes)));
  }

  /** Makes what was read the database. {@link output} has what `dv_import_end` tells. */
  endImport(handle: number): void {
    this.recorder?.check();
    this.#aboutToWrite();
    const { gate } = this;
    gate?.enter();
    const result = this.#call(() => this.#exports.dv_import_end(handle, this.#handle));
    gate?.moved(this.root);
    gate?.leave();
    this.#done(result);
    this.generation++;
  }

  /** Gives up what was read. */
  abortImport(handle: number): void {
    const { size, pending } = this;
    this.#call(() => this.#exports.dv_close(handle));
    this.words[this.#control + SIZE] = size;
    this.words[this.#control + PENDING] = pending;
  }

  /**
   * Issues deltas under another replica from now on, 12 hexadecimal digits. Returns whether the database knows deltas of
   * its.
   */
  setReplica(replicaId: string): boolean {
    const replica = Number.parseInt(replicaId, 16);
    const call = () => this.#exports.dv_replica(this.#handle, replica, upper(replica));
    return this.#done(this.#call(call)) !== 0;
  }

  /** Looks at the database of another instance at its new place. */
  attach(root: number): void {
    const at = this.#writeOptions(this.#options);
    this.#done(this.#call(() => this.#exports.dv_attach(at, root)));
  }

  /** Puts bytes into the input buffer; returns their number. */
  put(bytes: Uint8Array): number {
    const own = bytes.buffer === this.bytes.buffer ? bytes.slice() : bytes; // growing would cut it off
    if (own.length > this.inputBytes) {
      this.grow(own.length, 0);
    }
    this.bytes.set(own, this.input);
    return own.length;
  }

  /** Returns a copy of the output from byte `from` on. */
  outputCopy(from = 0): Uint8Array<ArrayBuffer> {
    const at = 4 * this.output;
    return this.bytes.slice(at + from, at + this.outputBytes);
  }

  /** Frees the database; nothing is let in afterwards. Again: does nothing. */
  close(): void {
    if (this.#state === READING) {
      this.#refuse();
    }
    if (this.#state === READY) {
      this.gate?.enter();
      this.#call(() => this.#exports.dv_close(this.#handle));
      this.#state = CLOSED;
      this.#forget();
    }
  }

  /** Returns text in memory. */
  text(address: number, bytes: number): string {
    return readUtf8(this.bytes, address, bytes);
  }

  #outputText(): string {
    return this.text(4 * this.output, this.outputBytes);
  }

  #writeOptions(options: OpenOptions): number {
    const view = this.view;
    const replica = Number.parseInt(options.replicaId, 16);
    const record = [
      options.dimensions,
      options.maxVectors,
      options.checkpointInterval,
      options.hnswM,
      options.hnswEfConstruction,
      options.hnswEfSearch,
      options.metric,
      (options.compression ? 1 : 0) | (options.history ? 2 : 0) | (options.keepFloats ? 4 : 0),
      replica,
      replica / 2 ** 32,
      SEED_LOW,
      SEED_HIGH,
      options.precision?.grid ?? 0,
      0,
    ];
    record.forEach((word, i) => {
      view.setUint32(this.input + 4 * i, word, true);
    });
    view.setFloat64(this.input + 56, options.autoCompact?.maxBytes ?? 0, true);
    view.setFloat64(this.input + 64, options.maxClockAheadMs, true);
    view.setUint32(this.input + 72, options.quantization, true);
    view.setUint32(this.input + 76, 0, true);
    view.setFloat64(this.input + 80, options.recallSampleRate, true);
    return this.input;
  }

  /** For calls that are not hot: runs it, gives up the instance if it throws, sees to the views. */
  #call(run: () => number): number {
    let result: number;
    try {
      result = run();
    } catch (error) {
      throw this.#giveUp(error);
    }
    this.#settle();
    return result;
  }

  /** For calls that write, as {@link #call}. After a fault nobody is let at the memory any more. */
  #write(run: () => number): number {
    this.#aboutToWrite();
    const { gate } = this;
    gate?.enter();
    const result = this.#call(run);
    gate?.leave();
    return result;
  }

  #aboutToWrite(): void {
    const { beforeWrite } = this;
    if (beforeWrite !== undefined) {
      this.beforeWrite = undefined;
      beforeWrite();
    }
  }

  /** Looks whether the memory has grown: one that is not shared detaches its views then. */
  #settle(): void {
    if (
      this.#shared ? this.memory.buffer.byteLength !== this.bytes.length : this.bytes.length === 0
    ) {
      this.#refresh();
    }
  }

  #done(result: number): number {
    if (result < 0) {
      throw this.#error(result, false);
    }
    return result;
  }

  #error(result: number, batch: boolean): DeltaError {
    const words = this.words;
    const control = this.#control;
    const message = this.text(words[control + MESSAGE], words[control + MESSAGE_BYTES]);
    const code = codeOf(-result);
    if (code === undefined) {
      return this.#giveUp(new Error(`error ${result}: ${message}`));
    }
    const index = words[control + INDEX] | 0;
    return new DeltaError(code, message, batch && index >= 0 ? { index } : {});
  }

  #refresh(): void {
    const buffer = this.#exports.memory.buffer;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.floats = new Float32Array(buffer);
    this.view = new DataView(buffer);
  }

  #giveUp(cause: unknown): DeltaError {
    this.#state = FAULTY;
    this.#fault = cause;
    this.#forget();
    return this.#faultError();
  }

  /** Lets go of the memory, whoever still holds the database. */
  #forget(): void {
    this.gate?.end();
    this.#exports = NO_EXPORTS;
    const nothing = new ArrayBuffer(0);
    this.bytes = new Uint8Array(nothing);
    this.words = new Uint32Array(nothing);
    this.floats = new Float32Array(nothing);
    this.view = new DataView(nothing);
    this.onEnd?.();
  }

  #faultError(): DeltaError {
    const cause = this.#fault;
    const what = cause instanceof Error ? cause.message : String(cause);
    return new DeltaError(
      "CLOSED",
      `internal fault, this database refuses further calls: ${what}`,
      { cause },
    );
  }

  #refuse(): never {
    switch (this.#state) {
      case FAULTY:
        throw this.#faultError();
      case CLOSED:
        throw new DeltaError("CLOSED", "the database is closed");
      default:
        throw new DeltaError(
          "INVALID_ARGUMENT",
          "a filter function, or a getter or toJSON of a delta's object, must not call the database that is calling it",
        );
    }
  }
}

/** Returns the upper of the two words of a whole number of up to 53 bits; WebAssembly takes the lower by itself. */
function upper(value: number): number {
  return Math.floor(value / 2 ** 32);
}

/** Never called: the state is not READY then. */
const NO_EXPORTS = {} as Exports;

function instantiate(module: WebAssembly.Module, image: WebAssembly.Memory | undefined): Exports {
  try {
    const shared = WebAssembly.Module.imports(module).length > 0;
    const imports = shared ? { deltavec: { memory: image ?? sharedMemory() } } : {};
    const exports = new WebAssembly.Instance(module, imports).exports as unknown as Exports;
    relax(exports.memory, exports.kernels);
    return exports;
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw new DeltaError("OUT_OF_MEMORY", `no memory for another database: ${cause.message}`, {
        cause,
      });
    }
    throw new DeltaError("UNSUPPORTED_PLATFORM", `the module cannot be run: ${String(cause)}`, {
      cause,
    });
  }
}

/** Returns a memory for the shared build: as large as may be, where the platform gives no more, less. */
function sharedMemory(): WebAssembly.Memory {
  for (let maximum = MOST_PAGES; ; maximum >>>= 1) {
    try {
      return new WebAssembly.Memory({ initial: 1, maximum, shared: true });
    } catch (error) {
      if (!(error instanceof RangeError) || maximum < LEAST_PAGES) {
        throw error;
      }
    }
  }
}
