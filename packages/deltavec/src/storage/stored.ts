import { backstage, type DeltaVectorDB } from "../database.ts";
import { describe, invalid } from "../errors.ts";
import { one } from "../options.ts";
import type { DeltaDBOptions } from "../types.ts";
import { DurableLog } from "./durable.ts";
import type { RecoveryReport } from "./recovery.ts";
import { DatabaseState, settleOptions, storedOptions } from "./state.ts";
import type { Storage } from "./storage.ts";

/** How much of a loss of power a call outlives: docs/storage.md. */
export type Durability = "strict" | "relaxed";

/** How a database is kept, besides its own options; can be posted. */
export interface StorageOptions {
  /**
   * `"strict"`: a call that changes the database is done once that is on disk. `"relaxed"`: it is done once it is in the
   * log's memory, which goes to disk every `flushMs` and with `flush`. Default `"relaxed"`.
   */
  readonly durability?: Durability;
  /** Milliseconds that changes are behind on disk at most, in relaxed mode; 1 to 2^31-1. Default 1,000. */
  readonly flushMs?: number;
  /**
   * Whether to open a database whose log is damaged in the middle: it goes on from the last good change before that, and what
   * came behind is kept aside in the storage. Default false: that is `CORRUPT_DATA`.
   */
  readonly recover?: boolean;
  /** Whether to make a database where there is none; else that is `INVALID_ARGUMENT`. Default true. */
  readonly create?: boolean;
}

/** {@link StorageOptions}, checked and filled in. */
type ResolvedStorageOptions = Required<StorageOptions>;

/** Checks options of the storage. Throws INVALID_ARGUMENT. */
export function resolveStorage(options: StorageOptions): ResolvedStorageOptions {
  const { durability = "relaxed", flushMs = 1000, recover = false, create = true } = options;
  one("option durability", ["strict", "relaxed"], durability);
  if (!Number.isInteger(flushMs) || flushMs < 1 || flushMs > 0x7fff_ffff) {
    throw invalid(
      `option flushMs must be a whole number of milliseconds from 1 to 2^31-1, not ${describe(flushMs)}`,
    );
  }
  for (const [name, value] of Object.entries({ recover, create })) {
    if (typeof value !== "boolean") {
      throw invalid(`option ${name} must be a boolean, not ${describe(value)}`);
    }
  }
  return { durability, flushMs, recover, create };
}

/**
 * A database in this thread whose changes go to a storage, whichever way they come: by its methods, a pool, a channel or a
 * stream. Those who call the database themselves wait for {@link written} before they say that something is done.
 */
export class StoredDatabase {
  /** The database. What changes it is recorded. */
  readonly db: DeltaVectorDB;
  readonly durability: Durability;
  readonly recovery: RecoveryReport;
  /** The storage's name. */
  readonly storage: string;
  readonly #log: DurableLog;
  readonly #closed: (() => void) | undefined;

  private constructor(
    db: DeltaVectorDB,
    log: DurableLog,
    durability: Durability,
    storage: string,
    closed: (() => void) | undefined,
  ) {
    this.db = db;
    this.#log = log;
    this.durability = durability;
    this.recovery = log.report;
    this.storage = storage;
    this.#closed = closed;
  }

  /**
   * Opens the database in a storage, or makes one.
   *
   * @param storage - is closed with the database, and not if this fails
   * @param given - the database's options; those that are not there are the stored ones. The clock and `onError` are among them
   * @param closed - called once the storage is closed with the database, or could not be
   * @throws DeltaError CORRUPT_DATA, UNSUPPORTED_VERSION, INVALID_ARGUMENT, what the storage throws
   */
  static async open(
    storage: Storage,
    given: DeltaDBOptions,
    how: StorageOptions,
    closed?: () => void,
  ): Promise<StoredDatabase> {
    const { durability, flushMs, recover, create } = resolveStorage(how);
    let state: DatabaseState | undefined;
    const onError = given.onError ?? report;
    const now = given.now ?? Date.now;
    const settings = { strict: durability === "strict", flushMs, recover, create, onError, now };
    try {
      const log = await DurableLog.open(storage, settings, (before, closed) => {
        // Deltas that were lost with the power may be known elsewhere: their ids must not come again.
        const { replicaId, ...others } = given;
        const replica = closed ? (replicaId ?? before?.replica) : undefined;
        const asked = replica === undefined ? others : { ...others, replicaId: replica };
        const options = settleOptions(before?.options, asked, storage.name);
        state = new DatabaseState(others, options.replicaId);
        const open = { replica: options.replicaId, options: storedOptions(options) };
        return { open, state };
      });
      const { db } = state as unknown as DatabaseState;
      backstage(db).instance.recorder = log.buffer;
      return new StoredDatabase(db, log, durability, storage.name, closed);
    } catch (error) {
      state?.drop();
      throw error;
    }
  }

  /** Carries out a call of the database; done when what it changed is as safe as `durability` says. */
  run<T>(call: (db: DeltaVectorDB) => T): Promise<Awaited<T>> {
    return this.#log.run(() => call(this.db));
  }

  /** What the changes made so far wait for before they are told to be done; undefined if they wait for nothing. */
  written(): Promise<void> | undefined {
    return this.#log.settled();
  }

  /** Has all changes made so far on disk. */
  flush(): Promise<void> {
    return this.#log.flush();
  }

  /** Writes a snapshot, so that the log begins anew. */
  checkpoint(): Promise<void> {
    return this.#log.checkpoint();
  }

  /** Flushes, closes the database and the storage. */
  async close(): Promise<void> {
    try {
      await this.#log.close(() => this.db.close());
    } finally {
      this.#closed?.();
    }
  }
}

/** Where nobody asked to be told. */
function report(error: unknown): void {
  if (typeof reportError === "function") {
    reportError(error);
  } else {
    console.error(error);
  }
}
