/// <reference lib="esnext.disposable" preserve="true" />

import type { DeltaId, DeltaOperation, VectorId } from "./delta-vector-types.ts";

export type { DeltaId, SparseUpdate, VectorId } from "./delta-vector-types.ts";

/** Unix milliseconds, below 2^48. */
export type Milliseconds = bigint;

/** A JSON object, at most 262,144 bytes in UTF-8. */
export type Json = string;

/** What is wrong with a call. */
export interface Problem {
  /** For people; names the vector, the option or the byte. */
  message: string;
  /** Position of the offending delta in its batch. */
  index?: number;
}

/**
 * Why a call was refused: the payload of a `ComponentError`.
 *
 * - `invalid-argument`: an argument has no meaning, or not with these options.
 * - `dimension-mismatch`: not as many values as the database has dimensions.
 * - `not-finite`: a value that is not finite, or would not be.
 * - `vector-not-found`: no vector has this id.
 * - `vector-exists`: a vector has this id already.
 * - `out-of-order`: a timestamp before the vector's newest delta.
 * - `capacity-exceeded`: more vectors than `maxVectors`.
 * - `out-of-memory`: the platform gives no more memory.
 * - `history-compacted`: the past that is asked for was compacted.
 * - `corrupt-data`: bytes that are not what they should be.
 * - `unsupported-version`: bytes of a format that this version does not know.
 */
export interface Refusal {
  tag:
    | "invalid-argument"
    | "dimension-mismatch"
    | "not-finite"
    | "vector-not-found"
    | "vector-exists"
    | "out-of-order"
    | "capacity-exceeded"
    | "out-of-memory"
    | "history-compacted"
    | "corrupt-data"
    | "unsupported-version";
  val: Problem;
}

/** How vectors are compared: similarity of directions, scalar product (higher is closer), or distance (lower is closer). */
export type Metric = "cosine" | "dot" | "euclidean";

/** What the search graph is built on: the vectors themselves, or codes of 8 or 4 bits for each value. */
export type Quantization = "none" | "int8" | "int4";

/** What a database is made with. What is not given has the default. */
export interface Options {
  /** Length of all vectors, 1 to 65,536. Default 384. */
  dimensions?: number;
  /** The most vectors. Default 100,000. */
  maxVectors?: number;
  /** Writes frames without loss in fewer bytes. Default true. */
  compression?: boolean;
  /** Keeps all deltas: the past, and what other replicas lack. Default true with `keepFloats`. */
  history?: boolean;
  /** Deltas of a vector between two checkpoints, 1 or more. Default 100. */
  checkpointInterval?: number;
  /** Compacts the oldest history above this many bytes. */
  autoCompactBytes?: bigint;
  /** Keeps values as multiples of 1 / grid, 1 or more: smaller, with a bounded loss. */
  grid?: number;
  /** How far in the future a merged delta may lie, in milliseconds. Default one day. */
  maxClockAhead?: bigint;
  /** Links of a node. Default 16. */
  hnswM?: number;
  /** Candidates kept while building. Default 100. */
  hnswEfConstruction?: number;
  /** Candidates kept while searching. Default 50. */
  hnswEfSearch?: number;
  /** Default cosine. */
  metric?: Metric;
  /** Default int8. */
  quantization?: Quantization;
  /** Keeps the vectors beside their codes. Default true. */
  keepFloats?: boolean;
  /** Share of searches that are checked against an exact one, 0 to 1. Default 0. */
  recallSampleRate?: number;
  /**
   * The number, below 2^48, under which this database issues deltas; no two that are ever merged may share one. Default: drawn
   * from the clock and from randomness.
   */
  replica?: bigint;
}

/** What is done to a vector: the same in both worlds. */
export type Operation = DeltaOperation;

/** One change to one vector. */
export interface Delta {
  vectorId: VectorId;
  operation: Operation;
  /** A merge patch (RFC 7396) to its metadata. */
  metadata?: Json;
  /** Not older than the vector's newest delta. Default: the clock, or the newest delta so far if that is later. */
  timestamp?: Milliseconds;
}

/** Where a delta came from: `apply` and `rollbackTo`, or `merge`. */
export type Origin = "local" | "merge";

/** A delta of the history. */
export interface IssuedDelta {
  deltaId: DeltaId;
  vectorId: VectorId;
  operation: Operation;
  metadata?: Json;
  timestamp: Milliseconds;
  origin: Origin;
}

