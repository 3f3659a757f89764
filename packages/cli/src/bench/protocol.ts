/** How many vectors, of which data. */
export interface OpenRequest {
  /** Folder (Node, JVM) or URL (Chromium) of the data set. */
  readonly data: string;
  /** Vectors to build the database of: the first rows of the data set. */
  readonly n: number;
  /** Whether the database keeps history. */
  readonly history: boolean;
}

/** The database's settings: those that the published figures were measured with. */
export const SETTINGS = { hnswM: 16, hnswEfConstruction: 100, hnswEfSearch: 50 } as const;

/** Results of a search. */
export const K = 10;
/** Values that a sparse delta assigns: 5 % of 384. */
export const SPARSE_VALUES = 19;
/** Deltas in a batch. */
export const BATCH = 100;
/** Vectors in one call while building: the input of a larger batch would count in the memory. */
export const BUILD_BATCH = 64;

/**
 * What is measured.
 *
 * - `build`: a database of all vectors, `BUILD_BATCH` in a call; everything after it runs on this database
 * - `search`: the `K` nearest of one query; all queries in turn
 * - `get_copy`, `get_view`: one vector by its id, at random
 * - `apply_sparse`, `apply_dense`: one delta to a vector at random
 * - `batch_100`: `BATCH` sparse deltas in one call
 * - `encode_…`: a delta into bytes; `decode_…`: back; `clone_…`: both, by structured clone
 */
export type Operation =
  | "build"
  | "search"
  | "get_copy"
  | "get_view"
  | "apply_sparse"
  | "apply_dense"
  | "batch_100"
  | "encode_json_sparse"
  | "decode_json_sparse"
  | "encode_json_dense"
  | "decode_json_dense"
  | "clone_sparse"
  | "clone_dense"
  | "encode_frame_sparse"
  | "decode_frame_sparse"
  | "encode_frame_dense"
  | "decode_frame_dense";

/** One measurement of one operation. */
export interface RunRequest {
  readonly operation: Operation;
  /** Calls to measure. */
  readonly calls: number;
  /** Calls between two looks at the clock: a sample is their mean. Divides `calls`. */
  readonly block: number;
  /** Seed of the random choices; another one in each round. */
  readonly seed: number;
}

/** What a measurement gave. */
export interface RunResult {
  /** Microseconds for a call: the mean of each block. */
  readonly us: readonly number[];
  /** Of a `search`: rows found for each query, closest first. */
  readonly hits?: readonly (readonly number[])[];
}

/** What a database takes. */
export interface Memory {
  /** Bytes that the platform granted to a database without history. */
  readonly memoryBytes: number;
  /** Bytes outside of these: the map from ids to vectors. */
  readonly mapBytes: number;
  /** Bytes that it granted to the one with history on top of these. */
  readonly historyBytes: number;
}

/** The first `init` of an engine. */
export interface InitResult {
  readonly us: number;
}

/** Id of a vector: 8 characters. */
export function vectorId(row: number): string {
  return `v${String(row).padStart(7, "0")}`;
}
