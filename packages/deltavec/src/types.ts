/**
 * What a delta does to its vector. Floats are float32 and finite; arithmetic is float32.
 *
 * - `create` begins a vector: `dimensions` values.
 * - `sparse` assigns `values[i]` at `indices[i]`: as many values as indices, each index below `dimensions` and at most
 *   once; any order, ascending is fastest. None at all is allowed (a delta that changes only metadata).
 * - `dense` replaces all `dimensions` values.
 * - `scale` multiplies every value by `factor`.
 * - `offset` adds `amount` to every value.
 * - `delete` ends the vector and its metadata; a later `create` may use its id again.
 */
export type DeltaOperation =
  | { type: "create"; vector: Float32Array }
  | { type: "sparse"; indices: Uint32Array; values: Float32Array }
  | { type: "dense"; vector: Float32Array }
  | { type: "scale"; factor: number }
  | { type: "offset"; amount: number }
  | { type: "delete" };

/** One change of one vector. */
export interface VectorDelta {
  /** The vector's id: well-formed text of 1 to 1,024 bytes in UTF-8. */
  vectorId: string;
  /** What changes. */
  operation: DeltaOperation;
  /**
   * Merge patch (RFC 7396) for the vector's metadata: keys given are set, keys given as `null` are removed, objects are
   * merged. Anything `JSON.stringify` takes, but numbers must be finite. Not with `delete`.
   */
  metadata?: Record<string, unknown>;
  /**
   * When the change happened, from 1970 on; becomes the time of the delta's id and must not lie before the vector's
   * newest delta. Without it: now, or the latest time issued if the clock stands behind that.
   */
  timestamp?: Date;
}

/** Vectors in one block. */
export interface VectorBlock {
  /** The vectors' values, one behind the other, each with `dimensions` floats; zeros for those that do not exist. */
  readonly values: Float32Array<ArrayBuffer>;
  /** Which of the ids there is no vector for: their positions, ascending. */
  readonly missing: readonly number[];
}

/** Where a delta was issued: by this replica, or by another, whose deltas came by `merge`. */
export type DeltaOrigin = "local" | "merge";

/** A delta that has its id. Frozen. */
export interface IssuedDelta extends VectorDelta {
  /** The delta's id: 26 characters of Crockford base32 that sort by time. */
  readonly deltaId: string;
  /** The time of the delta's id. */
  readonly timestamp: Date;
  /** Which replica issued it. */
  readonly origin: DeltaOrigin;
}

/** A delta as subscribers see it: as applied, with its id. Frozen; arrays are copies, shared by all subscribers. */
export interface DeltaEvent extends IssuedDelta {
  /**
   * How many deltas had come in before it. A feed that is to go on behind this delta begins `since` the position after
   * it. Positions are this database's own: two replicas get the same deltas in different orders.
   */
  readonly position: number;
}

/** A delta of a {@link DeltaChain}. Frozen. */
export interface ChainDelta extends IssuedDelta {
  /** Whether a checkpoint stands behind it. */
  readonly checkpoint: boolean;
}

/** What the log holds of one vector. */
export interface DeltaChain {
  readonly vectorId: string;
  /** Its deltas, oldest first, in the order of their ids. */
  readonly deltas: readonly ChainDelta[];
  /** Checkpoints in the chain, the horizon among them. */
  readonly checkpoints: number;
  /** Time of the newest delta that was compacted away; null if the chain goes back to the vector's beginning. */
  readonly horizon: Date | null;
  /** Bytes that the deltas and checkpoints take in the log. */
  readonly bytes: number;
  /** Whether the vector lives now. */
  readonly alive: boolean;
}

/** What `compact` merges into checkpoints; without any of these: all deltas of all vectors. */
export interface CompactOptions {
  /** Deltas from before this time go. Default: no bound, unless `maxBytes` is given alone. */
  before?: Date;
  /** So many of each vector's newest deltas stay in any case; what `maxBytes` takes away knows no such mercy. Default 0. */
  keepLast?: number;
  /** Only these vectors, dead or alive. Not with `maxBytes`. */
  ids?: readonly string[];
  /** Then the oldest deltas go until the log has this size. Checkpoints larger than what they replace are not made. */
  maxBytes?: number;
}

