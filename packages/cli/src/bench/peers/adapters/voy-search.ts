import * as glue from "voy-search/voy_search_bg.js";
import type { Peer } from "../peer.ts";

type Item = glue.EmbeddedResource;

let index: glue.Voy | undefined;
/** What is removed must be given as it is. */
let items: Item[] = [];

const peer: Peer<Item, Float32Array, glue.SearchResult, string> = {
  settings: "k-d tree, squared L2",
  async load() {
    const { instance } = await WebAssembly.instantiateStreaming(
      fetch(new URL("voy_search_bg.wasm", import.meta.url)),
      { "./voy_search_bg.js": glue as unknown as WebAssembly.ModuleImports },
    );
    glue.__wbg_set_wasm(instance.exports);
  },
  value: (vector, row) => {
    const id = String(row);
    return { id, title: id, url: id, embeddings: Array.from(vector) };
  },
  query: (vector) => vector,
  clear() {
    index?.free();
    index = undefined;
    items = [];
  },
  build(values) {
    items = [...values];
    index = new glue.Voy({ embeddings: items });
  },
  search: (query, k) => index!.search(query, k),
  rows: ({ neighbors }) => neighbors.map(({ id }) => Number(id)),
  update(item, row) {
    index!.remove({ embeddings: [items[row]!] });
    index!.add({ embeddings: [item] });
    items[row] = item;
  },
  remove(row) {
    index!.remove({ embeddings: [items[row]!] });
  },
  export() {
    const content = index!.serialize();
    return { bytes: content.length, content };
  },
  import(content) {
    index!.free();
    index = glue.Voy.deserialize(content);
  },
};

export default peer;
