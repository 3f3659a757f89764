import init, { type RvfWasmExports } from "@ruvector/rvf-wasm";
import type { Peer } from "../peer.ts";

/** Inner product by its number; the store holds unit vectors. */
const METRIC = 1;
/** A result: 8 bytes id, 4 bytes distance. */
const RESULT = 12;

let wasm: RvfWasmExports;
let store = 0;
let dimensions = 0;

/** Calls with memory of the module, which is given back. */
function lent<T>(bytes: number, use: (at: number) => T): T {
  const at = wasm.rvf_alloc(bytes);
  try {
    return use(at);
  } finally {
    wasm.rvf_free(at, bytes);
  }
}

function ingest(first: number, values: readonly Float32Array[]): void {
  const count = values.length;
  lent(4 * count * dimensions, (vectors) => {
    lent(8 * count, (ids) => {
      const floats = new Float32Array(wasm.memory.buffer, vectors, count * dimensions);
      const numbers = new BigUint64Array(wasm.memory.buffer, ids, count);
      values.forEach((vector, i) => {
        floats.set(vector, i * dimensions);
        numbers[i] = BigInt(first + i);
      });
      if (wasm.rvf_store_ingest(store, vectors, ids, count) !== count) {
        throw new Error("rvf_store_ingest does not take all vectors");
      }
    });
  });
}

function remove(row: number): void {
  lent(8, (ids) => {
    new BigUint64Array(wasm.memory.buffer, ids, 1)[0] = BigInt(row);
    wasm.rvf_store_delete(store, ids, 1);
  });
}

const peer: Peer<Float32Array, Float32Array, number[], Uint8Array> = {
  settings: "inner product; no index",
  async load(width) {
    dimensions = width;
    wasm = await init();
  },
  value: (vector) => vector,
  query: (vector) => vector,
  clear() {
    if (store > 0) {
      wasm.rvf_store_close(store);
    }
    store = wasm.rvf_store_create(dimensions, METRIC);
  },
  build(values) {
    ingest(0, values);
  },
  search: (query, k) =>
    lent(query.byteLength, (at) =>
      lent(k * RESULT, (out) => {
        new Float32Array(wasm.memory.buffer, at, query.length).set(query);
        const count = wasm.rvf_store_query(store, at, k, METRIC, out);
        const view = new DataView(wasm.memory.buffer, out);
        return Array.from({ length: count }, (_, i) => Number(view.getBigUint64(i * RESULT, true)));
      }),
    ),
  rows: (rows) => rows,
  update(vector, row) {
    remove(row);
    ingest(row, [vector]);
  },
  remove,
  export() {
    // The size is asked for with no room.
    const bytes = Math.abs(wasm.rvf_store_export(store, 0, 0));
    return lent(bytes, (at) => {
      const written = wasm.rvf_store_export(store, at, bytes);
      if (written <= 0) {
        throw new Error(`rvf_store_export returned ${written}`);
      }
      return { bytes: written, content: new Uint8Array(wasm.memory.buffer, at, written).slice() };
    });
  },
  import(content) {
    wasm.rvf_store_close(store);
    store = lent(content.length, (at) => {
      new Uint8Array(wasm.memory.buffer, at, content.length).set(content);
      return wasm.rvf_store_open(at, content.length);
    });
    if (store <= 0) {
      throw new Error(`rvf_store_open returned ${store}`);
    }
  },
};

export default peer;
