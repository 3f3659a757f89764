import fc from "fast-check";
import type { DeltaOperation, VectorDelta } from "../../src/types.ts";

const float = fc.float({ noNaN: true, noDefaultInfinity: true });
const floats = (n: number): fc.Arbitrary<Float32Array> =>
  fc.array(float, { minLength: n, maxLength: n }).map((list) => Float32Array.from(list));
const size = fc.oneof(fc.nat(5), fc.nat(300));

const operation: fc.Arbitrary<DeltaOperation> = fc.oneof(
  size.chain(floats).map((vector): DeltaOperation => ({ type: "create", vector })),
  size.chain(floats).map((vector): DeltaOperation => ({ type: "dense", vector })),
  // Runs, their ends a little worn.
  fc
    .tuple(
      fc.uniqueArray(fc.nat(40), { minLength: 1, maxLength: 5 }),
      fc.nat(200),
      fc.uniqueArray(fc.nat(300), { maxLength: 20 }),
    )
    .map(([starts, length, more]) => [
      ...new Set([
        ...starts.flatMap((start) => Array.from({ length }, (_, i) => 400 * start + i)),
        ...more,
      ]),
    ])
    .chain((list) =>
      floats(list.length).map(
        (values): DeltaOperation => ({ type: "sparse", indices: Uint32Array.from(list), values }),
      ),
    ),
  fc
    .uniqueArray(fc.oneof(fc.nat(200), fc.nat(70_000), fc.nat(2 ** 32 - 1)), { maxLength: 100 })
    .chain((list) =>
      floats(list.length).map(
        (values): DeltaOperation => ({ type: "sparse", indices: Uint32Array.from(list), values }),
      ),
    ),
  float.map((factor): DeltaOperation => ({ type: "scale", factor })),
  float.map((amount): DeltaOperation => ({ type: "offset", amount })),
);

/** Some deltas of any kind, of any ids. */
export const anyDeltas: fc.Arbitrary<VectorDelta[]> = fc.array(
  fc.record(
    {
      vectorId: fc.oneof(
        fc.string({ minLength: 1, maxLength: 300 }),
        fc.string({ minLength: 1, maxLength: 300, unit: "binary" }),
      ),
      operation,
      metadata: fc.dictionary(fc.string(), fc.jsonValue()) as fc.Arbitrary<Record<string, unknown>>,
      timestamp: fc.nat(2 ** 48 - 1).map((time) => new Date(time)),
    },
    { requiredKeys: ["vectorId", "operation"] },
  ),
  { minLength: 1, maxLength: 4 },
);
