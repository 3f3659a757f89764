import { readFileSync } from "node:fs";
import { join } from "node:path";

const target: string = join(import.meta.dirname, "../../../target");

/** The exports of docs/abi.md, and the kernels, which only the module for tests exports. */
export interface Exports {
  readonly memory: WebAssembly.Memory;
  dv_open(options: number): number;
  dv_reserve(bytes: number): number;
  dv_attach(options: number, root: number): number;
  dv_close(handle: number): number;
  dv_control(): number;
  dv_input(bytes: number): number;
  dv_apply(h: number, at: number, bytes: number, count: number, low: number, high: number): number;
  dv_find(handle: number, id: number, idBytes: number): number;
  dv_metadata(handle: number, id: number, idBytes: number): number;
  dv_search(
    ...[handle, query, floats, k, efSearch, mode, filter, filterBytes]: readonly number[]
  ): number;
  dv_rows(handle: number, slot: number, max: number): number;
  dv_repair(handle: number, maxNodes: number): number;
  dv_check(handle: number): number;
  dv_ids(handle: number, slot: number, max: number): number;
  dv_stats(handle: number): number;
  dv_digest(handle: number): number;
  dv_vector_at(h: number, id: number, idBytes: number, low: number, high: number): number;
  dv_metadata_at(h: number, id: number, idBytes: number, low: number, high: number): number;
  dv_search_at(h: number, at: number, n: number, k: number, low: number, high: number): number;
  dv_chain(handle: number, id: number, idBytes: number): number;
  dv_arrived(handle: number): number;
  dv_read(handle: number, from: number, maxBytes: number): number;
  dv_merge(h: number, at: number, bytes: number, low: number, high: number): number;
  dv_cursor(handle: number): number;
  dv_since(handle: number, cursor: number, cursorBytes: number): number;
  dv_compact(
    ...[handle, id, idBytes, low, high, keepLast, maxLow, maxHigh]: readonly number[]
  ): number;
  dv_rollback_to(...[handle, id, idBytes, deltaId, nowLow, nowHigh]: readonly number[]): number;
  dot(a: number, b: number, floats: number): number;
  squaredDistance(a: number, b: number, floats: number): number;
  dotBatch(query: number, rows: number, n: number, floats: number, out: number): void;
  squaredDistanceBatch(query: number, rows: number, n: number, floats: number, out: number): void;
  allFinite(address: number, n: number): number;
  crcScratch(at: number): void;
  crc32c(crc: number, address: number, bytes: number): number;
  readonly kernels: WebAssembly.Table;
  encode(...[row, factor, center, floats, codes, out]: readonly number[]): void;
  encode4(...[row, factor, center, floats, dimensions, codes, out]: readonly number[]): void;
  encodeQuery(...[row, factor, center, floats, query, out]: readonly number[]): void;
  queryOfCodes(row: number, codes: number, query: number): void;
  queryOfCodes4(row: number, codes: number, query: number): void;
  codeDotBatch(query: number, rows: number, n: number, codes: number, out: number): void;
  codeDotBatch4(query: number, rows: number, n: number, codes: number, out: number): void;
  copy(source: number, target: number, bytes: number): void;
  clear(address: number, bytes: number): void;
  size(): number;
  grow(pages: number): number;
}

/** The module that ships. */
export const shipped: WebAssembly.Module = new WebAssembly.Module(
  readFileSync(join(target, "deltavec.wasm")),
);

/** The same with the kernels exported and a memory of at most 16 MiB. */
export const forTests: WebAssembly.Module = new WebAssembly.Module(
  readFileSync(join(target, "deltavec-test.wasm")),
);

/** Kernels in relaxed SIMD, which take the place of those in the table. */
export const relaxed: WebAssembly.Module = new WebAssembly.Module(
  readFileSync(join(target, "relaxed.wasm")),
);

/** Error numbers of docs/abi.md, as functions return them. */
export const INVALID_ARGUMENT = -1;
export const DIMENSION_MISMATCH = -2;
export const NOT_FINITE = -3;
export const VECTOR_NOT_FOUND = -4;
export const VECTOR_EXISTS = -5;
export const CAPACITY_EXCEEDED = -7;
export const OUT_OF_MEMORY = -8;
export const HISTORY_COMPACTED = -10;
export const CORRUPT_DATA = -11;
export const UNSUPPORTED_VERSION = -12;
export const CLOSED = -13;

