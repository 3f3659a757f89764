// The smallest delta between two vectors.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { DeltaVectorDB, diff, init } from "deltavec";
import fc from "fast-check";
import { FrameWriter } from "../src/frame.ts";
import type { DeltaOperation } from "../src/types.ts";
import { PlainBlock } from "./support/frames.ts";

before(() => init());

/** Bytes of an operation's frame. */
function sizeOf(operation: DeltaOperation): number {
  const writer = new FrameWriter(new PlainBlock(64), { compression: true, grid: 0 });
  writer.begin();
  writer.append({ vectorId: "a", operation }, -1, undefined);
  return writer.length;
}

/** A sparse operation that sets what is at some indices of a vector. */
function at(vector: Float32Array, indices: readonly number[]): DeltaOperation {
  return {
    type: "sparse",
    indices: Uint32Array.from(indices),
    values: Float32Array.from(indices, (i) => vector[i]),
  };
}

test("nothing is to be done for equal vectors", () => {
  assert.equal(diff(Float32Array.of(1, 2), Float32Array.of(1, 2)), null);
  assert.equal(diff(Float32Array.of(1, 2), Float32Array.of(1, 2), { metadata: {} }), null);
});

test("some values are a sparse delta, most of them a dense one", () => {
  const zero = new Float32Array(100);
  const some = zero.slice().fill(1, 20, 40);
  assert.deepEqual(diff(zero, some), {
    operation: at(
      some,
      [...Array(20).keys()].map((i) => 20 + i),
    ),
  });
  const most = zero.map((_, i) => (i % 20 === 0 ? 0 : 1));
  assert.deepEqual(diff(zero, most), {
    operation: at(
      most,
      [...most.keys()].filter((i) => i % 20),
    ),
  });
  const scattered = zero.map((_, i) => (i % 7 === 0 ? 0 : 1));
  assert.equal(diff(zero, scattered)?.operation.type, "sparse");
  const all = zero.slice().fill(2);
  assert.deepEqual(diff(zero, all), { operation: { type: "dense", vector: all } });
});

test("only metadata is a sparse delta of nothing", () => {
  const metadata = { title: null };
  assert.deepEqual(diff(Float32Array.of(1), Float32Array.of(1), { metadata }), {
    operation: at(Float32Array.of(1), []),
    metadata,
  });
  assert.deepEqual(diff(Float32Array.of(1), Float32Array.of(2), { metadata })?.metadata, metadata);
});

test("0 and -0 are two values, unless there is a tolerance", () => {
  const [plus, minus] = [Float32Array.of(0, 1), Float32Array.of(-0, 1)];
  assert.deepEqual(diff(plus, minus), { operation: at(minus, [0]) });
  assert.equal(diff(plus, minus, { tolerance: 1e-9 }), null);
});

test("values within the tolerance stay, the others become exact", () => {
  const old = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const wanted = Float32Array.of(1.5, 2.25, 3, 4.75, 5, 6, 7, 8);
  assert.deepEqual(diff(old, wanted, { tolerance: 0.5 }), { operation: at(wanted, [3]) });
  assert.equal(diff(old, wanted, { tolerance: 0.75 }), null);
  assert.equal(diff(old, wanted, { tolerance: Number.POSITIVE_INFINITY }), null);
});

test("what a vector cannot become is refused", () => {
  const vector = Float32Array.of(1, 2);
  const cases: [unknown, unknown, unknown, string, RegExp][] = [
    [vector, Float32Array.of(1), {}, "DIMENSION_MISMATCH", /2 values, newVector 1/],
    [vector, Float32Array.of(1, Number.NaN), {}, "NOT_FINITE", /newVector\[1\]/],
    ["12", vector, {}, "INVALID_ARGUMENT", /oldVector must be a Float32Array/],
    [vector, [1, "2"], {}, "INVALID_ARGUMENT", /newVector/],
    [vector, vector, 1, "INVALID_ARGUMENT", /options/],
    [vector, vector, { tolerance: -1 }, "INVALID_ARGUMENT", /tolerance/],
    [vector, vector, { tolerance: Number.NaN }, "INVALID_ARGUMENT", /tolerance/],
    [vector, vector, { tolerance: "0" }, "INVALID_ARGUMENT", /tolerance/],
    [vector, vector, { metadata: 3 }, "INVALID_ARGUMENT", /metadata/],
  ];
  for (const [before, after, options, code, message] of cases) {
    assert.throws(() => diff(before as never, after as never, options as never), { code, message });
  }
});

test("lists of numbers are taken", () => {
  assert.deepEqual(diff([1, 2] as never, [1, 3] as never), {
    operation: at(Float32Array.of(1, 3), [1]),
  });
});

test("what is found is the smallest operation, and leads to the vector", () => {
  const vectors = fc.integer({ min: 1, max: 200 }).chain((n) =>
    fc.record({
      before: fc.array(fc.constantFrom(0, -0, 1, 2.5), { minLength: n, maxLength: n }),
      runs: fc.array(fc.tuple(fc.nat(n - 1), fc.nat(n)), { maxLength: 12 }),
    }),
  );
  fc.assert(
    fc.property(vectors, ({ before, runs }) => {
      const old = Float32Array.from(before);
      const wanted = old.slice();
      for (const [start, length] of runs) {
        wanted.fill(start / 3, start, start + length);
      }
      const change = diff(old, wanted);
      const indices = [...old.keys()].filter((i) => !Object.is(old[i], wanted[i]));
      assert.equal(change === null, indices.length === 0);
      if (change === null) {
        return;
      }
      const least = Math.min(
        sizeOf(at(wanted, indices)),
        sizeOf({ type: "dense", vector: wanted }),
      );
      assert.equal(sizeOf(change.operation), least);
      using db = new DeltaVectorDB({ dimensions: old.length });
      db.applyDelta({ vectorId: "a", operation: { type: "create", vector: old } });
      db.applyDelta({ vectorId: "a", ...change });
      assert.deepEqual(db.getVector("a"), wanted);
    }),
    { numRuns: 300 },
  );
});