/** What a vector has gone through. */
export interface DeltaChain {
  /** Oldest first. */
  deltas: IssuedDelta[];
  /** Positions in `deltas` behind which a checkpoint stands. */
  checkpoints: Uint32Array;
  /** Bytes in memory. */
  bytes: bigint;
  /** What lies before was compacted. */
  horizon?: Milliseconds;
  /** Whether the vector lives. */
  alive: boolean;
}

/** A delta of the feed. */
export interface FeedDelta {
  /** How many came in before it. */
  position: number;
  delta: IssuedDelta;
}

/** A page of the feed of all deltas, in the order in which they came in. */
export interface DeltasPage {
  deltas: FeedDelta[];
  /** Where to go on. */
  next: number;
}

/** A page of ids. */
export interface IdsPage {
  ids: VectorId[];
  /** Where to go on; undefined: that was the last. */
  next?: number;
}

/** How to search. What is not given has the default. */
export interface SearchOptions {
  /** Candidates kept, 1 or more. Default: the database's own. */
  efSearch?: number;
  /** Which vectors count, by their metadata: JSON as docs/filter.md describes for the core. */
  filter?: string;
  /** Default: the database's own. */
  metric?: Metric;
  /** Compares with every vector. Default false. */
  exact?: boolean;
}

/** A vector that was found. */
export interface SearchResult {
  id: VectorId;
  /** Similarity, or distance by `euclidean`. */
  score: number;
}

/** What a merge did. */
export interface MergeResult {
  /** Deltas that were new. */
  merged: number;
  /** Deltas that had been seen. */
  duplicates: number;
  /** Deltas that lie before their vector's horizon, and were not taken. */
  rejected: number;
  /** These, as frames. */
  rejectedFrames: Uint8Array;
}

/** What to compact. What is not given does not bound. */
export interface CompactOptions {
  /** Keeps deltas of this time or later. */
  before?: Milliseconds;
  /** Keeps so many of each vector's newest deltas. Default 0. */
  keepLast?: number;
  /** Only this vector. */
  id?: VectorId;
  /** Gives up the oldest until the history has no more bytes. */
  maxBytes?: bigint;
}

/** What was compacted. */
export interface CompactionStats {
  /** Chains that have a new horizon. */
  chains: number;
  /** Deltas that became part of a checkpoint. */
  deltas: number;
  bytesBefore: bigint;
  bytesAfter: bigint;
  /** The newest horizon. */
  horizon?: Milliseconds;
}

/** What to export. */
export interface ExportOptions {
  /** With the search graph. Default true. */
  index?: boolean;
  /** With the history. Default true. */
  history?: boolean;
}

/**
 * What became of the snapshot's graph: it was taken; there was none, or it did not fit the options; or it was damaged, and the
 * vectors wait to be linked anew.
 */
export type IndexOrigin = "kept" | "rebuilt" | "damaged";

/** What was imported. */
export interface ImportResult {
  vectors: number;
  /** Deltas of the history. */
  deltas: number;
  index: IndexOrigin;
  /** Whether the history was taken. */
  history: boolean;
  /** The number under which deltas are issued from now on. */
  replica: bigint;
}

/** Whether the search graph is what it should be; docs/index.md tells what the counts mean. */
export interface IndexReport {
  live: number;
  linked: number;
  duplicates: number;
  zero: number;
  pending: number;
  queued: number;
  unreachable: number;
  brokenLinks: number;
  asymmetric: number;
  badLevels: number;
  badEntry: number;
  badLists: number;
  firstBad?: VectorId;
}

/** Figures about the search graph. */
export interface IndexStats {
  pendingRepairs: number;
  linked: number;
  duplicates: number;
  zero: number;
  meanDrift: number;
  maxDrift: number;
  estimatedRecall?: number;
  recallSamples: bigint;
  bytes: bigint;
  codeBytes: bigint;
  quantization: Quantization;
  keepFloats: boolean;
}

/** Figures about a database. */
export interface Stats {
  size: number;
  capacity: number;
  memoryBytes: bigint;
  usedBytes: bigint;
  vectorBytes: bigint;
  graphBytes: bigint;
  textBytes: bigint;
  mapBytes: bigint;
  deltas: bigint;
  historyBytes: bigint;
  checkpointBytes: bigint;
  historyDeltas: number;
  checkpoints: number;
  maxLevel: number;
  stride: number;
  index: IndexStats;
}

/**
 * A database. Where a method throws because of what it was given, it is a `ComponentError` with a {@link Refusal} as payload, and
 * nothing has changed.
 */
