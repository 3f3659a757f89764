// A fault of the module itself: the database refuses further calls, the others go on.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import binaryen from "binaryen";
import { DeltaError, DeltaVectorDB, init, SharedDeltaPool } from "deltavec";

/** A module with our exports that traps where the core never should. Each function is wrong in its own way. */
const FAULTY = `(module
  (memory (export "memory") 1)
  (table (export "kernels") 2 2 funcref)
  (func (export "dv_control") (result i32) (i32.const 256))
  (func (export "dv_input") (param i32) (result i32) (i32.const 1024))
  (func (export "dv_open") (param i32) (result i32) (i32.const 1))
  (func (export "dv_reserve") (param i32) (result i32) (i32.const 0))
  (func (export "dv_attach") (param i32 i32) (result i32) (i32.const 0))
  (func (export "dv_close") (param i32) (result i32) (i32.const 0))
  (func (export "dv_find") (param i32 i32 i32) (result i32) (unreachable))
  (func (export "dv_metadata") (param i32 i32 i32) (result i32)
    (i32.load (i32.const -1)))
  (func $deep (export "dv_apply") (param i32 i32 i32 i32 i32 i32) (result i32)
    (i32.add (i32.const 1) (call $deep (local.get 0) (local.get 1) (local.get 2) (local.get 3)
      (local.get 4) (local.get 5))))
  (func (export "dv_search") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.const -99))
  (func (export "dv_ids") (param i32 i32 i32) (result i32) (i32.div_u (i32.const 1) (i32.const 0)))
  (func (export "dv_stats") (param i32) (result i32) (i32.const 0))
  (func (export "dv_digest") (param i32) (result i32) (unreachable))
  (func (export "dv_vector_at") (param i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "dv_metadata_at") (param i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "dv_search_at") (param i32 i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "dv_chain") (param i32 i32 i32) (result i32) (unreachable))
  (func (export "dv_arrived") (param i32) (result i32) (i32.const 0))
  (func (export "dv_read") (param i32 i32 i32) (result i32) (unreachable))
  (func (export "dv_merge") (param i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "dv_cursor") (param i32) (result i32) (unreachable))
  (func (export "dv_since") (param i32 i32 i32) (result i32) (unreachable))
  (func (export "dv_compact") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "dv_rollback_to") (param i32 i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "dv_repair") (param i32 i32) (result i32) (unreachable))
  (func (export "dv_check") (param i32) (result i32) (unreachable))
  (func (export "dv_export") (param i32 i32) (result i32) (i32.const 0))
  (func (export "dv_export_next") (param i32) (result i32) (unreachable))
  (func (export "dv_import") (param i32) (result i32) (i32.const 2))
  (func (export "dv_import_next") (param i32 i32 i32) (result i32) (unreachable))
  (func (export "dv_import_end") (param i32 i32) (result i32) (unreachable))
  (func (export "dv_replica") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "dv_rows") (param i32 i32 i32) (result i32) (unreachable)))`;

before(async () => {
  const module = binaryen.parseText(FAULTY);
  await init(new Uint8Array(module.emitBinary()));
  module.dispose();
});

const faults: [string, (db: DeltaVectorDB) => unknown, new (...args: never[]) => Error][] = [
  ["has", (db) => db.has("a"), WebAssembly.RuntimeError],
  ["getVector", (db) => db.getVector("a"), WebAssembly.RuntimeError],
  ["getVectorView", (db) => db.getVectorView("a"), WebAssembly.RuntimeError],
  ["getVectorPtr", (db) => db.getVectorPtr("a"), WebAssembly.RuntimeError],
  ["getVectors", (db) => db.getVectors(["a"]), WebAssembly.RuntimeError],
  ["getVectorInto", (db) => db.getVectorInto("a", new Float32Array(384)), WebAssembly.RuntimeError],
  ["getMetadata", (db) => db.getMetadata("a"), WebAssembly.RuntimeError],
  ["ids", (db) => [...db.ids()], WebAssembly.RuntimeError],
  ["stateDigest", (db) => db.stateDigest(), WebAssembly.RuntimeError],
  [
    "applyDelta",
    (db) => db.applyDelta({ vectorId: "a", operation: { type: "delete" } }),
    RangeError,
  ],
  [
    "applyDeltas",
    (db) => db.applyDeltas([{ vectorId: "a", operation: { type: "delete" } }]),
    RangeError,
  ],
  [
    "a flush",
    (db) => {
      const pool = new SharedDeltaPool(64);
      pool.writeDelta({ vectorId: "a", operation: { type: "delete" } });
      pool.flush(db);
    },
    RangeError,
  ],
  ["search", (db) => db.search(new Float32Array(384), 1), Error],
  ["searchBatch", (db) => db.searchBatch(new Float32Array(768), 1), Error],
  [
    "search with a function",
    (db) => db.search(new Float32Array(384), 1, { filter: () => true }),
    WebAssembly.RuntimeError,
  ],
  ["checkIndex", (db) => db.checkIndex(), WebAssembly.RuntimeError],
  ["getVectorAt", (db) => db.getVectorAt("a", new Date()), WebAssembly.RuntimeError],
  ["getMetadataAt", (db) => db.getMetadataAt("a", new Date()), WebAssembly.RuntimeError],
  ["searchAt", (db) => db.searchAt(new Float32Array(384), 1, new Date()), WebAssembly.RuntimeError],
  ["getDeltaChain", (db) => db.getDeltaChain("a"), WebAssembly.RuntimeError],
  ["merge", (db) => db.merge(new Uint8Array(3)), WebAssembly.RuntimeError],
  ["cursor", (db) => db.cursor(), WebAssembly.RuntimeError],
  ["deltasSince", (db) => db.deltasSince(), WebAssembly.RuntimeError],
  ["compact", (db) => db.compact(), WebAssembly.RuntimeError],
  ["rollbackTo", (db) => db.rollbackTo("a", "0".repeat(26)), WebAssembly.RuntimeError],
];

for (const [name, call, kind] of faults) {
  test(`a fault in ${name} ends that database and no other`, () => {
    const db = new DeltaVectorDB();
    const other = new DeltaVectorDB();
    const isFault = (error: unknown): boolean => {
      assert.ok(error instanceof DeltaError);
      assert.equal(error.code, "CLOSED");
      assert.match(error.message, /internal fault/);
      assert.ok(error.cause instanceof kind, String(error.cause));
      return true;
    };
    assert.throws(() => call(db), isFault);
    assert.throws(() => db.size, isFault);
    assert.throws(() => db.stats(), isFault);
    db.close();
    assert.throws(() => db.applyDeltas([]), isFault);
    assert.equal(other.size, 0);
    assert.equal(other.stats().size, 0);
  });
}

test("a fault ends an iteration that waits for a delta", async () => {
  const db = new DeltaVectorDB();
  const next = db.deltas().next();
  assert.throws(() => db.has("a"), { code: "CLOSED" });
  await assert.rejects(next, { code: "CLOSED", message: /internal fault/ });
});
