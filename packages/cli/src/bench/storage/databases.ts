import { type ConnectOptions, DeltaVectorDB, type VectorDelta } from "deltavec";
import { Edits } from "../bridge/edits.ts";
import { creation } from "../churn/living.ts";
import type { ChurnData } from "../churn/vectors.ts";
import { SETTINGS, vectorId } from "../protocol.ts";
import { HISTORY } from "./protocol.ts";

/** Deltas in a call. */
const BATCH = 1000;

/** Options of all databases here, but for the history. */
export function optionsOf(data: ChurnData, history: boolean): ConnectOptions {
  return { dimensions: data.dimensions, history, ...SETTINGS };
}

/** What takes deltas, on this thread or another. */
interface Target {
  applyDeltas(deltas: VectorDelta[]): unknown;
  repair(): unknown;
}

/**
 * Fills a database with `n` vectors of the data; with history each is then edited until it has {@link HISTORY} deltas in the mean.
 * All are linked then.
 */
export async function fill(
  db: Target,
  data: ChurnData,
  n: number,
  history: boolean,
): Promise<void> {
  for (let from = 0; from < n; from += BATCH) {
    const count = Math.min(BATCH, n - from);
    const some = Array.from({ length: count }, (_, i) => from + i);
    await db.applyDeltas(some.map((i) => creation(vectorId(i), data.vector(i))));
  }
  if (history) {
    const edits = new Edits(data, n, 0x5703e);
    for (let left = (HISTORY - 1) * n; left > 0; left -= BATCH) {
      await db.applyDeltas(edits.make(Math.min(BATCH, left)));
    }
  }
  await db.repair();
}

/** A database in this thread's memory, as {@link fill} makes it. */
export async function filled(data: ChurnData, n: number, history: boolean): Promise<DeltaVectorDB> {
  const db = new DeltaVectorDB(optionsOf(data, history));
  await fill(db, data, n, history);
  return db;
}
