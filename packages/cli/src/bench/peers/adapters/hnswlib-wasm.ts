import {
  type HierarchicalNSW,
  type HnswlibModule,
  loadHnswlib,
  syncFileSystem,
} from "hnswlib-wasm";
import type { Peer } from "../peer.ts";
import { GRAPH } from "../protocol.ts";

const FILE = "peer.dat";

let library: HnswlibModule;
let index: HierarchicalNSW;
let dimensions = 0;
let capacity = 0;

const peer: Peer<Float32Array, Float32Array, { neighbors: number[] }, null> = {
  settings: `cosine, M=${GRAPH.m}, efConstruction=${GRAPH.efConstruction}`,
  effort: { name: "efSearch", least: 10, most: 400 },
  async load(width) {
    dimensions = width;
    library = await loadHnswlib();
  },
  value: (vector) => vector,
  query: (vector) => vector,
  clear(most) {
    // One more than there are: a full index takes no updates.
    capacity = most + 1;
    index = new library.HierarchicalNSW("cosine", dimensions, "");
    index.initIndex(capacity, GRAPH.m, GRAPH.efConstruction, 100);
  },
  build(values) {
    const labels = Array.from(values.keys());
    index.addPoints(values as Float32Array[], labels, false);
  },
  search(query, k, effort) {
    index.setEfSearch(effort);
    return index.searchKnn(query, k, undefined);
  },
  rows: ({ neighbors }) => neighbors,
  update(vector, row) {
    index.addPoint(vector, row, false);
  },
  remove(row) {
    index.markDelete(row);
  },
  async export() {
    await index.writeIndex(FILE);
    await syncFileSystem("write");
    return { bytes: await storedBytes(), content: null };
  },
  async import() {
    index = new library.HierarchicalNSW("cosine", dimensions, "");
    await syncFileSystem("read");
    await index.readIndex(FILE, capacity);
  },
};

/** Bytes of the file that the library keeps in IndexedDB. */
async function storedBytes(): Promise<number> {
  for (const { name } of await indexedDB.databases()) {
    const database = await request(indexedDB.open(name!));
    try {
      if (database.objectStoreNames.contains("FILE_DATA")) {
        const store = database.transaction("FILE_DATA").objectStore("FILE_DATA");
        for (const key of await request(store.getAllKeys())) {
          if (String(key).endsWith(FILE)) {
            return ((await request(store.get(key))) as { contents: Uint8Array }).contents.length;
          }
        }
      }
    } finally {
      database.close();
    }
  }
  return 0;
}

function request<T>(of: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    of.onsuccess = () => resolve(of.result);
    of.onerror = () => reject(of.error);
  });
}

export default peer;
