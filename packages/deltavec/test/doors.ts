// The ways to a database, for the behaviour suite: what stands behind one must not be told from what stands behind another.
import {
  type ConnectOptions,
  DeltaError,
  DeltaVectorDB,
  SharedDeltaPool,
  type VectorDelta,
  type WorkerLike,
} from "deltavec";
import type { Open } from "./behaviour/face.ts";
import type { SuiteOptions } from "./behaviour/suite.ts";

/** One way to a database. */
export interface Door {
  readonly name: string;
  readonly open: Open;
  /** What the suite has to know of it. */
  readonly options: SuiteOptions;
}

/** The database itself. */
export const DIRECT: Door = {
  name: "direct",
  open: (options) => new DeltaVectorDB(options),
  options: {},
};

/** The database itself, but that deltas go through a pool. */
export function poolDoor(): Door {
  const pools = new Map<boolean, SharedDeltaPool>();
  return {
    name: "pool",
    open(options) {
      const db = new DeltaVectorDB(options);
      const { compression } = db.options;
      const pool = pools.get(compression) ?? new SharedDeltaPool(2 ** 26, { compression });
      pools.set(compression, pool);
      return overPool(db, pool);
    },
    options: { encodedElsewhere: true },
  };
}

/** Has the writes of a database go through a pool. Its ids, which a flush does not give, are those that a subscriber sees. */
function overPool(db: DeltaVectorDB, pool: SharedDeltaPool): DeltaVectorDB {
  const applyDeltas = db.applyDeltas.bind(db);
  let seen: string[] = [];
  db.onDelta(({ deltaId }) => seen.push(deltaId));
  const write = (deltas: readonly VectorDelta[], batch: boolean): string[] => {
    const ids: string[] = [];
    seen = ids;
    try {
      for (let i = 0; i < deltas.length; i++) {
        at(batch ? i : undefined, () => pool.writeDelta(deltas[i]));
      }
      batch ? pool.flush(db) : at(undefined, () => pool.flush(db));
    } finally {
      pool.clear();
    }
    return deltas.map((_, i) => ids[i]);
  };
  return Object.assign(db, {
    applyDelta: (delta: VectorDelta) => write([delta], false)[0],
    applyDeltas: (deltas: readonly VectorDelta[]) =>
      Array.isArray(deltas) && deltas.length > 0 ? write(deltas, true) : applyDeltas(deltas),
  });
}

/** Runs something whose errors are to have this index, or none. */
function at(index: number | undefined, run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof DeltaError)) {
      throw error;
    }
    const { code, message, cause } = error;
    throw new DeltaError(code, message, { cause, ...(index === undefined ? {} : { index }) });
  }
}

/**
 * A database in a worker, by messages.
 *
 * @param start - makes a worker that runs `deltavec/worker`; one serves all databases, as there are hundreds
 */
export function workerDoor(start: () => WorkerLike): Door {
  const worker = lasting(start);
  return {
    name: "worker",
    open: (options) => DeltaVectorDB.connect(withWorker(options, { worker })),
    options: { synchronous: false },
  };
}

/**
 * A database in a worker, in shared memory that another worker searches.
 *
 * @param start - makes a worker that runs `deltavec/worker`; two serve all databases
 */
export function sharedDoor(start: () => WorkerLike): Door {
  const workers = [lasting(start), lasting(start)];
  return {
    name: "shared",
    open: (options) => {
      let next = 0; // the database's, then the reader's
      const worker = (): WorkerLike => workers[next++];
      return DeltaVectorDB.connect(withWorker(options, { worker, readers: 1 }));
    },
    options: { synchronous: false },
  };
}

/** A worker that is started once, and does not end with its databases. */
function lasting(start: () => WorkerLike): WorkerLike {
  let running: WorkerLike | undefined;
  return {
    postMessage(message, transfer) {
      running ??= start();
      running.postMessage(message, transfer);
    },
    terminate() {},
  };
}

/** Adds to options; to what are none nothing can be added, and that is refused before a worker is made. */
function withWorker(options: object, more: ConnectOptions): ConnectOptions {
  return typeof options === "object" && options !== null ? { ...options, ...more } : options;
}
