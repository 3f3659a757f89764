import type { Spread } from "../bridge/protocol.ts";

export type { Spread } from "../bridge/protocol.ts";

/**
 * What `bench storage` measures. `bench/README.md` defines the figures.
 *
 * - `export`: a database to bytes and back, in memory
 * - `open`: a durable database from its files
 * - `relaxed`: what a log that is flushed later costs
 * - `strict`: what waiting for the disk costs
 * - `change`: bytes that one change takes
 * - `kills`: processes that are killed while they write
 */
export const PARTS = ["export", "open", "relaxed", "strict", "change", "kills"] as const;

/** One of {@link PARTS}. */
export type Part = (typeof PARTS)[number];

/** Deltas of the history of the database that is exported, for each vector, the creates among them. */
export const HISTORY = 10;
/** Deltas of the log behind the snapshot, for each vector. */
export const TAIL = 1;
/** Deltas in a call. */
export const BATCH = 100;
/** Callers that wait for their deltas to be on disk at the same time. */
export const CALLERS = 64;

/** One part, to be measured by an engine: any but `kills`. */
export interface StorageRequest {
  /** Folder (Node) or URL (Chromium) of the data set. */
  readonly data: string;
  readonly part: Part;
  /** Vectors in the database. */
  readonly n: number;
  /** Rounds of what is timed. */
  readonly rounds: number;
  /** Folder of databases in files; empty in a page, which makes its own. */
  readonly folder: string;
}

/** What an engine reports on its way. */
export interface StorageProgress {
  readonly doing: string;
}

/** Milliseconds of an export and of an import. */
export interface ExportTimes {
  readonly export_ms: Spread;
  readonly import_ms: Spread;
  /** Of these the time on processors, of all threads of the process; 0 where that cannot be told. */
  readonly export_cpu_ms: Spread;
  readonly import_cpu_ms: Spread;
}

/** What part `export` found. */
export interface ExportFigures extends ExportTimes {
  /** Bytes of the export. */
  readonly bytes: number;
  /** Bytes of these in sections of the history. */
  readonly history_bytes: number;
  /** The others, by the bytes of the vectors' floats. */
  readonly bytes_ratio: number;
  /** Deltas of the history. */
  readonly deltas: number;
  /** Queries of all that found other vectors, or at other distances, behind the import. */
  readonly changed_results: number;
  /** The same without history. */
  readonly plain: ExportTimes & { readonly bytes: number };
}

/** Milliseconds to open a database in files. */
export interface OpenFigures {
  /** Without history; nothing behind the snapshot but records of opening and closing. */
  readonly open_ms: Spread;
  /** Deltas behind the snapshot. */
  readonly tail: number;
  /** With these. */
  readonly tail_ms: Spread;
  /** With the history of part `export`, nothing behind the snapshot. */
  readonly history_ms: Spread;
}

/** Ratios of the times with a log to those without, of neighbouring blocks of work. */
export interface RelaxedFigures {
  /** `applyDeltas` of {@link BATCH}, one behind the other. */
  readonly batches: Spread;
  /** `applyDelta`, {@link BATCH} under way at a time. */
  readonly calls: Spread;
  /** The sum of the times of all batches with a log by that of those without: with its snapshots, which few blocks meet. */
  readonly overall: number;
  /** Microseconds for a delta of a batch, without a log. */
  readonly memory_us: Spread;
  /** The same with one. */
  readonly storage_us: Spread;
}

/** What part `strict` found. */
export interface StrictFigures {
  /** Deltas in a second that are on disk when their calls are fulfilled. */
  readonly appends_per_s: Spread;
  /** Deltas that one flush was for, in the mean. */
  readonly group: Spread;
  /** Milliseconds of as many bytes as a group has, written to a file of the platform and flushed. */
  readonly raw_ms: Spread;
  /** The part of the time that these would have taken. */
  readonly share: Spread;
}

/** What part `change` found. */
export interface ChangeFigures {
  /** Bytes written for one changed vector and the checkpoint behind it. */
  readonly change_bytes: Spread;
  /** Bytes of the whole snapshot that it builds on. */
  readonly base_bytes: number;
}

/** What part `kills` found. */
export interface KillFigures {
  /** Where the databases were. */
  readonly places: readonly string[];
  readonly kills: number;
  /** Batches that were promised to be on disk, in all. */
  readonly batches: number;
  /** Kills behind which something was lost that was promised, or the database could not be opened. */
  readonly lost: number;
  /** What was wrong with the first of them. */
  readonly error: string | null;
  readonly seconds: number;
}

/** What the parts find in an engine. */
export interface StorageResults {
  readonly export: ExportFigures;
  readonly open: OpenFigures;
  readonly relaxed: RelaxedFigures;
  readonly strict: StrictFigures;
  readonly change: ChangeFigures;
}
