/** The environments in which databases are held against one another. */
export const GROUPS = ["browser", "node", "jvm"] as const;

/** Where a group runs. */
export type Group = (typeof GROUPS)[number];

/** Results of a search. */
export const K = 10;

/** Part of the true neighbours that every database is set to find, if it can: searches are compared at equal recall. */
export const RECALL = 0.985;

/** What every graph is built with, where it can be set. */
export const GRAPH = { m: 16, efConstruction: 100 } as const;

/** Effort of searches (efSearch) before it is tuned. */
export const EFFORT = 50;

/** Rounds through all queries: the first is not timed. */
export const SEARCH_ROUNDS = 4;

/** What is measured, in this order; `load` and `build` are what the others need. */
export const STEPS = [
  "load",
  "build",
  "memory",
  "search",
  "update",
  "delete",
  "export",
  "import",
] as const;

/** A step of a run. */
export type Step = (typeof STEPS)[number];

/** The plan of a run, in the data folder as `plan.json`: what changes, beside the files of vectors. */
export interface Plan {
  /** Vectors at the start: rows of `base.f32`. */
  readonly n: number;
  /** Vectors of the database that is built before anything is timed. */
  readonly warm: number;
  /** Rows that are edited, as real edits move them; each takes the vector of `edits.f32` at the same place. */
  readonly edits: readonly number[];
  /** Other rows, which take the vectors of other texts, in `far.f32`. */
  readonly far: readonly number[];
  /** Other rows, which are deleted. */
  readonly deletes: readonly number[];
  /** The true {@link K} nearest rows of each query: as built, behind the edits, behind everything. */
  readonly truth: {
    readonly built: readonly (readonly number[])[];
    readonly edited: readonly (readonly number[])[];
    readonly ended: readonly (readonly number[])[];
  };
  /** Those of the vectors that `far` had before, behind `far`. */
  readonly left: readonly (readonly number[])[];
}

/** What a page or a process is asked to measure. */
export interface PeerRequest {
  /** Name of the database. */
  readonly name: string;
  /** Folder or URL of plan and vectors. */
  readonly data: string;
}

/** What must not be: all zero in a database that does what it says. */
export interface Wrong {
  /** Changed vectors that a search for them does not find. */
  readonly lost: number;
  /** Changed vectors that are still found as what they were. */
  readonly stale: number;
  /** Rows that a result names more than once. */
  readonly repeated: number;
  /** Deleted rows in results. */
  readonly ghosts: number;
  /** Deleted rows in results behind export and import. */
  readonly returned: number;
}

/** Microseconds of searches. */
export interface SearchTimes {
  readonly mean_us: number;
  readonly p50_us: number;
  readonly p99_us: number;
}

/** Microseconds of changes. */
export interface ChangeTimes {
  /** All work by the number of changes: their calls, and what was put off behind them. */
  readonly mean_us: number;
  /** The calls alone. */
  readonly call_us: number;
  readonly p99_us: number;
}

/** What a run of one database found. A step that failed or that the database does not have is missing. */
export interface PeerResult {
  readonly name: string;
  /** What it runs on. */
  readonly runtime: string;
  /** Its settings, in words. */
  readonly settings: string;
  readonly build_ms?: number;
  /** What page or process grew by, with the vectors. */
  readonly memory_bytes?: number;
  /** The effort that searches were tuned to; missing where nothing can be set. */
  readonly effort?: number;
  readonly search?: SearchTimes;
  readonly recall?: number;
  readonly update?: ChangeTimes;
  /** Recall behind the edits. */
  readonly recall_edited?: number;
  readonly delete?: ChangeTimes;
  readonly export_ms?: number;
  readonly export_bytes?: number;
  readonly import_ms?: number;
  /** Recall behind edits, deletes, export and import. */
  readonly recall_imported?: number;
  readonly wrong: Wrong;
  /** Messages of the steps that failed. */
  readonly failures: Partial<Record<Step, string>>;
}