/** What an export holds besides the vectors and their metadata. */
export interface ExportOptions {
  /** The search graph, so that it need not be built anew: about 7 % more at 384 dimensions. Default true. */
  index?: boolean;
  /** All deltas and checkpoints, where the database keeps them. Default true. */
  history?: boolean;
}

/** What an import has brought. */
export interface ImportResult {
  /** Number of vectors. */
  readonly vectors: number;
  /** Number of deltas in the history. */
  readonly deltas: number;
  /**
   * What became of the search graph: `"kept"`; `"rebuilt"`, as the export has none, or one for other options (`hnswM`, metric,
   * quantization); or `"damaged"`: it was there, but not whole, and was built anew.
   */
  readonly index: "kept" | "rebuilt" | "damaged";
  /** Whether the history was taken: there was one, and this database keeps it. Else all histories begin here. */
  readonly history: boolean;
  /** The replica under which the database issues deltas from now on: 12 hexadecimal digits. */
  readonly replicaId: string;
}

/** What a compaction did. */
export interface CompactionStats {
  /** Chains that have a new horizon. */
  readonly chains: number;
  /** Deltas that went into horizons. */
  readonly deltas: number;
  /** Bytes of the log before. */
  readonly bytesBefore: number;
  /** Bytes of the log after. */
  readonly bytesAfter: number;
  /** The newest horizon that was made; null if none was. */
  readonly horizon: Date | null;
}

/** What a merge did. */
export interface MergeResult {
  /** Deltas that were new. */
  readonly merged: number;
  /** Deltas that had been seen before. */
  readonly duplicates: number;
  /** Deltas from before their vector's horizon, which cannot be merged any more. */
  readonly rejected: {
    readonly count: number;
    /** These deltas, for a replica whose history goes further back. */
    readonly bytes: Uint8Array<ArrayBuffer>;
  };
}

/** Which deltas a feed brings. */
export interface FeedOptions {
  /**
   * Position of the first delta (see `DeltaVectorDB.position`): those from there on that are in the log come first.
   * Needs history unless it is the present position. Default: the present position.
   */
  since?: number;
  /** Only deltas of this origin. Default: all. */
  origin?: DeltaOrigin;
}

/** How `DeltaVectorDB.deltas` goes over deltas. */
export interface FollowOptions extends FeedOptions {
  /** Ends the iteration. */
  signal?: AbortSignal;
}

/** What a listener for `"delta"` is called with: a `CustomEvent` in all that matters here. */
export interface DeltaEventObject<Target = unknown> {
  readonly type: "delta";
  /** The delta. */
  readonly detail: DeltaEvent;
  /** The database. */
  readonly target: Target;
  /** The database. */
  readonly currentTarget: Target;
}

/** A listener for `"delta"`: a function, or an object with a `handleEvent`. */
export type DeltaEventListener<Target = unknown> =
  | ((event: DeltaEventObject<Target>) => void)
  | { handleEvent(event: DeltaEventObject<Target>): void };

/** How a listener for `"delta"` is added. */
export interface DeltaListenerOptions {
  /** Removes the listener. */
  signal?: AbortSignal;
  /** The listener is removed before it is called for the first time. */
  once?: boolean;
}

/** What {@link diff} takes into account. */
export interface DiffOptions {
  /**
   * How far a value may stay from the new one: values that are off by no more are left as they are, all others become
   * exact. Default 0: all become the same, bit for bit.
   */
  tolerance?: number;
  /** Merge patch that the delta is to carry. */
  metadata?: Record<string, unknown>;
}

/** A delta that wants nothing but the vector's id. */
export type DeltaChange = Pick<VectorDelta, "operation" | "metadata">;

/** One hit of a search. */
export interface SearchResult {
  /** The vector's id. */
  id: string;
  /** Similarity for `cosine` (-1 to 1) and `dot` (higher is closer), distance for `euclidean` (lower is closer). */
  score: number;
}

/** How closeness is measured. A zero vector has cosine similarity 0 to everything. */
export type DeltaMetric = "cosine" | "dot" | "euclidean";

/** What the search graph is built on: codes of 8 or 4 bits for each value, or the floats themselves. */
export type DeltaQuantization = "int8" | "int4" | "none";

