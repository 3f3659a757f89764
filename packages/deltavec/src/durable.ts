/// <reference lib="esnext.disposable" preserve="true" />
import type { BridgedDatabase } from "./remote.ts";
import type { RecoveryReport } from "./storage/recovery.ts";
import type { Storage } from "./storage/storage.ts";
import type { Durability, StorageOptions } from "./storage/stored.ts";
import type {
  DeltaDBOptions,
  DeltaEventListener,
  DeltaListenerOptions,
  ResolvedDeltaDBOptions,
} from "./types.ts";

export type { LostData, RecoveryReport } from "./storage/recovery.ts";
export type { Storage, StorageFile } from "./storage/storage.ts";
export type { Durability, StorageOptions } from "./storage/stored.ts";

/**
 * What `DeltaVectorDB.open` opens a database with: where it is kept, and its own options. Of these, those that are not given
 * are as they were the last time. `dimensions`, `metric`, `precision`, `keepFloats`, `history`, `hnswM` and `quantization` cannot be
 * changed. `replicaId` is taken only where the database is new or was closed the last time: after a crash it gets a random one,
 * as deltas that were lost may be known elsewhere.
 */
export interface DurableOptions extends DeltaDBOptions, StorageOptions {
  /**
   * What is done where another tab has the storage open (docs/storage.md). Default `"share"` for `idb://` and `opfs://`, where
   * there are Web Locks and broadcast channels; else `"exclusive"`.
   */
  readonly tabs?: "share" | "follow" | "exclusive";
  /** Gives up opening: rejects with its reason. Does nothing once the database is open. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A database that is kept in a storage: all that a `DeltaVectorDB` has but views on its memory, with answers that come later.
 * Made by `DeltaVectorDB.open`.
 *
 * Calls are carried out in the order in which they were made. Once the storage cannot be written, also not at the second try,
 * what would change the database rejects with `STORAGE_FAILED` or `QUOTA_EXCEEDED`; it can still be read.
 *
 * @example
 * ```ts
 * await using db = await DeltaVectorDB.open("file:notes", { dimensions: 3, durability: "strict" });
 * await db.applyDelta({ vectorId: "a", operation: { type: "create", vector: new Float32Array([1, 0, 0]) } });
 * // Now it is on disk.
 * ```
 */
export interface DurableDeltaVectorDB extends BridgedDatabase {
  /** The options that the database runs with, those that are stored and defaults filled in. */
  readonly options: ResolvedDeltaDBOptions;
  /** What opening found. */
  readonly recovery: RecoveryReport;
  /** Where it is kept: the URL, or the storage's name. */
  readonly storage: string;
  readonly durability: Durability;
  /** Whether this one writes the storage, or another tab does. */
  readonly role: "leader" | "follower";

  /** As `DeltaVectorDB.addEventListener`; deltas come once the promise is fulfilled. */
  addEventListener(
    type: "delta",
    listener: DeltaEventListener<DurableDeltaVectorDB> | null,
    options?: DeltaListenerOptions | boolean,
  ): Promise<void>;

  /** As `DeltaVectorDB.removeEventListener`: the listener is called no more, at once. */
  removeEventListener(
    type: "delta",
    listener: DeltaEventListener<DurableDeltaVectorDB> | null,
    options?: unknown,
  ): Promise<void>;

  /**
   * Done once all changes that were made before are on disk.
   *
   * @throws DeltaError (as a rejection) `STORAGE_FAILED`, `QUOTA_EXCEEDED`; `CLOSED`
   */
  flush(): Promise<void>;

  /**
   * Writes a snapshot, so that the log begins anew and the next opening is quick. That happens by itself once the log has
   * grown by 4 MiB, or by a quarter of the last whole snapshot if that is more. Does nothing if nothing has changed.
   *
   * @throws DeltaError (as a rejection) as {@link DurableDeltaVectorDB.flush}. The database is then kept by the snapshot before
   */
  checkpoint(): Promise<void>;

  /**
   * Carries out the calls made before, flushes, closes the database and gives the storage back. Again: gives the same promise.
   *
   * @throws DeltaError (as a rejection) if not all changes are on disk; it is closed nevertheless
   */
  close(): Promise<void>;

  /** Closes the database at the end of an `await using` declaration. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Where a database is kept: a URL, or a storage of one's own, which is closed with the database, and where the database cannot
 * be opened in it. Wrong options leave it alone.
 */
export type StorageSource = string | Storage;
