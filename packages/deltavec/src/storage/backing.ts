import type { DeltaVectorDB } from "../database.ts";
import type { DeltaDBOptions, ResolvedDeltaDBOptions } from "../types.ts";
import type { Release } from "./url.ts";

/** How much of a loss of power a call outlives: `strict`, all that it did once it is resolved; `relaxed`, what was flushed. */
export type Durability = "strict" | "relaxed";

/** Who may have a storage open: docs/storage.md, "Several tabs". */
export type TabMode = "share" | "follow" | "exclusive";

/** What opening a storage found; plain data. */
export type Recovery = object;

/** A database whose changes go to a storage. */
export interface Backing {
  /** The database in memory. What changes it is logged. */
  readonly db: DeltaVectorDB;
  readonly recovery: Recovery;

  /**
   * What the changes made so far wait for before they are told to be done.
   *
   * @returns undefined if they wait for nothing
   */
  written(): Promise<void> | undefined;

  /** Has all changes made so far on disk. */
  flush(): Promise<void>;

  /** Writes a snapshot, so that the log begins anew. */
  checkpoint(): Promise<unknown>;

  /** Flushes, closes the database, the storage, and gives back its lock. */
  close(): Promise<void>;
}

/** How a database with a storage is opened, besides its own options; can be posted. */
export interface StorageOptions {
  readonly durability?: Durability;
  readonly flushMs?: number;
  readonly recover?: boolean;
  readonly create?: boolean;
}

/**
 * Opens a storage and the database in it.
 *
 * @param release - its lock, which the caller has; closing the database gives it back, failing to open does not
 * @param now - the clock
 */
export type OpenBacking = (release: Release | undefined, now: () => number) => Promise<Backing>;

/** What a worker is told of the storage that it is to open. */
export interface StorageStart {
  readonly url: string;
  /** `alone`: the storage has a lock of its own, and nobody else is let in. */
  readonly mode: TabMode | "alone";
  /** The database's options as they were given: those that were not are the storage's. */
  readonly options: DeltaDBOptions;
  readonly how: StorageOptions;
}

/** What is told of a database that was opened. */
export interface StorageOpened {
  readonly options: ResolvedDeltaDBOptions;
  readonly recovery: Recovery;
}
