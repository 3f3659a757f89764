import { DeltaVectorDB } from "./database.ts";
import { DeltaError } from "./errors.ts";
import { SharedDeltaPool } from "./pool.ts";
import type { StreamTarget } from "./stream-types.ts";
import type { MergeResult, VectorDelta } from "./types.ts";

/** The pools of databases that streams have gone to. */
const pools = new WeakMap<DeltaVectorDB, SharedDeltaPool>();

/** The least that a pool can be. */
const LEAST_BYTES = 64;

/**
 * Returns what deltas of a stream are given to: for a database on this thread a way through a pool, on which no ids are
 * made unless somebody subscribes; any other as it is.
 *
 * @param target - as given
 * @param bytes - the most bytes of a batch, about
 */
export function pooled(target: StreamTarget, bytes: number): StreamTarget {
  if (!(target instanceof DeltaVectorDB)) {
    return target;
  }
  let pool = pools.get(target);
  if (pool === undefined || pool.capacity < bytes) {
    const { compression } = target.options;
    pool = new SharedDeltaPool(Math.max(bytes, LEAST_BYTES), { compression });
    pools.set(target, pool);
  }
  return new PooledTarget(target, pool);
}

class PooledTarget implements StreamTarget {
  readonly #db: DeltaVectorDB;
  readonly #pool: SharedDeltaPool;

  constructor(db: DeltaVectorDB, pool: SharedDeltaPool) {
    this.#db = db;
    this.#pool = pool;
  }

  applyDeltas(deltas: readonly VectorDelta[]): void {
    const pool = this.#pool;
    pool.clear();
    for (let i = 0; i < deltas.length; i++) {
      try {
        pool.writeDelta(deltas[i]!);
      } catch (error) {
        if (!(error instanceof DeltaError)) {
          throw error;
        }
        if (error.code === "BUFFER_FULL") {
          this.#db.applyDeltas(deltas); // more than was thought, or one large delta
          return;
        }
        throw new DeltaError(error.code, error.message, { index: i, cause: error.cause });
      }
    }
    pool.flush(this.#db);
  }

  merge(bytes: Uint8Array): MergeResult {
    return this.#db.merge(bytes);
  }
}
