/**
 * What `bench churn` measures in an engine, each in a fresh page or process. `n` is the number of vectors asked for.
 *
 * - `updates`: `n` vectors that are edited, replaced, moved together and deleted; a real stream of edits; searches while
 *   repairs are still queued
 * - `turnover`: `n` vectors, ten times replaced by others
 * - `filter`: searches among the vectors whose metadata pass
 * - `search`: searches of `n` and of {@link LARGE} times `n` vectors, the build, and the memory
 * - `scale`: build, search and memory of `n` vectors, to be held against another `n`
 */
export const PARTS = ["updates", "turnover", "filter", "search", "scale"] as const;

/** One of {@link PARTS}. */
export type Part = (typeof PARTS)[number];

/** The large database of part `search` by the small one. */
export const LARGE = 5;
/** The databases of part `scale`, by the others. */
export const SCALES: readonly number[] = [1, 2, 10];
/** Queries of a recall, and of a round of timed searches. */
export const QUERIES = 500;
/** Queries of part `scale`. */
export const SCALE_QUERIES = 200;
/** The least recall at which searches of part `search` are timed. */
export const SEARCH_RECALL = 0.985;
/** The least recall at which searches of part `scale` are timed. */
export const SCALE_RECALL = 0.95;

/** One part, to be measured. */
export interface ChurnRequest {
  /** Folder (Node, JVM) or URL (Chromium) of the data set. */
  readonly data: string;
  readonly part: Part;
  /** Vectors in the database. */
  readonly n: number;
  /** Rounds of what is timed. */
  readonly rounds: number;
}

/** What an engine reports on its way. */
export interface ChurnProgress {
  readonly doing: string;
}

/** What must not be: all 0 where the database is sound. */
export interface Wrong {
  /** Hits that are not in the database, deleted ones above all. */
  readonly ghosts: number;
  /** Hits that came twice in a result. */
  readonly repeated: number;
  /** Hits that their filter does not let pass. */
  readonly leaks: number;
  /** Sum of `checkIndex().unreachable`. */
  readonly unreachable: number;
  /** Checks of the index that were not ok. */
  readonly broken: number;
  /** The first such report, as JSON. */
  readonly report: string | null;
}

/** Recall@10 of a database built anew, and of one that got to the same state by deltas. */
export interface Drop {
  readonly fresh: number;
  readonly lived: number;
}

/** One way to get to a state. */
export interface ChurnCase {
  readonly name: string;
  /** Live vectors at its end. */
  readonly vectors: number;
  /** For the queries of the data. */
  readonly queries: Drop;
  /** For noisy copies of what was moved or made. */
  readonly moved: Drop;
}

/** Times of changes, in microseconds. */
export interface ChangeTimes {
  /** Mean of a change with the repair that it caused. */
  readonly mean_us: number;
  /** Mean of `applyDelta` alone. */
  readonly apply_us: number;
  readonly p50_us: number;
  readonly p99_us: number;
  readonly count: number;
}

/** Searches before `repair()` and after it. */
export interface LagCase {
  /** Vectors that were replaced by others. */
  readonly teleported: number;
  /** Repairs that were queued when the first searches ran. */
  readonly pending: number;
  readonly queries: { readonly lagging: number; readonly repaired: number };
  readonly moved: { readonly lagging: number; readonly repaired: number };
  readonly lagging_us: number;
  readonly repaired_us: number;
  /** For each of the queued nodes. */
  readonly repair_us: number;
}

/** What part `updates` found. */
export interface UpdatesResult {
  /** Every vector edited once, noise of 0.1 of its length; the median round. */
  readonly update: ChangeTimes;
  /** Noise of 0.5. */
  readonly update_far: ChangeTimes;
  /** The updates of the real stream. */
  readonly stream: ChangeTimes;
  /** Deletes of a fifth of the vectors; the median round. */
  readonly delete: ChangeTimes;
  readonly cases: readonly ChurnCase[];
  readonly lag: readonly LagCase[];
  readonly wrong: Wrong;
}

/** What part `turnover` found. */
export interface TurnoverResult {
  /** Mean of a create with what it had to repair. */
  readonly create_us: number;
  /** Mean of a delete with what it had to repair. */
  readonly delete_us: number;
  /** Bytes in use after each turnover. */
  readonly used_bytes: readonly number[];
  /** Bytes in use of a database built anew of the last state. */
  readonly fresh_bytes: number;
  readonly case: ChurnCase;
  readonly wrong: Wrong;
}

/** Searches with a filter. */
export interface FilterCase {
  readonly name: string;
  /** Vectors that pass. */
  readonly passing: number;
  readonly recall: number;
  readonly mean_us: number;
  /** The same with `exact: true`. */
  readonly exact_us: number;
  /** The first search with the filter. */
  readonly cold_us: number;
  /** The first exact search with one that lets the same pass. */
  readonly exact_cold_us: number;
  /** Whether the filter is a function; else it is data. */
  readonly called: boolean;
}

/** What part `filter` found. */
export interface FilterFigures {
  readonly cases: readonly FilterCase[];
  readonly wrong: Wrong;
}

/** Times of whole calls of `search`, k = 10. */
export interface SearchTimes {
  readonly vectors: number;
  readonly ef: number;
  readonly recall: number;
  readonly mean_us: number;
  readonly p50_us: number;
  /** The least mean of a round through all queries. */
  readonly min_us: number;
}

/** What a database takes. */
export interface ChurnMemory {
  /** Bytes that the platform granted, and the map from ids to vectors. */
  readonly granted: number;
  /** Bytes in use of those that the platform granted. */
  readonly used: number;
  /** Bytes of graph and codes. */
  readonly index: number;
  /** `granted` by the bytes of the raw vectors. */
  readonly ratio: number;
}

/** A database with other codes. */
export interface Variant {
  readonly name: string;
  readonly build_s: number;
  readonly search: SearchTimes;
  readonly memory: ChurnMemory;
}

/** What part `search` found. */
export interface SearchFigures {
  /** Default options, default `efSearch`. */
  readonly search: SearchTimes;
  /** A query of one call of `searchBatch` with all of them. */
  readonly batch_us: number;
  /** `n` creates and their repair; the median round. */
  readonly build_s: number;
  readonly memory: ChurnMemory;
  readonly variants: readonly Variant[];
  /** The large database, with the least `efSearch` that reaches {@link SEARCH_RECALL}. */
  readonly large: SearchTimes;
  readonly wrong: Wrong;
}

/** What part `scale` found of one size. */
export interface ScaleFigures {
  /** Build of a vector. */
  readonly build_us: number;
  /** With the least `efSearch` that reaches {@link SCALE_RECALL}. */
  readonly search: SearchTimes;
  readonly memory: ChurnMemory;
  readonly wrong: Wrong;
}

/** What each part finds. */
export interface ChurnResults {
  readonly updates: UpdatesResult;
  readonly turnover: TurnoverResult;
  readonly filter: FilterFigures;
  readonly search: SearchFigures;
  readonly scale: ScaleFigures;
}
