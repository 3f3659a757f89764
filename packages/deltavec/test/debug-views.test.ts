// Views that are checked: of what is not valid any more, nothing is read.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import {
  type DeltaDBOptions,
  DeltaError,
  DeltaVectorDB,
  init,
  SharedDeltaPool,
  type VectorDelta,
} from "deltavec";

before(() => init());

const create = (vectorId: string, ...values: number[]): VectorDelta => ({
  vectorId,
  operation: { type: "create", vector: Float32Array.from(values) },
});

function open(options: DeltaDBOptions = {}): DeltaVectorDB {
  const db = new DeltaVectorDB({ dimensions: 3, debug: true, idleRepair: false, ...options });
  db.applyDelta(create("a", 1, 2, 3));
  db.applyDelta(create("b", 4, 5, 6));
  return db;
}

function view(db: DeltaVectorDB, id = "a"): Float32Array {
  const found = db.getVectorView(id);
  assert.ok(found !== null);
  return found;
}

/** Checks that nothing of a view can be read, and that the error says why. */
function stale(seen: Float32Array, why: RegExp): void {
  for (const read of [
    () => seen[0],
    () => seen.length,
    () => seen.buffer,
    () => [...seen],
    () => seen.map((x) => x),
  ]) {
    assert.throws(
      read,
      (error) =>
        error instanceof DeltaError &&
        error.code === "INVALID_ARGUMENT" &&
        /^view of vector "a" is stale: /.test(error.message) &&
        why.test(error.message),
    );
  }
}

test("without debug a view is a plain array", () => {
  assert.ok(ArrayBuffer.isView(open({ debug: false }).getVectorView("a")));
});

test("a checked view reads as the array does", () => {
  const seen = view(open());
  assert.ok(seen instanceof Float32Array);
  assert.equal(Object.prototype.toString.call(seen), "[object Float32Array]");
  assert.equal(seen.constructor, Float32Array);
  assert.deepEqual([...seen], [1, 2, 3]);
  assert.deepEqual([seen.length, seen[1], seen.at(-1), seen.byteLength], [3, 2, 3, 12]);
  assert.deepEqual([...seen.map((x) => 2 * x)], [2, 4, 6]);
  assert.equal(
    seen.reduce((a, b) => a + b),
    6,
  );
  assert.deepEqual(Object.keys(seen), ["0", "1", "2"]);
  assert.deepEqual(seen.slice(), Float32Array.of(1, 2, 3));
  assert.deepEqual(new Float32Array(seen), Float32Array.of(1, 2, 3));
  const copy = new Float32Array(4);
  copy.set(seen, 1);
  assert.deepEqual([...copy], [0, 1, 2, 3]);
  assert.equal(seen.join(), "1,2,3");
  assert.equal(open().getVectorView("nobody"), null);
});

const CALLS: [string, (db: DeltaVectorDB) => unknown, title?: string][] = [
  ["apply", (db) => db.applyDelta({ vectorId: "b", operation: { type: "scale", factor: 2 } })],
  ["apply", (db) => db.applyDeltas([create("c", 1, 1, 1)]), "applyDeltas"],
  ["search", (db) => db.search(Float32Array.of(1, 0, 0), 1)],
  ["metadata", (db) => db.getMetadata("b")],
  ["ids", (db) => [...db.ids()]],
  ["stats", (db) => db.stats()],
  ["digest", (db) => db.stateDigest()],
  ["checkIndex", (db) => db.checkIndex()],
  ["since", (db) => db.deltasSince()],
  ["merge", (db) => db.merge(open().deltasSince())],
  ["compact", (db) => db.compact()],
  ["chain", (db) => db.getDeltaChain("b")],
  ["vectorAt", (db) => db.getVectorAt("b", new Date())],
  [
    "apply",
    (db) => {
      const pool = new SharedDeltaPool(64);
      pool.writeDelta(create("c", 1, 1, 1));
      pool.flush(db);
    },
    "a flush",
  ],
  ["close", (db) => db.close()],
];

for (const [name, call, title = name] of CALLS) {
  test(`a view is stale behind ${title}`, () => {
    const db = open();
    const seen = view(db);
    assert.equal(seen[0], 1);
    call(db);
    stale(seen, new RegExp(`called since \\(${name}\\)`));
  });
}

test("a view is stale behind a call that failed", () => {
  const db = open();
  const seen = view(db);
  assert.throws(() => db.applyDelta(create("a", 1, 2, 3)), { code: "VECTOR_EXISTS" });
  stale(seen, /apply/);
});

test("lookups leave views as they are", () => {
  const db = open();
  const seen = view(db);
  const other = view(db, "b");
  db.has("b");
  db.getVector("b");
  db.getVectors(["a", "b"]);
  db.getVectorInto("b", new Float32Array(3));
  db.getVectorPtr("b");
  assert.deepEqual([db.size, db.position, db.getDimensions()], [2, 2, 3]);
  assert.deepEqual([...seen, ...other], [1, 2, 3, 4, 5, 6]);
});

