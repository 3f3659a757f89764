import { HNSW, type MememoIndexJSON } from "mememo";
import type { Peer } from "../peer.ts";
import { GRAPH } from "../protocol.ts";

interface Item {
  readonly key: string;
  readonly value: number[];
}

let index: HNSW;
/** Its export holds the graph alone: whoever exports keeps the vectors. */
let kept = new Map<string, number[]>();

function empty(): HNSW {
  return new HNSW({
    distanceFunction: "cosine-normalized",
    ...GRAPH,
    seed: 1,
    useIndexedDB: false,
  });
}

const peer: Peer<Item, number[], { keys: string[] }, string> = {
  settings: `cosine of normalised vectors, m=${GRAPH.m}, efConstruction=${GRAPH.efConstruction}, in memory`,
  effort: { name: "ef", least: 10, most: 400 },
  async load() {},
  value: (vector, row) => ({ key: String(row), value: Array.from(vector) }),
  query: (vector) => Array.from(vector),
  clear() {
    index = empty();
    kept = new Map();
  },
  async build(items) {
    await index.bulkInsert(
      items.map(({ key }) => key),
      items.map(({ value }) => value),
    );
    for (const { key, value } of items) {
      kept.set(key, value);
    }
  },
  search: (query, k, effort) => index.query(query, k, effort),
  rows: ({ keys }) => keys.map(Number),
  async update({ key, value }) {
    kept.set(key, value);
    await index.update(key, value);
  },
  async remove(row) {
    await index.markDeleted(String(row));
  },
  export() {
    const content = JSON.stringify(index.exportIndex());
    return { bytes: content.length, content };
  },
  async import(content) {
    index = empty();
    index.loadIndex(JSON.parse(content) as MememoIndexJSON);
    await index.bulkInsertSkipIndex([...kept.keys()], [...kept.values()]);
  },
};

export default peer;