/** How a search is done. All fields are optional; one out of its range is an `INVALID_ARGUMENT`. */
export interface SearchOptions {
  /** Candidates kept, 1 to 10,000: more find better and take longer. Default: the database's `hnswEfSearch`. */
  efSearch?: number;
  /** Only vectors that this lets through are found, and up to `k` of these. */
  filter?: MetadataFilter | FilterFunction;
  /**
   * How closeness is measured this once. Another than the database's goes over all vectors that the filter lets through.
   * Default: the database's.
   */
  metric?: DeltaMetric;
  /** Compares with every vector that the filter lets through, so that nothing is missed. Default false. */
  exact?: boolean;
}

/**
 * Says whether a vector may be found. Anything but a promise is taken for true or false as in an `if`. It must not call
 * the database, which refuses that with `INVALID_ARGUMENT`; what it throws comes out of the search.
 *
 * @param id - the vector's id
 * @param metadata - its metadata; undefined if it has none. A copy, made for each search
 */
export type FilterFunction = (
  id: string,
  metadata: Readonly<Record<string, unknown>> | undefined,
) => boolean;

/** A value that members of metadata are compared with. Numbers are finite. */
export type Scalar = string | number | boolean | null;

/** A member of the metadata, or the path of members that leads to one within objects; at least one. */
export type Field = string | readonly string[];

/** Bounds, all of them numbers or all strings, at least one. Strings compare by code points. */
export interface FilterRange<Bound extends number | string = number | string> {
  /** Above this. */
  gt?: Bound;
  /** This or above. */
  gte?: Bound;
  /** Below this. */
  lt?: Bound;
  /** This or below. */
  lte?: Bound;
}

/**
 * Which vectors may be found, by their metadata.
 *
 * - `equals`: the field is this value. `null` is a member that is null, not a missing one.
 * - `in`: the field is one of these values; of none, nothing is.
 * - `range`: the field lies within bounds.
 * - `exists`: the field is there, whatever it is, or, if false, is not.
 * - `and`, `or`: all of these hold (of none: true), one of these holds (of none: false).
 * - `not`: this does not hold.
 *
 * Where the field is an array, `equals`, `in` and `range` hold if they do for one of its elements. A value of another
 * type is not equal, and in no range. A vector without metadata has none of the fields.
 *
 * At most 32 filters within each other, and 64 KiB as JSON.
 */
export type MetadataFilter =
  | { readonly field: Field; readonly equals: Scalar }
  | { readonly field: Field; readonly in: readonly Scalar[] }
  | { readonly field: Field; readonly range: FilterRange<number> | FilterRange<string> }
  | { readonly field: Field; readonly exists: boolean }
  | { readonly and: readonly MetadataFilter[] }
  | { readonly or: readonly MetadataFilter[] }
  | { readonly not: MetadataFilter };

/** How long `repair` may take. */
export interface RepairOptions {
  /** Milliseconds after which it stops, once what is begun is done; 0 or more. Default: until nothing is queued. */
  budgetMs?: number;
}

/** What `repair` did. */
export interface RepairStats {
  /** Vectors that were linked anew. */
  readonly repaired: number;
  /** Vectors still queued. */
  readonly pending: number;
}

/**
 * What a walk over the whole search graph found. A live vector has a node of its own in the graph (`linked`), shares that
 * of a vector with the same code (`duplicates`), has no length and lies beside the graph (`zero`), or waits to be linked
 * (`pending`).
 */
export interface IndexReport {
  /** Whether all is as it should be: the counts add up, and nothing is unreachable, broken or bad. */
  readonly ok: boolean;
  /** Live vectors. */
  readonly live: number;
  /** Nodes of the graph. */
  readonly linked: number;
  /** Vectors that share the node of another. */
  readonly duplicates: number;
  /** Vectors of length 0. */
  readonly zero: number;
  /** Vectors that are not linked yet. */
  readonly pending: number;
  /** Vectors that are linked, and queued to be linked anew. */
  readonly queued: number;
  /** Nodes that no way leads to. */
  readonly unreachable: number;
  /** Links to what is no node. */
  readonly brokenLinks: number;
  /** Links without one back. */
  readonly asymmetric: number;
  /** Nodes with levels out of range. */
  readonly badLevels: number;
  /** Whether the walk's beginning is not a node of the highest level: 0 or 1. */
  readonly badEntry: number;
  /** Lists of links, groups and queues that are not what they should be. */
  readonly badLists: number;
  /** Id of the first vector with which something is wrong; null if there is none. */
  readonly firstBad: string | null;
}

