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

/** A delta as subscribers see it: as applied, with its id. Frozen; arrays are copies, shared by all subscribers. */
export interface DeltaEvent extends VectorDelta {
  /** The delta's id: 26 characters of Crockford base32 that sort by time. */
  readonly deltaId: string;
  /** The time of the delta's id. */
  readonly timestamp: Date;
}

/** One hit of a search. */
export interface SearchResult {
  /** The vector's id. */
  id: string;
  /** Similarity for `cosine` (-1 to 1) and `dot` (higher is closer), distance for `euclidean` (lower is closer). */
  score: number;
}

/** How closeness is measured. A zero vector has cosine similarity 0 to everything. */
export type DeltaMetric = "cosine" | "dot" | "euclidean";

/** What a database is made with. All fields are optional; one out of its range is an `INVALID_ARGUMENT`. */
export interface DeltaDBOptions {
  /** Values of every vector, 1 to 65,536. Default 384. */
  dimensions?: number;
  /** How many vectors the database may hold, 1 to 268,435,456; memory is taken as they come. Default 100,000. */
  maxVectors?: number;
  /** Whether deltas are kept in their small form (without loss). Default true. */
  compression?: boolean;
  /** After how many deltas of a vector a checkpoint is kept, 1 or more. Default 100. */
  checkpointInterval?: number;
  /** HNSW: links a node takes on each layer (twice as many on the lowest), 2 to 64. Default 16. */
  hnswM?: number;
  /** HNSW: candidates kept while a node is linked, 1 to 10,000. Default 100. */
  hnswEfConstruction?: number;
  /** HNSW: candidates kept while searching, 1 to 10,000. More finds better and takes longer. Default 50. */
  hnswEfSearch?: number;
  /** How closeness is measured. Default `cosine`. */
  metric?: DeltaMetric;
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
  /** Deltas applied since the database was made. */
  readonly deltas: number;
  /** Highest layer of the search graph, 0 for one layer. */
  readonly maxLevel: number;
  /** Floats that one vector takes in memory: `dimensions` and padding. */
  readonly stride: number;
}

/** A function that receives deltas; see `DeltaVectorDB.onDelta`. */
export type DeltaListener = (delta: DeltaEvent) => void;

/** `WebAssembly.Module` where the types of the platform have it: Node's alone do not. */
export type WasmModule = typeof globalThis extends {
  WebAssembly: { Module: { prototype: infer Module } };
}
  ? Module
  : object;

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
