// What only the TypeScript face has.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { DeltaVectorDB, init } from "deltavec";

before(() => init());

test("options are those of the interface contract by default", () => {
  const { replicaId, ...rest } = new DeltaVectorDB().options;
  assert.match(replicaId, /^[0-9a-f]{12}$/);
  assert.deepEqual(rest, {
    dimensions: 384,
    maxVectors: 100_000,
    compression: true,
    history: true,
    checkpointInterval: 100,
    autoCompact: null,
    precision: null,
    maxClockAheadMs: 86_400_000,
    hnswM: 16,
    hnswEfConstruction: 100,
    hnswEfSearch: 50,
    metric: "cosine",
    quantization: "int8",
    keepFloats: true,
    idleRepair: true,
    recallSampleRate: 0,
    reserve: false,
    debug: false,
  });
});

test("history is on unless floats are not kept", () => {
  assert.equal(new DeltaVectorDB({ keepFloats: true }).options.history, true);
  assert.equal(new DeltaVectorDB({ keepFloats: false }).options.history, false);
});

test("options that are of no kind that is known are refused by name", () => {
  for (const [name, value] of [
    ["quantization", "int2"],
    ["keepFloats", 1],
    ["idleRepair", "yes"],
    ["recallSampleRate", "0.5"],
    ["recallSampleRate", Number.NaN],
    ["history", null],
  ]) {
    assert.throws(() => new DeltaVectorDB({ [name as string]: value }), {
      code: "INVALID_ARGUMENT",
      message: new RegExp(`option ${name} must be`),
    });
  }
});

test("options are those given, and cannot be changed", () => {
  const given = { dimensions: 7, metric: "dot" as const, replicaId: "ABCDEF012345" };
  const db = new DeltaVectorDB(given);
  given.dimensions = 9;
  assert.equal(db.options.dimensions, 7);
  assert.equal(db.options.metric, "dot");
  assert.equal(db.options.replicaId, "abcdef012345");
  assert.ok(Object.isFrozen(db.options));
});

test("two databases have different replicas unless told", () => {
  assert.notEqual(new DeltaVectorDB().options.replicaId, new DeltaVectorDB().options.replicaId);
});

test("a using declaration closes the database", () => {
  let leaked: DeltaVectorDB;
  {
    using db = new DeltaVectorDB({ dimensions: 1 });
    leaked = db;
    assert.equal(db.size, 0);
  }
  assert.throws(() => leaked.size, { name: "DeltaError", code: "CLOSED" });
});

test("lists of numbers are taken where typed arrays are expected", () => {
  const db = new DeltaVectorDB({ dimensions: 3 });
  const create = { type: "create", vector: [1, 2, 3] };
  db.applyDelta({ vectorId: "a", operation: create } as never);
  const sparse = { type: "sparse", indices: [2, 0], values: new Float64Array([9, 7]) };
  db.applyDelta({ vectorId: "a", operation: sparse } as never);
  assert.deepEqual([...(db.getVector("a") ?? [])], [7, 2, 9]);
  assert.equal(db.search([7, 2, 9] as never, 1)[0].id, "a");
});

test("ids can be iterated while vectors come and go", () => {
  const db = new DeltaVectorDB({ dimensions: 1 });
  const create = (id: string): void => {
    db.applyDelta({ vectorId: id, operation: { type: "create", vector: Float32Array.of(1) } });
  };
  for (let i = 0; i < 1000; i++) {
    create(`v${i}`);
  }
  const seen: string[] = [];
  for (const id of db.ids()) {
    seen.push(id);
    if (id.startsWith("v") && Number(id.slice(1)) % 2 === 1) {
      db.applyDelta({ vectorId: id, operation: { type: "delete" } });
      create(`w${id.slice(1)}`);
    }
  }
  assert.equal(new Set(seen).size, seen.length, "an id came twice");
  const stayed = Array.from({ length: 500 }, (_, i) => `v${2 * i}`);
  assert.deepEqual(
    stayed.filter((id) => !seen.includes(id)),
    [],
  );
});

test("an iterator over ids is CLOSED with its database", () => {
  const db = new DeltaVectorDB({ dimensions: 1 });
  const ids = db.ids();
  db.close();
  assert.throws(() => ids.next(), { code: "CLOSED" });
});