/** How the search index is. */
export interface IndexStats {
  /** Vectors queued to be linked, or linked anew, by `repair`. Until then each search compares with them all. */
  readonly pendingRepairs: number;
  /** Nodes of the graph. */
  readonly linked: number;
  /** Vectors that share the node of another, as their codes are the same. */
  readonly duplicates: number;
  /** Vectors of length 0, which lie beside the graph under `cosine` and `dot`. */
  readonly zero: number;
  /**
   * How far vectors that are linked and not queued have moved since then, on average, all their ways added up: of their
   * direction under `cosine` (of length 1), in parts of their own length under `dot`, in length under `euclidean`.
   */
  readonly meanDrift: number;
  /** The farthest that one has moved. */
  readonly maxDrift: number;
  /** Share of the nearest vectors that the checked searches found, 0 to 1; null if none was checked (`recallSampleRate`). */
  readonly estimatedRecall: number | null;
  /** Searches that were checked. */
  readonly recallSamples: number;
  /** Bytes of the graph and the codes. */
  readonly bytes: number;
  /** Bytes of the codes. */
  readonly codeBytes: number;
  /** What the graph is built on. */
  readonly quantization: DeltaQuantization;
  /** Whether vectors are kept as floats, too. */
  readonly keepFloats: boolean;
}

/** When history is compacted by itself. */
export interface DeltaAutoCompact {
  /** The most bytes of history, checkpoints included; 1 or more. */
  readonly maxBytes: number;
}

/** The grid that values live on. */
export interface DeltaPrecision {
  /**
   * Steps to 1, 1 to 1,048,576: a value x becomes round(x * grid) / grid, off by at most half a step. A whole number; all
   * replicas need the same. A value beyond 4,194,304 steps is an `INVALID_ARGUMENT`.
   */
  readonly grid: number;
}

/** What a database is made with. All fields are optional; one out of its range is an `INVALID_ARGUMENT`. */
export interface DeltaDBOptions {
  /** Values of every vector, 1 to 65,536. Default 384. */
  dimensions?: number;
  /** How many vectors the database may hold, 1 to 268,435,456; memory is taken as they come. Default 100,000. */
  maxVectors?: number;
  /** Whether deltas are kept in their small form (without loss): runs of indices are written as such. Default true. */
  compression?: boolean;
  /** Whether deltas are kept, to read the past, to follow and to merge. Default: as `keepFloats`. */
  history?: boolean;
  /** After how many deltas of a vector a checkpoint is kept, 1 or more. Default 100. */
  checkpointInterval?: number;
  /** Keeps the history small by giving up the oldest. Default null: all is kept until `compact`. */
  autoCompact?: DeltaAutoCompact | null;
  /** Keeps values on a grid, which makes history several times smaller. Default null: values are floats. */
  precision?: DeltaPrecision | null;
  /**
   * How far in the future a merged delta may lie, in milliseconds; one that lies further is refused, as a clock must have
   * been wrong. 0 or more, default one day.
   */
  maxClockAheadMs?: number;
  /** HNSW: links a node takes on each layer (twice as many on the lowest), 2 to 64. Default 16. */
  hnswM?: number;
  /** HNSW: candidates kept while a node is linked, 1 to 10,000. Default 100. */
  hnswEfConstruction?: number;
  /** HNSW: candidates kept while searching, 1 to 10,000. More finds better and takes longer. Default 50. */
  hnswEfSearch?: number;
  /** How closeness is measured. Default `cosine`. */
  metric?: DeltaMetric;
  /**
   * What the search graph is built on. `"int8"` takes a byte for each value and loses next to nothing, as the best
   * candidates are measured with the floats; `"int4"` takes half a byte; `"none"` uses the floats. Default `"int8"`.
   */
  quantization?: DeltaQuantization;
  /**
   * Whether vectors are kept as floats beside their codes. Without them a database is several times smaller; reading a
   * vector then gives the values of its code, and deltas change these. Needs a quantization, and no history. Default true.
   */
  keepFloats?: boolean;
  /**
   * Whether vectors that have moved are linked anew when nothing else is to be done, in steps of some milliseconds. Default
   * true; without it, `repair` does so, and writes do when too many wait.
   */
  idleRepair?: boolean;
  /** Share of searches that are checked against an exact one, for `stats().index.estimatedRecall`; 0 to 1. Default 0. */
  recallSampleRate?: number;
  /**
   * Whether all memory for `maxVectors` vectors is taken at once, and none later: views then stay valid as long as their
   * vectors live, and what does not fit any more is `OUT_OF_MEMORY` (docs/memory.md). Default false.
   */
  reserve?: boolean;
  /** Whether views are checked: one that is not valid any more throws when it is read. Slow. Default false. */
  debug?: boolean;
  /** This replica's number, 12 hexadecimal digits, part of every delta's id. Default: random. Replicas must differ. */
  replicaId?: string;
  /** Told what an `onDelta` callback threw. Default: `reportError` where there is one, else `console.error`. */
  onError?: (error: unknown) => void;
  /** The clock, Unix milliseconds, 0 to 2^48-1. Default `Date.now`. */
  now?: () => number;
}

