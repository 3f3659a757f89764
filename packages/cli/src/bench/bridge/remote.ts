import { type ConnectOptions, DeltaVectorDB, type RemoteDeltaVectorDB } from "deltavec";
import { creation } from "../churn/living.ts";
import type { ChurnData } from "../churn/vectors.ts";
import { SETTINGS, vectorId } from "../protocol.ts";

/** A channel to a database in a worker. */
export type DeltaChannel = Awaited<ReturnType<RemoteDeltaVectorDB["channel"]>>;

/** Vectors in one call. */
const CREATES = 1000;

/** Opens a database in a worker, with the first `n` vectors of the data, all linked. */
export async function openRemote(
  data: ChurnData,
  n: number,
  options: ConnectOptions,
): Promise<RemoteDeltaVectorDB> {
  const { dimensions } = data;
  const db = await DeltaVectorDB.connect({ dimensions, history: false, ...SETTINGS, ...options });
  for (let from = 0; from < n; from += CREATES) {
    const some = Array.from({ length: Math.min(CREATES, n - from) }, (_, i) => from + i);
    await db.applyDeltas(some.map((i) => creation(vectorId(i), data.vector(i))));
  }
  await db.repair();
  return db;
}
