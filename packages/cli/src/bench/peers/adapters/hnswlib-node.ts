import { statSync } from "node:fs";
import { join } from "node:path";
import hnswlib, { type HierarchicalNSW } from "hnswlib-node";
import type { Peer } from "../peer.ts";
import { GRAPH } from "../protocol.ts";
import { scratch } from "./scratch.ts";

let index: HierarchicalNSW;
let dimensions = 0;

const peer: Peer<number[], number[], { neighbors: number[] }, string> = {
  settings: `inner product, M=${GRAPH.m}, efConstruction=${GRAPH.efConstruction}, built by npm for this machine`,
  effort: { name: "ef", least: 10, most: 400 },
  async load(width) {
    dimensions = width;
  },
  value: (vector) => Array.from(vector),
  query: (vector) => Array.from(vector),
  clear(capacity) {
    index = new hnswlib.HierarchicalNSW("ip", dimensions);
    index.initIndex({ maxElements: capacity, ...GRAPH });
  },
  build(values) {
    values.forEach((value, row) => {
      index.addPoint(value, row);
    });
  },
  search(query, k, effort) {
    index.setEf(effort);
    return index.searchKnn(query, k);
  },
  rows: ({ neighbors }) => neighbors,
  update(value, row) {
    index.addPoint(value, row);
  },
  remove(row) {
    index.markDelete(row);
  },
  export() {
    const file = join(scratch(), "hnswlib.dat");
    index.writeIndexSync(file);
    return { bytes: statSync(file).size, content: file };
  },
  import(file) {
    index = new hnswlib.HierarchicalNSW("ip", dimensions);
    index.readIndexSync(file);
  },
};

export default peer;