test("without floats the next lookup takes the view's place", () => {
  const db = open({ keepFloats: false });
  const seen = view(db);
  assert.equal(seen.length, 3);
  view(db, "b");
  stale(seen, /find/);
});

test("the very next call takes a view", () => {
  const db = open();
  assert.equal(db.search(view(db), 1)[0].id, "a");
  assert.equal(db.search(view(db), 1, { exact: true })[0].id, "a");
  assert.equal(db.search(view(db), 1, { filter: (id) => id !== "b" })[0].id, "a");
  assert.equal(db.searchBatch([view(db)], 1)[0][0].id, "a");
  assert.equal(db.searchAt(view(db), 1, new Date())[0].id, "a");
  db.applyDelta({ vectorId: "c", operation: { type: "create", vector: view(db) } });
  db.applyDelta({ vectorId: "b", operation: { type: "dense", vector: view(db, "c") } });
  const sparse = { type: "sparse" as const, indices: Uint32Array.of(0, 1, 2), values: view(db) };
  db.applyDelta({ vectorId: "b", operation: sparse });
  db.applyDelta({
    vectorId: "d",
    operation: { type: "create", vector: view(db) },
    metadata: { text: "x".repeat(100_000) }, // for which the input has to grow
  });
  for (const id of ["b", "c", "d"]) {
    assert.deepEqual(db.getVector(id), Float32Array.of(1, 2, 3));
  }
});

test("a call that is given a stale view is refused and does nothing", () => {
  const db = open();
  const seen = view(db);
  db.stats();
  const before = [db.stateDigest(), db.position];
  const calls = [
    () => db.search(seen, 1),
    () => db.searchBatch([seen], 1),
    () => db.applyDelta({ vectorId: "c", operation: { type: "create", vector: seen } }),
    () =>
      db.applyDeltas([
        create("c", 1, 1, 1),
        { vectorId: "b", operation: { type: "dense", vector: seen } },
      ]),
  ];
  for (const call of calls) {
    assert.throws(call, { code: "INVALID_ARGUMENT", message: /view of vector "a" is stale/ });
    assert.deepEqual([db.stateDigest(), db.position], before);
  }
});

test("a view that a subscriber kept is stale when the next delta comes", () => {
  const db = open();
  const kept: Float32Array[] = [];
  db.onDelta(() => kept.push(view(db)));
  db.applyDelta({ vectorId: "a", operation: { type: "scale", factor: 2 } });
  assert.deepEqual([...kept[0]], [2, 4, 6]);
  db.applyDelta({ vectorId: "a", operation: { type: "scale", factor: 2 } });
  stale(kept[0], /apply/);
});

test("a view is stale behind a repair in idle time", async () => {
  const db = new DeltaVectorDB({ dimensions: 3, debug: true });
  for (let i = 0; i < 400; i++) {
    db.applyDelta(create(i === 0 ? "a" : `v${i}`, Math.sin(i), Math.cos(i), 1));
  }
  for (let i = 1; i < 40; i++) {
    const vector = Float32Array.of(i, 1, -i);
    db.applyDelta({ vectorId: `v${i}`, operation: { type: "dense", vector } });
  }
  const seen = view(db);
  while (db.stats().index.pendingRepairs > 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  stale(seen, /repair|stats/);
});

test("a checked view cannot be written", () => {
  const db = open();
  const seen = view(db);
  for (const write of [
    () => {
      seen[0] = 9;
    },
    () => seen.fill(9),
    () => seen.set([9]),
    () => seen.sort(),
    () => seen.reverse(),
    () => seen.copyWithin(0, 1),
  ]) {
    assert.throws(write, { code: "INVALID_ARGUMENT", message: /"a" must not be written/ });
  }
  assert.deepEqual(db.getVector("a"), Float32Array.of(1, 2, 3));
});

test("with reserve a checked view follows its vector as long as that lives", () => {
  const db = open({ reserve: true, maxVectors: 10 });
  const seen = view(db);
  db.applyDelta({ vectorId: "a", operation: { type: "scale", factor: 2 } });
  db.stats();
  db.applyDelta({ vectorId: "b", operation: { type: "delete" } });
  assert.deepEqual([...seen], [2, 4, 6]);
  // Also as an argument, while the input is being written.
  db.applyDeltas([
    { vectorId: "long id of no other vector", operation: { type: "create", vector: seen } },
    { vectorId: "other", operation: { type: "create", vector: seen } },
  ]);
  assert.deepEqual(
    db.getVectors(["long id of no other vector", "other"]).values,
    Float32Array.of(2, 4, 6, 2, 4, 6),
  );
  db.applyDelta({ vectorId: "a", operation: { type: "delete" } });
  stale(seen, /apply/);
  db.applyDelta(create("c", 7, 7, 7));
  stale(seen, /apply/);
  assert.throws(() => db.search(seen, 1), { code: "INVALID_ARGUMENT", message: /stale/ });
  const other = view(db, "other");
  db.close();
  assert.throws(() => other[0], { message: /view of vector "other" is stale/ });
});
