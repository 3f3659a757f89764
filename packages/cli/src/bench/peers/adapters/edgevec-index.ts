import init, { EdgeVec, EdgeVecConfig } from "edgevec";
import type { Peer } from "../peer.ts";
import { GRAPH } from "../protocol.ts";
import { Ids } from "./ids.ts";

type Found = { id: number }[];

/** edgevec, by floats or by bits whose best are measured by floats. */
export function edgevec(bits: boolean): Peer<Float32Array, Float32Array, Found, string> {
  let index: EdgeVec;
  let ids = new Ids();
  let dimensions = 0;
  return {
    settings: `L2, M=${GRAPH.m}, M0=${2 * GRAPH.m}, efConstruction=${GRAPH.efConstruction}${bits ? ", binary codes rescored" : ""}`,
    effort: bits
      ? { name: "rescore factor", least: 1, most: 100 }
      : { name: "ef_search", least: 10, most: 300, fixed: true },
    async load(width) {
      dimensions = width;
      await init();
    },
    value: (vector) => vector,
    query: (vector) => vector,
    clear(_, effort) {
      index?.free();
      const config = new EdgeVecConfig(dimensions);
      config.metric = "l2";
      config.m = GRAPH.m;
      config.m0 = 2 * GRAPH.m;
      config.ef_construction = GRAPH.efConstruction;
      if (!bits) {
        config.ef_search = effort;
      }
      index = new EdgeVec(config);
      ids = new Ids();
    },
    build(values) {
      values.forEach((vector, row) => {
        ids.set(row, index.insert(vector));
      });
      if (bits) {
        index.enableBQ();
      }
    },
    search: (query, k, effort) =>
      bits ? index.searchBQRescored(query, k, effort) : index.search(query, k),
    rows: (found) => found.map(({ id }) => ids.row(id)),
    update(vector, row) {
      index.softDelete(ids.of(row));
      ids.set(row, index.insert(vector));
    },
    remove(row) {
      index.softDelete(ids.of(row));
    },
    async export() {
      await index.save("peer");
      return { bytes: index.serializedSize(), content: "peer" };
    },
    async import(name) {
      const loaded = await EdgeVec.load(name);
      index.free();
      index = loaded;
    },
  };
}
