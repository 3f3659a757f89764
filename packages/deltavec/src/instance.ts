import { codeOf, DeltaError } from "./errors.ts";
import type { FrameTarget } from "./frame.ts";
import { readUtf8 } from "./text.ts";

/** What the module exports (docs/abi.md): 32-bit integers in and out, negative for errors. */
export interface Exports {
  readonly memory: WebAssembly.Memory;
  dv_open(options: number): number;
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
  dv_search(handle: number, query: number, floats: number, k: number, efSearch: number): number;
  dv_ids(handle: number, slot: number, max: number): number;
  dv_stats(handle: number): number;
  dv_digest(handle: number): number;
}

/** The functions that a module must export, besides `memory`. */
export const FUNCTIONS: readonly (keyof Exports)[] = [
  "dv_open",
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
  /** 12 hexadecimal digits. */
  readonly replicaId: string;
}

/** Bytes asked for at first: more than one dense delta of 1,536 values. */
const FIRST_INPUT_BYTES = 8192;
const MAX_INPUT_BYTES = 0xffff_0000;
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

/** Whether calls are let in. Anything but READY refuses them. */
const READY = 0;
/** The caller's objects are being read, whose getters may call back. */
const READING = 1;
const CLOSED = 2;
const FAULTY = 3;

/**
 * One instance of the module with one database in it: its calls, views on its memory, its input buffer. Views are
 * replaced when the memory has grown, after the call that grew it; nobody keeps one.
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

  #exports: Exports;
  readonly #control: number;
  #handle = 0;
  #state = READY;
  #fault: unknown;

  /**
   * Opens a database.
   *
   * @param module - a module that {@link FUNCTIONS} were found in
   * @throws DeltaError INVALID_ARGUMENT, OUT_OF_MEMORY
   */
  constructor(module: WebAssembly.Module, options: OpenOptions) {
    this.#exports = instantiate(module);
    const buffer = this.#exports.memory.buffer;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.floats = new Float32Array(buffer);
    this.view = new DataView(buffer);
    this.#control = this.#call(() => this.#exports.dv_control()) >>> 2;
    this.#refresh();
    this.grow(FIRST_INPUT_BYTES, 0);
    this.#handle = this.#done(this.#call(() => this.#exports.dv_open(this.#writeOptions(options))));
  }

  /** Number of live vectors. */
  get size(): number {
    return this.words[this.#control + SIZE];
  }

  /** Index of the last call's output in {@link words}. */
  get output(): number {
    return this.words[this.#control + OUTPUT] >>> 2;
  }

  /** Slot to go on from after {@link ids}, or -1. */
  get next(): number {
    return this.words[this.#control + NEXT] | 0;
  }

  /** Throws unless calls are let in: DeltaError CLOSED; INVALID_ARGUMENT while the caller's objects are read. */
  check(): void {
    if (this.#state !== READY) {
      this.#refuse();
    }
  }

  /** From here to {@link endReading} the caller's objects are read; no call may come in and use the same input. */
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
    let result: number;
    try {
      result = this.#exports.dv_apply(this.#handle, address, bytes, count, now, now / 2 ** 32);
    } catch (error) {
      throw this.#giveUp(error);
    }
    if (this.bytes.length === 0) {
      this.#refresh();
    }
    if (result < 0) {
      throw this.#error(result, batch);
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
    if (this.bytes.length === 0) {
      this.#refresh();
    }
    return address;
  }

  /** Searches for the query in the input buffer. Returns the number of hits; {@link output} has 4 words for each. */
  search(floats: number, k: number): number {
    let result: number;
    try {
      result = this.#exports.dv_search(this.#handle, this.input, floats, k, 0);
    } catch (error) {
      throw this.#giveUp(error);
    }
    if (this.bytes.length === 0) {
      this.#refresh();
    }
    return result < 0 ? this.#done(result) : result;
  }

  /** Returns the metadata of the vector whose id is in the input buffer, as JSON; undefined: no such vector. */
  metadata(idBytes: number): string | undefined {
    const found = this.#done(
      this.#call(() => this.#exports.dv_metadata(this.#handle, this.input, idBytes)),
    );
    const words = this.words;
    return found === 0
      ? undefined
      : this.text(words[this.#control + OUTPUT], words[this.#control + OUTPUT_BYTES]);
  }

  /** Lists up to `max` ids from a slot on. Returns their number; {@link output} has 2 words for each. */
  ids(slot: number, max: number): number {
    return this.#done(this.#call(() => this.#exports.dv_ids(this.#handle, slot, max)));
  }

  /** Makes {@link output} the statistics record. */
  stats(): void {
    this.#done(this.#call(() => this.#exports.dv_stats(this.#handle)));
  }

  /** Makes {@link output} the state digest. */
  digest(): void {
    this.#done(this.#call(() => this.#exports.dv_digest(this.#handle)));
  }

  /** Frees the database; nothing is let in afterwards. Again: does nothing. */
  close(): void {
    if (this.#state === READING) {
      this.#refuse();
    }
    if (this.#state === READY) {
      this.#call(() => this.#exports.dv_close(this.#handle));
      this.#state = CLOSED;
      this.#forget();
    }
  }

  /** Returns text in memory. */
  text(address: number, bytes: number): string {
    return readUtf8(this.bytes, address, bytes);
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
      options.compression ? 1 : 0,
      replica,
      replica / 2 ** 32,
      SEED_LOW,
      SEED_HIGH,
    ];
    record.forEach((word, i) => {
      view.setUint32(this.input + 4 * i, word, true);
    });
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
    if (this.bytes.length === 0) {
      this.#refresh();
    }
    return result;
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
    this.#exports = NO_EXPORTS;
    const nothing = new ArrayBuffer(0);
    this.bytes = new Uint8Array(nothing);
    this.words = new Uint32Array(nothing);
    this.floats = new Float32Array(nothing);
    this.view = new DataView(nothing);
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
          "a getter or toJSON of a delta's object must not call the database that is reading it",
        );
    }
  }
}

/** Never called: the state is not READY then. */
const NO_EXPORTS = {} as Exports;

function instantiate(module: WebAssembly.Module): Exports {
  try {
    return new WebAssembly.Instance(module).exports as unknown as Exports;
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
