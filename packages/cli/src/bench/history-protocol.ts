/**
 * What `bench history` measures in an engine, one call each.
 *
 * - `get_at`: a vector as it was at a random time of a chain of `deltas` deltas of 5 % of the values each; a checkpoint
 *   every 100
 * - `get_at_dense`: the same, where every delta replaces all values
 * - `recompose_100`: a vector as it was 100 deltas of 5 % behind its last checkpoint
 * - `merge`: `deltas` deltas of 5 % of another replica in random order, in one call, all newer than what is there; for one
 *   vector in ten deltas, which has ten already
 * - `merge_late`: the same, but one in ten sorts before what is there
 * - `merge_100`: as `merge`, 100 in a call
 */
export type HistoryOperation =
  | "get_at"
  | "get_at_dense"
  | "recompose_100"
  | "merge"
  | "merge_late"
  | "merge_100";

/** One measurement. */
export interface HistoryRequest {
  readonly operation: HistoryOperation;
  /** Deltas in a chain, frames in a merge. */
  readonly deltas: number;
  /** Seed of the random choices; another one in each round. */
  readonly seed: number;
}

/** A measurement of the present. */
export interface PresentRequest {
  /** Blocks of calls, on each of the two databases. */
  readonly blocks: number;
  readonly seed: number;
}

/** What a measurement gave: microseconds for a call or a frame. */
export interface HistoryResult {
  readonly us: readonly number[];
}

/** The calls whose time with history is held against that without. */
export const PRESENT = ["apply_sparse", "apply_dense", "batch_100", "search"] as const;

/** One of {@link PRESENT}. */
export type Present = (typeof PRESENT)[number];

/** Times of the same work with history and without, block by block. */
export type PresentResult = Readonly<Record<Present, { on: number[]; off: number[] }>>;

/** How many frames of a kind a stream has, and their bytes in all. */
export interface FrameCount {
  readonly count: number;
  readonly bytes: number;
}

/** What `deltasSince()` gives for a stream of edits. */
export interface StreamBytes {
  /** All bytes, the stream's start included. */
  readonly total: number;
  readonly create: FrameCount;
  /** Updates that move the vector. */
  readonly dense: FrameCount;
  /** Updates that leave the vector as it is. */
  readonly metadata: FrameCount;
  readonly delete: FrameCount;
  /** The least cosine of a vector in the database to the one that was given: 1 but for rounding, and for a grid. */
  readonly minCosine: number;
}

/** What history takes on the wire. */
export interface HistoryBytes {
  /** The real stream of edits, in floats. */
  readonly lossless: StreamBytes;
  /** The same, on a grid of 256 steps to 1. */
  readonly grid256: StreamBytes;
  /** The same, on a grid of 474 steps to 1. */
  readonly grid474: StreamBytes;
  /** Mean bytes of a delta of 5 % of the values. */
  readonly sparse: number;
  /** Mean bytes of a delta that changes two fields of metadata. */
  readonly metadata: number;
}
