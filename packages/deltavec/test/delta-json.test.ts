// Deltas as JSON.
import assert from "node:assert/strict";
import { test } from "node:test";
import { deltaToJson, parseDelta, parseDeltas } from "deltavec/streams";
import fc from "fast-check";
import { anyDeltas } from "./support/any-delta.ts";
import { story } from "./support/deltas.ts";

const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test("deltas come through JSON bit for bit", () => {
  const deltas = story(6, 300);
  assert.deepEqual(parseDeltas(throughJson(deltas.map(deltaToJson))), deltas);
});

test("any deltas come through JSON", () => {
  fc.assert(
    fc.property(anyDeltas, (deltas) => {
      const plain = deltas.filter(({ operation }) => Number.isFinite(amountOf(operation)));
      const expected = plain.map((delta) => ({
        ...delta,
        operation: withoutMinusZero(delta.operation),
        ...(delta.metadata && { metadata: throughJson(delta.metadata) }),
      }));
      assert.deepEqual(parseDeltas(throughJson(plain.map(deltaToJson))), expected);
    }),
    { numRuns: 100 },
  );
});

const amountOf = (operation: object): number => {
  const { factor, amount } = operation as { factor?: number; amount?: number };
  return Math.fround(factor ?? amount ?? 0);
};

/** JSON has no -0. */
const withoutMinusZero = <T extends object>(operation: T): T =>
  Object.fromEntries(
    Object.entries(operation).map(([name, value]) => [
      name,
      typeof value === "number"
        ? value + 0
        : value instanceof Float32Array
          ? value.map((x) => x + 0)
          : value,
    ]),
  ) as T;

test("one delta, an array, text and its value are all taken", () => {
  const json = { vectorId: "a", operation: { type: "sparse", indices: [3, 1], values: [1, 2.5] } };
  const delta = {
    vectorId: "a",
    operation: {
      type: "sparse",
      indices: Uint32Array.of(3, 1),
      values: Float32Array.of(1, 2.5),
    },
  };
  assert.deepEqual(parseDelta(json), delta);
  for (const given of [json, JSON.stringify(json)]) {
    assert.deepEqual(parseDeltas(given), [delta]);
  }
  for (const given of [[json, json], JSON.stringify([json, json])]) {
    assert.deepEqual(parseDeltas(given), [delta, delta]);
  }
  assert.deepEqual(parseDeltas([]), []);
});

test("times are ISO 8601 with a zone, or milliseconds", () => {
  const at = (timestamp: unknown): number | undefined =>
    parseDelta({ vectorId: "a", operation: { type: "delete" }, timestamp }).timestamp?.getTime();
  assert.equal(at(1_700_000_000_123), 1_700_000_000_123);
  assert.equal(at("2023-11-14T22:13:20.123Z"), 1_700_000_000_123);
  assert.equal(at("2023-11-15T00:13:20.123+02:00"), 1_700_000_000_123);
  assert.equal(at("2023-11-14T22:13Z"), 1_699_999_980_000);
  assert.equal(at(undefined), undefined);
  for (const wrong of [
    "2023-11-14T22:13:20",
    "yesterday",
    "2023-13-40T00:00:00Z",
    "",
    null,
    {},
    true,
  ]) {
    assert.throws(() => at(wrong), { code: "INVALID_ARGUMENT", message: /^delta\.timestamp must/ });
  }
});

test("what a DeltaEvent has besides is let through and left out", () => {
  const event = {
    deltaId: "01HF7YAT00000000EWEA9354TP",
    vectorId: "a",
    operation: { type: "scale", factor: 2 },
    origin: "local",
    position: 7,
  };
  assert.deepEqual(parseDelta(event), { vectorId: "a", operation: event.operation });
});

const wrong: [string, unknown, RegExp][] = [
  ["null", null, /^delta must be an object, not null/],
  ["an array in an array", [[]], /^delta\[0\] must be an object, not an array/],
  ["a number", 7, /^delta must be an object, not 7/],
  ["no id", { operation: { type: "delete" } }, /^delta\.vectorId must be a string, not undefined/],
  ["no operation", { vectorId: "a" }, /^delta\.operation must be an object, not undefined/],
  ["an unknown member", { vectorId: "a", metdata: {} }, /^delta has an unknown member "metdata"/],
  [
    "an unknown operation",
    { vectorId: "a", operation: { type: "toString" } },
    /^delta\.operation\.type must be one of create, sparse, .*, not "toString"/,
  ],
  [
    "a member of another operation",
    { vectorId: "a", operation: { type: "scale", factor: 1, vector: [] } },
    /^delta\.operation has an unknown member "vector"/,
  ],
  [
    "what JSON makes of a typed array",
    { vectorId: "a", operation: { type: "dense", vector: { 0: 1 } } },
    /^delta\.operation\.vector must be an array of numbers, not Object/,
  ],
  [
    "a value that is text",
    { vectorId: "a", operation: { type: "dense", vector: [1, "2"] } },
    /^delta\.operation\.vector\[1\] must be a number, not "2"/,
  ],
  [
    "an index that is none",
    { vectorId: "a", operation: { type: "sparse", indices: [-1], values: [1] } },
    /^delta\.operation\.indices\[0\] must be a whole number of 32 bits, not -1/,
  ],
  [
    "too many values",
    { vectorId: "a", operation: { type: "dense", vector: new Array(65_537).fill(0) } },
    /65537 numbers/,
  ],
  [
    "metadata that is an array",
    { vectorId: "a", operation: { type: "scale", factor: 1 }, metadata: [] },
    /^delta\.metadata must be an object, not an array/,
  ],
];
for (const [name, json, message] of wrong) {
  test(`${name} is INVALID_ARGUMENT, and named`, () => {
    assert.throws(() => parseDeltas(json), { code: "INVALID_ARGUMENT", message });
  });
}

test("a number beyond float32 is NOT_FINITE", () => {
  for (const operation of [
    { type: "dense", vector: [1e39] },
    { type: "scale", factor: -1e308 },
    JSON.parse('{"type":"offset","amount":1e999}'),
  ]) {
    assert.throws(() => parseDelta({ vectorId: "a", operation }), { code: "NOT_FINITE" });
  }
});

test("text that is no JSON is CORRUPT_DATA", () => {
  assert.throws(() => parseDeltas("{"), { code: "CORRUPT_DATA" });
});

test("the offending delta of an array has its index", () => {
  const good = { vectorId: "a", operation: { type: "delete" } };
  assert.throws(() => parseDeltas([good, good, { vectorId: 1 }]), {
    code: "INVALID_ARGUMENT",
    index: 2,
    message: /^delta\[2\]\.vectorId/,
  });
});

test("any JSON is read or refused with a DeltaError", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (json) => {
      try {
        parseDeltas(json);
      } catch (error) {
        assert.equal((error as Error).name, "DeltaError");
      }
    }),
  );
});
