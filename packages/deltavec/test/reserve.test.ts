// Memory that is taken at once: enough for all vectors, and never more.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { type DeltaDBOptions, DeltaVectorDB, init, type VectorDelta } from "deltavec";
import { Random } from "./support/random.ts";

before(() => init());

/** An id of 8 to 32 bytes. */
function idOf(i: number): string {
  return String(i).padStart(8 + (i % 25), "v");
}

function creates(random: Random, from: number, to: number, dimensions: number): VectorDelta[] {
  return Array.from({ length: to - from }, (_, i) => ({
    vectorId: idOf(from + i),
    operation: { type: "create", vector: random.vector(dimensions) },
  }));
}

const KINDS: DeltaDBOptions[] = ["int8", "int4", "none"].flatMap((quantization) =>
  [
    { history: true },
    { history: true, autoCompact: { maxBytes: 50_000 } },
    { history: false },
    ...(quantization === "none" ? [] : [{ keepFloats: false }]),
  ].map((options) => ({ ...options, quantization }) as DeltaDBOptions),
);

for (const dimensions of [3, 128, 384, 1536]) {
  test(`maxVectors vectors of ${dimensions} fit in, and no view is ever cut off`, () => {
    for (const options of KINDS) {
      const what = JSON.stringify(options);
      const maxVectors = dimensions > 1000 ? 300 : 1100;
      // A graph that is made quickly.
      const quick = { hnswM: 4, hnswEfConstruction: 5, idleRepair: false };
      const db = new DeltaVectorDB({ dimensions, maxVectors, reserve: true, ...quick, ...options });
      const { buffer } = db.getMemory();
      const random = new Random(dimensions);
      const [first] = creates(random, 0, 1, dimensions);
      db.applyDelta(first);
      const view = db.getVectorView(idOf(0));
      const kept = db.getVector(idOf(0));
      for (let at = 1; at < maxVectors; at += 250) {
        db.applyDeltas(creates(random, at, Math.min(maxVectors, at + 250), dimensions));
        db.search(random.vector(dimensions), 10);
      }
      assert.equal(db.size, maxVectors, what);
      assert.equal(db.getMemory().buffer, buffer, what);
      assert.equal(view?.buffer, buffer, what);
      if (options.keepFloats !== false) {
        assert.deepEqual(view, kept, what);
      }
      assert.throws(() => db.applyDeltas(creates(random, maxVectors, maxVectors + 1, dimensions)), {
        code: "CAPACITY_EXCEEDED",
      });
      db.close();
    }
  });
}

test("what comes and goes does not use the memory up", () => {
  const dimensions = 40;
  const maxVectors = 400;
  for (const options of [{ history: false }, { keepFloats: false }]) {
    const db = new DeltaVectorDB({ dimensions, maxVectors, reserve: true, ...options });
    const { buffer } = db.getMemory();
    const random = new Random(7);
    const alive: string[] = [];
    for (let i = 0; i < 10_000; i++) {
      if (alive.length === maxVectors || (alive.length > 0 && random.below(3) === 0)) {
        const [vectorId] = alive.splice(random.below(alive.length), 1);
        db.applyDelta({ vectorId, operation: { type: "delete" } });
      } else {
        const vectorId = idOf(i);
        const vector = random.vector(dimensions);
        const metadata = { text: "x".repeat(random.below(110)) };
        db.applyDelta({ vectorId, operation: { type: "create", vector }, metadata });
        alive.push(vectorId);
      }
      if (i % 100 === 0) {
        db.search(random.vector(dimensions), 10, { filter: { field: "text", exists: true } });
      }
    }
    assert.equal(db.size, alive.length);
    assert.equal(db.getMemory().buffer, buffer);
  }
});

test("a limit of history keeps deltas coming", () => {
  const db = new DeltaVectorDB({
    dimensions: 64,
    maxVectors: 100,
    reserve: true,
    autoCompact: { maxBytes: 500_000 },
  });
  const { buffer } = db.getMemory();
  const random = new Random(8);
  db.applyDeltas(creates(random, 0, 100, 64));
  for (let i = 0; i < 20_000; i++) {
    const operation = { type: "dense" as const, vector: random.vector(64) };
    db.applyDelta({ vectorId: idOf(i % 100), operation });
  }
  assert.equal(db.position, 20_100);
  assert.equal(db.getMemory().buffer, buffer);
});

test("what does not fit any more is OUT_OF_MEMORY and changes nothing", () => {
  const db = new DeltaVectorDB({ dimensions: 3, maxVectors: 10, reserve: true, history: false });
  const random = new Random(9);
  db.applyDeltas(creates(random, 0, 9, 3));
  const view = db.getVectorView(idOf(0));
  const before = [db.stateDigest(), db.position, db.size];
  const metadata = { text: "x".repeat(200_000) };
  const refused = (): void => {
    for (let i = 0; i < 1000; i++) {
      const operation = { type: "scale" as const, factor: 1 };
      db.applyDeltas([
        { vectorId: idOf(i % 9), operation: { type: "scale", factor: 2 } },
        ...Array.from({ length: 9 }, (_, j) => ({ vectorId: idOf(j), operation, metadata })),
        ...Array.from({ length: 9 }, (_, j) => ({ vectorId: idOf(j), operation, metadata })),
      ]);
    }
  };
  assert.throws(refused, { code: "OUT_OF_MEMORY" });
  assert.deepEqual([db.stateDigest(), db.position, db.size], before);
  assert.equal(view?.length, 3);
  // It goes on with what does fit.
  db.applyDeltas(creates(random, 9, 10, 3));
  assert.equal(db.search(view as Float32Array, 1)[0].id, idOf(0));
});

test("history beyond the memory is OUT_OF_MEMORY, and goes on once it is compacted", () => {
  const dimensions = 384;
  const db = new DeltaVectorDB({
    dimensions,
    maxVectors: 10,
    reserve: true,
    checkpointInterval: 5,
  });
  const random = new Random(10);
  db.applyDeltas(creates(random, 0, 10, dimensions));
  const change = (): unknown =>
    db.applyDelta({
      vectorId: idOf(0),
      operation: { type: "dense", vector: random.vector(dimensions) },
    });
  let count = 0;
  assert.throws(
    () => {
      for (; count < 100_000; count++) {
        change();
      }
    },
    { code: "OUT_OF_MEMORY" },
  );
  assert.ok(count > 10 * 5, `${count} deltas fitted in`);
  assert.equal(db.position, 10 + count);
  db.compact();
  change();
  assert.equal(db.position, 11 + count);
});

test("more than there are addresses is OUT_OF_MEMORY when the database is made", () => {
  assert.throws(() => new DeltaVectorDB({ maxVectors: 100_000_000, reserve: true }), {
    code: "OUT_OF_MEMORY",
    message: /no memory of \d+ bytes/,
  });
});

test("an option that is no boolean is refused", () => {
  for (const name of ["reserve", "debug"]) {
    assert.throws(() => new DeltaVectorDB({ [name]: 1 }), {
      code: "INVALID_ARGUMENT",
      message: new RegExp(`option ${name} must be a boolean`),
    });
  }
});
