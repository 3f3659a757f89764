// What an application does with the package; every project runs this.
import { DeltaError, DeltaVectorDB, init } from "deltavec";

export async function program() {
  await init();
  const db = new DeltaVectorDB({ dimensions: 3 });
  const create = (vectorId, ...values) => ({
    vectorId,
    operation: { type: "create", vector: Float32Array.from(values) },
  });
  db.applyDeltas([create("a", 1, 0, 0), create("b", 0, 1, 0)]);
  db.applyDelta({
    vectorId: "a",
    operation: { type: "sparse", indices: Uint32Array.of(1), values: Float32Array.of(0.5) },
  });
  let code;
  try {
    db.applyDelta({ vectorId: "none", operation: { type: "delete" } });
  } catch (error) {
    code = error instanceof DeltaError ? error.code : String(error);
  }
  const hits = db.search(Float32Array.of(1, 0.1, 0), 2);
  const result = { hits: hits.map(({ id }) => id), vector: [...db.getVector("a")], code };
  db.close();
  return result;
}
