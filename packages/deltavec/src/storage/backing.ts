import type { DeltaVectorDB } from "../database.ts";
import type { DeltaDBOptions, ResolvedDeltaDBOptions } from "../types.ts";
import type { Release } from "./lock.ts";
import type { RecoveryReport } from "./recovery.ts";
import type { StorageOptions } from "./stored.ts";

/** Who may have a storage open: docs/storage.md, "Several tabs". */
export type TabMode = "share" | "follow" | "exclusive";

/** A database whose changes go to a storage: what of StoredDatabase is needed here. */
export interface Backing {
  /** The database in memory. What changes it is logged. */
  readonly db: DeltaVectorDB;
  readonly recovery: RecoveryReport;

  /** Carries out, at once, a call that may change the database. Fulfilled once that is as durable as was asked for. */
  run<T>(call: () => T): Promise<T>;

  /** Has all changes made so far on disk. */
  flush(): Promise<void>;

  /** Writes a snapshot, so that the log begins anew. */
  checkpoint(): Promise<unknown>;

  /** Flushes, closes the database, the storage, and gives back its lock. */
  close(): Promise<void>;
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
  readonly recovery: RecoveryReport;
}
