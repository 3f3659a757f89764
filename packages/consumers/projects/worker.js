// The same with the database in a worker.
import { DeltaVectorDB } from "deltavec";

export async function inWorker(options) {
  const db = await DeltaVectorDB.connect({ dimensions: 3, ...options });
  const vector = Float32Array.of(1, 0, 0);
  await db.applyDelta({ vectorId: "a", operation: { type: "create", vector } });
  const hits = await db.search(vector, 1);
  await db.close();
  return hits.map(({ id }) => id);
}
