import { statSync } from "node:fs";
import { join } from "node:path";
import { Index, type Matches, MetricKind, ScalarKind } from "usearch";
import type { Peer } from "../peer.ts";
import { GRAPH } from "../protocol.ts";
import { scratch } from "./scratch.ts";

interface Item {
  readonly key: bigint;
  readonly vector: Float32Array;
}

/** usearch with values of a kind. */
export function usearch(
  kind: keyof typeof ScalarKind,
  what: string,
): Peer<Item, Float32Array, Matches, string> {
  let index: Index;
  let dimensions = 0;
  let searching = 0;
  const empty = (): Index =>
    new Index({
      dimensions,
      metric: MetricKind.IP,
      quantization: ScalarKind[kind],
      connectivity: GRAPH.m,
      expansion_add: GRAPH.efConstruction,
      expansion_search: searching,
      multi: false,
    });
  return {
    settings: `inner product, ${what}, connectivity=${GRAPH.m}, expansion_add=${GRAPH.efConstruction}`,
    effort: { name: "expansion_search", least: 10, most: 300, fixed: true },
    async load(width) {
      dimensions = width;
    },
    value: (vector, row) => ({ key: BigInt(row), vector }),
    query: (vector) => vector,
    clear(_, effort) {
      searching = effort;
      index = empty();
    },
    build(items) {
      for (const { key, vector } of items) {
        index.add(key, vector, 1);
      }
    },
    search: (query, k) => index.search(query, k, 1),
    rows: ({ keys }) => Array.from(keys, Number),
    update({ key, vector }) {
      index.remove(key);
      index.add(key, vector, 1);
    },
    remove(row) {
      index.remove(BigInt(row));
    },
    export() {
      const file = join(scratch(), "usearch.dat");
      index.save(file);
      return { bytes: statSync(file).size, content: file };
    },
    import(file) {
      index = empty();
      index.load(file);
    },
  };
}