/** The options a database runs with: those given, and the defaults of the others. */
export type ResolvedDeltaDBOptions = Readonly<Required<Omit<DeltaDBOptions, "onError" | "now">>>;

/** Sizes and counts of a database. Bytes are those of linear memory unless said. */
export interface DeltaStats {
  /** Live vectors. */
  readonly size: number;
  /** Vectors there is room for before more memory is asked for. */
  readonly capacity: number;
  /** Bytes that the platform granted. */
  readonly memoryBytes: number;
  /** Bytes of these in use. */
  readonly usedBytes: number;
  /** Bytes of the vectors and their norms. */
  readonly vectorBytes: number;
  /** Bytes of the search graph. */
  readonly graphBytes: number;
  /** Bytes of ids and metadata. */
  readonly textBytes: number;
  /** Bytes outside linear memory: the map from ids to vectors. */
  readonly mapBytes: number;
  /** Deltas applied since the database was made, without those merged. */
  readonly deltas: number;
  /** Bytes of history: the log's deltas and checkpoints. */
  readonly historyBytes: number;
  /** Bytes of these that checkpoints take. */
  readonly checkpointBytes: number;
  /** Deltas in the log. */
  readonly historyDeltas: number;
  /** Checkpoints in the log. */
  readonly checkpoints: number;
  /** Highest layer of the search graph, 0 for one layer. */
  readonly maxLevel: number;
  /** Floats that one vector takes in memory: `dimensions` and padding. */
  readonly stride: number;
  /** How the search index is. */
  readonly index: IndexStats;
  /** What is in the storage; null for a database in memory. */
  readonly storage: StorageStats | null;
}

/** What a database that is kept in a storage has there. What the storage itself adds is not counted. */
export interface StorageStats {
  /** Bytes of the changes since the newest snapshot: what opening has to do again. */
  readonly logBytes: number;
  /** Bytes of the newest snapshot, with the files that it builds on. */
  readonly snapshotBytes: number;
  /** Bytes of these changes that are not known to be on disk yet. */
  readonly pendingBytes: number;
  /** When a snapshot was last written, by the database's clock; null if none was since it was opened. */
  readonly lastCheckpoint: Date | null;
}

/** A function that receives deltas; see `DeltaVectorDB.onDelta`. */
export type DeltaListener = (delta: DeltaEvent) => void;

/** `WebAssembly.Module` where the types of the platform have it: Node's alone do not. */
export type WasmModule = typeof globalThis extends {
  WebAssembly: { Module: { prototype: infer Module } };
}
  ? Module
  : object;

/** `WebAssembly.Memory` where the types of the platform have it. */
export type WasmMemory = typeof globalThis extends {
  WebAssembly: { Memory: { prototype: infer Memory } };
}
  ? Memory
  : { readonly buffer: ArrayBuffer };

/**
 * Where the WebAssembly module comes from: its URL, a response that brings it, its bytes, or the compiled module.
 */
export type InitSource =
  | URL
  | string
  | Response
  | Promise<Response>
  | ArrayBuffer
  | Uint8Array
  | WasmModule;