export interface Database extends Disposable {
  /**
   * Applies deltas in their order, all or none.
   *
   * @throws ComponentError
   */
  apply(deltas: Delta[]): DeltaId[];

  /** Returns the vector as it is now; undefined if there is no such vector. */
  getVector(id: VectorId): Float32Array | undefined;

  /**
   * Returns a vector's metadata: undefined if there is no such vector or it has none.
   *
   * @throws ComponentError
   */
  getMetadata(id: VectorId): Json | undefined;

  /** Tells whether there is such a vector. */
  has(id: VectorId): boolean;

  /** Returns how many vectors there are. */
  size(): number;

  /**
   * Returns ids from a place on: 0, or what the page before said. At most `max`, 1 or more.
   *
   * @throws ComponentError
   */
  ids(from: number, max: number): IdsPage;

  /**
   * Returns the `k` vectors closest to the query, closest first; `k` is 1 or more.
   *
   * @throws ComponentError
   */
  search(query: Float32Array, k: number, options: SearchOptions): SearchResult[];

  /**
   * Returns the vector as it was, all deltas up to and of this millisecond counted; undefined if it did not live then.
   *
   * @throws ComponentError
   */
  getVectorAt(id: VectorId, time: Milliseconds): Float32Array | undefined;

  /**
   * Returns a vector's metadata as it was; undefined if it did not live then or had none.
   *
   * @throws ComponentError
   */
  getMetadataAt(id: VectorId, time: Milliseconds): Json | undefined;

  /**
   * Returns the vectors that were closest to a query at a time, by comparing with every one.
   *
   * @throws ComponentError
   */
  searchAt(query: Float32Array, k: number, time: Milliseconds): SearchResult[];

  /**
   * Returns what a vector has gone through; undefined for an id that was never seen.
   *
   * @throws ComponentError
   */
  chain(id: VectorId): DeltaChain | undefined;

  /** Returns how many deltas have come in so far. */
  position(): number;

  /**
   * Returns deltas in the order in which they came in, from a position on, some 64 KiB of them at a time; those that were
   * compacted are passed over. The last page is empty.
   *
   * @throws ComponentError
   */
  deltas(from: number): DeltasPage;

  /**
   * Takes deltas of other replicas, as frames, in any order, any number of times; all or none.
   *
   * @throws ComponentError
   */
  merge(frames: Uint8Array): MergeResult;

  /**
   * Returns what this database has seen, for `deltasSince` of another.
   *
   * @throws ComponentError
   */
  cursor(): Uint8Array;

  /**
   * Returns what the owner of a cursor lacks, as frames for its `merge`; without a cursor all deltas.
   *
   * @throws ComponentError
   */
  deltasSince(cursor?: Uint8Array): Uint8Array;

  /**
   * Makes history before a bound one checkpoint for each vector.
   *
   * @throws ComponentError
   */
  compact(options: CompactOptions): CompactionStats;

  /**
   * Brings a vector back to its state behind a delta by a new delta; undefined if it is in that state.
   *
   * @throws ComponentError
   */
  rollbackTo(id: VectorId, delta: DeltaId): DeltaId | undefined;

  /**
   * Links at most so many queued vectors; returns how many are left.
   *
   * @throws ComponentError
   */
  repair(max: number): number;

  /**
   * Checks every invariant of the search graph.
   *
   * @throws ComponentError
   */
  checkIndex(): IndexReport;

  /**
   * Returns figures about the database.
   *
   * @throws ComponentError
   */
  stats(): Stats;

  /**
   * Returns a digest of all live vectors and their metadata, equal for equal states on every platform: 16 hexadecimal digits.
   */
  stateDigest(): string;

  /**
   * Returns the database as a snapshot, for `import` of any deltavec.
   *
   * @throws ComponentError
   */
  export(options: ExportOptions): Uint8Array;

  /**
   * Replaces all that the database has by a snapshot. Deltas go on under a new number.
   *
   * @throws ComponentError
   */
  import(data: Uint8Array): ImportResult;

  /**
   * Gives up the database and its memory. One that is not reachable any more is given up, too, some time after. Engines without
   * `Symbol.dispose` have the method under `Symbol.for("dispose")`.
   */
  [Symbol.dispose](): void;
}

/** Makes databases. */
export interface DatabaseConstructor {
  /**
   * Makes an empty database.
   *
   * @throws ComponentError `invalid-argument`, `out-of-memory`
   */
  open(options: Options): Database;
  readonly prototype: Database;
}

/** What the component exports: its interface `deltavec:db/databases`. */
export interface Databases {
  readonly Database: DatabaseConstructor;
}