export const DOT = 1;
export const EUCLIDEAN = 2;

/** Bits of the mode of `dv_search`. */
export const EXACT = 1;
export const FILTER_SLOTS = 2;
export const METRIC_SHIFT = 8;

export const NO_CODES = 0;
export const INT8 = 1;
export const INT4 = 2;

/** Fields of the options record that a test sets. */
export interface Options {
  readonly dimensions?: number;
  readonly maxVectors?: number;
  readonly metric?: number;
  readonly replica?: number;
  readonly history?: boolean;
  readonly maxHistoryBytes?: number;
  readonly quantization?: number;
  readonly keepFloats?: boolean;
  readonly sampleRate?: number;
}

/** How `dv_search` searches. */
export interface Search {
  readonly efSearch?: number;
  readonly mode?: number;
  /** A filter, as JSON or as slots. */
  readonly filter?: Uint8Array;
}

/** What `dv_search` puts out. */
export interface Hit {
  readonly id: string;
  readonly score: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Operations of docs/format.md. */
export const CREATE = 1;
export const SPARSE = 2;
export const DENSE = 3;
export const SCALE = 4;
export const DELETE = 6;

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  return [...bytes, rest];
}

/** A frame of docs/format.md, as plain as can be. */
export function frame(
  operation: number,
  id: string,
  payload: ArrayLike<number> = [],
  metadata?: string,
): Uint8Array<ArrayBuffer> {
  const idBytes = encoder.encode(id);
  const counted = operation === CREATE || operation === DENSE;
  const floats = new Uint8Array(Float32Array.from(payload).buffer);
  const patch = encoder.encode(metadata ?? "");
  const body = [
    operation | (metadata === undefined ? 0 : 32),
    ...varint(idBytes.length),
    ...idBytes,
    ...(counted ? varint(payload.length) : []),
    ...floats,
    ...(metadata === undefined ? [] : [...varint(patch.length), ...patch]),
  ];
  const length = 8 + body.length;
  return Uint8Array.from([length, length >> 8, length >> 16, 1, 0, 0, 0, 0, ...body]);
}

/** The record of `dv_open`: 14 words, two doubles, the quantization, the share of searches that are checked. */
export function optionsRecord(
  words: readonly number[],
  maxHistoryBytes: number,
  maxAheadMillis: number,
  quantization: number = INT8,
  sampleRate = 0,
): Uint8Array<ArrayBuffer> {
  const record = new Uint8Array(88);
  record.set(new Uint8Array(Uint32Array.from(words).buffer));
  new Float64Array(record.buffer, 56, 2).set([maxHistoryBytes, maxAheadMillis]);
  new Uint32Array(record.buffer, 72, 2).set([quantization, 0]);
  new Float64Array(record.buffer, 80).set([sampleRate]);
  return record;
}

/** One instance of the module, and what every test does with one. */
export class Instance {
  readonly exports: Exports;

  constructor(module: WebAssembly.Module = shipped) {
    this.exports = new WebAssembly.Instance(module).exports as unknown as Exports;
  }

