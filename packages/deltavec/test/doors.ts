// The ways to a database, for the behaviour suite: what stands behind one must not be told from what stands behind another.
import { type ConnectOptions, DeltaVectorDB, type WorkerLike } from "deltavec";
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

/**
 * A database in a worker, by messages.
 *
 * @param start - makes a worker that runs `deltavec/worker`; one serves all databases, as there are hundreds
 */
export function workerDoor(start: () => WorkerLike): Door {
  let running: WorkerLike | undefined;
  const worker: WorkerLike = {
    postMessage(message, transfer) {
      running ??= start();
      running.postMessage(message, transfer);
    },
    terminate() {},
  };
  return {
    name: "worker",
    open: (options) => DeltaVectorDB.connect(withWorker(options, worker)),
    options: { synchronous: false },
  };
}

/** Adds a worker to options; to what are none it cannot be added, and that is refused before a worker is made. */
function withWorker(options: object, worker: WorkerLike): ConnectOptions {
  return typeof options === "object" && options !== null ? { ...options, worker } : options;
}
