import assert from "node:assert/strict";
import { before, test } from "node:test";
import { DeltaVectorDB, init } from "deltavec/slim";
import { applied, Meter, onGrid } from "../src/meter.ts";
import { DIMENSIONS, GRID } from "../src/prepared.ts";

const vector = Float32Array.from({ length: DIMENSIONS }, (_, i) => onGrid(0.1 * Math.sin(i)));

before(() => init());

test("bytes are those that a replica gets", () => {
  const options = { dimensions: DIMENSIONS, precision: { grid: GRID } };
  const db = new DeltaVectorDB(options);
  db.applyDelta({ vectorId: "a", operation: { type: "create", vector } });
  const cursor = db.cursor();
  const operation = {
    type: "dense",
    vector: vector.map((value, i) => value + (i % 3) / GRID),
  } as const;
  db.applyDelta({ vectorId: "a", operation });
  const meter = new Meter();
  assert.equal(meter.bytes("a", operation, vector), db.deltasSince(cursor).length);
  // Once more: nothing is left of what was measured before.
  assert.equal(meter.bytes("a", operation, vector), db.deltasSince(cursor).length);
  assert.ok(meter.bytes("a", operation, vector) < 200);
});

for (const operation of [
  { type: "dense", vector: vector.map((value) => value + 1 / GRID) },
  { type: "sparse", indices: Uint32Array.of(3, 7), values: Float32Array.of(0.5, 0.25) },
  { type: "scale", factor: 1.3 },
  { type: "offset", amount: 0.07 },
] as const) {
  test(`${operation.type} is foreseen as the database does it`, () => {
    const db = new DeltaVectorDB({ dimensions: DIMENSIONS, precision: { grid: GRID } });
    db.applyDelta({ vectorId: "a", operation: { type: "create", vector } });
    db.applyDelta({ vectorId: "a", operation });
    assert.deepEqual(applied(operation, vector), db.getVector("a"));
  });
}
