/// <reference lib="esnext.disposable" preserve="true" />

/** Names a delta: 26 characters (Crockford base32) that sort by time. */
export type DeltaId = string;

/** Names a vector: 1 to 1,024 bytes of UTF-8. */
export type VectorId = string;

/** The values that a sparse delta sets: as many indices as values, each index once, in any order. */
export interface SparseUpdate {
  indices: Uint32Array;
  values: Float32Array;
}

/**
 * What is done to a vector.
 *
 * - `create`: a new vector of these values. Its id must not be in use.
 * - `sparse`: sets some of its values.
 * - `dense`: replaces all of its values.
 * - `scale`: multiplies all of its values.
 * - `offset`: adds to all of its values.
 * - `delete`: removes the vector. Its id may be used again.
 */
export type DeltaOperation =
  | { tag: "create"; val: Float32Array }
  | { tag: "sparse"; val: SparseUpdate }
  | { tag: "dense"; val: Float32Array }
  | { tag: "scale"; val: number }
  | { tag: "offset"; val: number }
  | { tag: "delete" };

/** One change to one vector. */
export interface VectorDelta {
  vectorId: VectorId;
  operation: DeltaOperation;
  /**
   * Unix milliseconds, below 2^48. A delta must not be older than its vector's newest. Without one, the delta gets the time of
   * the newest delta so far, 0 in an empty database: there is no clock here.
   */
  timestamp?: bigint;
}

/** A vector that was found. */
export interface SearchResult {
  id: VectorId;
  /** Similarity by cosine, -1 to 1; higher is closer. */
  score: number;
}

/**
 * A database, compared by cosine, that keeps its history. All values must be finite.
 *
 * Where a method throws because of what it was given, it is a `ComponentError` whose payload, as its message, begins with a
 * stable code, a colon and a blank: `VECTOR_NOT_FOUND: …`. It has then changed nothing.
 */
export interface Database extends Disposable {
  /**
   * Applies a delta.
   *
   * @throws ComponentError with a text as payload
   */
  applyDelta(delta: VectorDelta): DeltaId;

  /**
   * Applies deltas in their order, all or none.
   *
   * @throws ComponentError with a text as payload, which names the first that cannot be applied
   */
  applyDeltas(deltas: VectorDelta[]): DeltaId[];

  /** Returns the vector as it is now; undefined if there is no such vector. */
  getVector(id: VectorId): Float32Array | undefined;

  /**
   * Returns the `k` vectors closest to the query, closest first; all if there are fewer. Nothing for a query that has not as many
   * values as the database has dimensions, or values that are not finite, for a `k` of 0, and where memory is lacking.
   */
  search(query: Float32Array, k: number): SearchResult[];

  /**
   * Returns the database as a snapshot, with its search graph and history: what `import` of any deltavec takes. Empty where memory
   * is lacking.
   */
  export(): Uint8Array;

  /**
   * Replaces all that the database has by a snapshot of the same number of dimensions. Deltas go on under a number of their own;
   * what two copies of a snapshot have done since must not be merged, as there is no source of randomness here that would tell
   * them apart.
   *
   * @throws ComponentError with a text as payload
   */
  import(data: Uint8Array): void;

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
   * @param dimensions - the length of all vectors, 1 to 65,536. Any other gives a database without memory that refuses every
   * change with INVALID_ARGUMENT, has no vectors, finds nothing and exports nothing; so does a lack of memory, with OUT_OF_MEMORY
   */
  new (dimensions: number): Database;
  readonly prototype: Database;
}

/** What the component exports: its interface `ruvector:delta/delta-db`. */
export interface DeltaDb {
  readonly Database: DatabaseConstructor;
}
