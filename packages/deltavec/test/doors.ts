// The ways to a database, for the behaviour suite: what stands behind one must not be told from what stands behind another.
import { DeltaVectorDB } from "deltavec";
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

/** A database in a worker, by messages. */
export const WORKER: Door = {
  name: "worker",
  open: (options) => DeltaVectorDB.connect(options),
  options: { synchronous: false },
};

/** All doors but the direct one. */
export const BRIDGES: readonly Door[] = [WORKER];