  /** Sets the table's entries to the kernels in relaxed SIMD. */
  relax(): void {
    const { memory, kernels } = this.exports;
    const instance = new WebAssembly.Instance(relaxed, { deltavec: { memory } });
    const { codeDotBatch, codeDotBatch4 } = instance.exports as unknown as Exports;
    kernels.set(0, codeDotBatch);
    kernels.set(1, codeDotBatch4);
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.exports.memory.buffer as ArrayBuffer);
  }

  get words(): Uint32Array<ArrayBuffer> {
    return new Uint32Array(this.exports.memory.buffer as ArrayBuffer);
  }

  get floats(): Float32Array<ArrayBuffer> {
    return new Float32Array(this.exports.memory.buffer as ArrayBuffer);
  }

  get view(): DataView<ArrayBuffer> {
    return new DataView(this.exports.memory.buffer as ArrayBuffer);
  }

  /** A word of the control block, by its offset in bytes. */
  control(offset: number): number {
    return this.view.getUint32((this.exports.dv_control() >>> 0) + offset, true);
  }

  /** The last error's message. */
  get message(): string {
    const at = this.control(8);
    return decoder.decode(this.bytes.slice(at, at + this.control(12)));
  }

  /** The last call's output. */
  get output(): DataView<ArrayBuffer> {
    return new DataView(
      this.exports.memory.buffer as ArrayBuffer,
      this.control(0),
      this.control(4),
    );
  }

  text(address: number, bytes: number): string {
    return decoder.decode(this.bytes.slice(address, address + bytes));
  }

  /** Puts bytes into the input buffer; returns the address. */
  input(bytes: Uint8Array): number {
    const address = this.exports.dv_input(bytes.length) >>> 0;
    if (address === 0) throw new Error("no memory for the input");
    this.bytes.set(bytes, address);
    return address;
  }

  open({
    dimensions = 4,
    maxVectors = 1000,
    metric = 0,
    replica = 1,
    history = true,
    maxHistoryBytes = 0,
    quantization = INT8,
    keepFloats = true,
    sampleRate = 0,
  }: Options = {}): number {
    const flags = 1 | (history ? 2 : 0) | (keepFloats ? 4 : 0);
    const words = [dimensions, maxVectors, 100, 16, 100, 50, metric, flags, replica, 0, 7, 0, 0, 0];
    const record = optionsRecord(words, maxHistoryBytes, 86_400_000, quantization, sampleRate);
    return this.exports.dv_open(this.input(record));
  }

  /** Applies deltas; the clock stands at 1000. */
  apply(handle: number, ...frames: Uint8Array[]): number {
    return this.applyAt(1000, handle, ...frames);
  }

  applyAt(now: number, handle: number, ...frames: Uint8Array[]): number {
    const all = Buffer.concat(frames);
    return this.exports.dv_apply(handle, this.input(all), all.length, frames.length, now, 0);
  }

  /** Merges a stream; the clock stands at 1000. */
  merge(handle: number, stream: Uint8Array): number {
    return this.exports.dv_merge(handle, this.input(stream), stream.length, 1000, 0);
  }

  /** A copy of the last call's output. */
  copyOutput(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(this.control(0), this.control(0) + this.control(4));
  }

  /** The deltas that a cursor lacks. */
  since(handle: number, cursor: Uint8Array = new Uint8Array(0)): Uint8Array<ArrayBuffer> {
    const result = this.exports.dv_since(handle, this.input(cursor), cursor.length);
    if (result !== 0) throw new Error(this.message);
    return this.copyOutput();
  }

  /** The vector, or undefined. */
  vector(handle: number, id: string, dimensions: number): number[] | undefined {
    const bytes = encoder.encode(id);
    const address = this.exports.dv_find(handle, this.input(bytes), bytes.length) >>> 0;
    if (address === 0) return undefined;
    return [...new Float32Array(this.bytes.slice(address, address + dimensions * 4).buffer)];
  }

  /** The metadata's text, or undefined if there is no such vector. */
  metadata(handle: number, id: string): string | undefined {
    const bytes = encoder.encode(id);
    if (this.exports.dv_metadata(handle, this.input(bytes), bytes.length) === 0) return undefined;
    return this.text(this.control(0), this.control(4));
  }

  /** Calls `dv_search` with the filter behind the query. */
  rawSearch(handle: number, query: readonly number[], k: number, options: Search = {}): number {
    const { efSearch = 0, mode = 0, filter = new Uint8Array(0) } = options;
    const floats = new Uint8Array(Float32Array.from(query).buffer);
    const at = this.input(Buffer.concat([floats, filter]));
    const behind = at + floats.length;
    const parameters = [handle, at, query.length, k, efSearch, mode, behind, filter.length];
    return this.exports.dv_search(...parameters);
  }

  search(handle: number, query: readonly number[], k: number, options: Search = {}): Hit[] {
    const n = this.rawSearch(handle, query, k, options);
    if (n < 0) throw new Error(this.message);
    return Array.from({ length: n }, (_, i) => ({
      score: this.output.getFloat32(i * 16, true),
      id: this.text(
        this.output.getUint32(i * 16 + 4, true),
        this.output.getUint32(i * 16 + 8, true),
      ),
    }));
  }

  digest(handle: number): bigint {
    if (this.exports.dv_digest(handle) !== 0) throw new Error(this.message);
    return this.output.getBigUint64(0, true);
  }
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
