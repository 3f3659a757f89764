import { DeltaVectorDB, init, type SearchResult, type VectorDelta } from "deltavec";
import { BUILD_BATCH, vectorId } from "../../protocol.ts";
import type { Peer } from "../peer.ts";
import { GRAPH } from "../protocol.ts";

let db: DeltaVectorDB | undefined;
let dimensions = 0;

/** deltavec by its public package, as it comes: with history. */
const peer: Peer<VectorDelta, Float32Array, SearchResult[], Uint8Array<ArrayBuffer>> = {
  settings: `defaults (cosine, int8 codes with floats, history on), M=${GRAPH.m}, efConstruction=${GRAPH.efConstruction}`,
  effort: { name: "efSearch", least: 10, most: 400 },
  async load(width) {
    dimensions = width;
    await init();
  },
  value: (vector, row) => ({
    vectorId: vectorId(row),
    operation: { type: "create", vector },
  }),
  query: (vector) => vector,
  clear(capacity) {
    db?.close();
    db = new DeltaVectorDB({
      dimensions,
      maxVectors: capacity,
      hnswM: GRAPH.m,
      hnswEfConstruction: GRAPH.efConstruction,
    });
  },
  build(deltas) {
    for (let from = 0; from < deltas.length; from += BUILD_BATCH) {
      db!.applyDeltas(deltas.slice(from, from + BUILD_BATCH));
    }
    db!.repair();
  },
  search: (query, k, efSearch) => db!.search(query, k, { efSearch }),
  rows: (results) => results.map(({ id }) => Number(id.slice(1))),
  update({ vectorId: id, operation }) {
    if (operation.type === "create") {
      db!.applyDelta({ vectorId: id, operation: { type: "dense", vector: operation.vector } });
    }
  },
  remove(row) {
    db!.applyDelta({ vectorId: vectorId(row), operation: { type: "delete" } });
  },
  settle() {
    db!.repair();
  },
  export() {
    const content = db!.export();
    return { bytes: content.length, content };
  },
  import(content) {
    db!.close();
    db = new DeltaVectorDB({ dimensions });
    db.import(content);
  },
};

export default peer;
