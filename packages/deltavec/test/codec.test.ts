// Deltas as bytes for outside the program: any delta, any damage.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { DeltaVectorDB, init } from "deltavec";
import fc from "fast-check";
import { decodeDeltas, encodeDeltas, frameLength, isReplicated } from "../src/codec.ts";
import { crc32c } from "../src/crc32c.ts";
import { DeltaError } from "../src/errors.ts";
import { SEALED } from "../src/frame.ts";
import type { DeltaOperation, VectorDelta } from "../src/types.ts";
import { anyDeltas } from "./support/any-delta.ts";

before(() => init());

const EXAMPLES: readonly VectorDelta[] = [
  { vectorId: "a", operation: { type: "create", vector: Float32Array.of(1, -2, 0.5, 3) } },
  {
    vectorId: "größe ж 🐟",
    operation: { type: "create", vector: Float32Array.of(0, 0, 0, 1) },
    metadata: { title: "Über 🐟", tags: ["x", null], deep: { a: { b: 1.5 } }, gone: null },
    timestamp: new Date(0x0123456789ab),
  },
  {
    vectorId: "a",
    operation: {
      type: "sparse",
      indices: Uint32Array.of(0, 3),
      values: Float32Array.of(-0, 1e30),
    },
  },
  {
    vectorId: "a",
    operation: {
      type: "sparse",
      indices: Uint32Array.of(0, 1, 2, 3),
      values: Float32Array.of(1, 2, 3, 4),
    },
    timestamp: new Date(0x0123456789ac),
  },
  {
    vectorId: "a",
    operation: { type: "sparse", indices: new Uint32Array(0), values: new Float32Array(0) },
    metadata: { k: 1 },
  },
  { vectorId: "a", operation: { type: "dense", vector: Float32Array.of(4, 3, 2, 1) } },
  { vectorId: "a", operation: { type: "scale", factor: 0.5 } },
  { vectorId: "a", operation: { type: "offset", amount: -1 } },
  { vectorId: "a", operation: { type: "delete" } },
];

function corrupt(error: unknown): boolean {
  return (
    error instanceof DeltaError &&
    ((error.code === "CORRUPT_DATA" && /at byte \d+/.test(error.message)) ||
      error.code === "UNSUPPORTED_VERSION")
  );
}

/** Where frames begin, and where the last ends. */
function bounds(bytes: Uint8Array): number[] {
  const found = [0];
  for (let at = 0; at < bytes.length; found.push(at)) {
    at += frameLength(bytes, at) as number;
  }
  return found;
}

/** Makes a frame of a kind and what follows it; sealed, if the kind says so. */
function frame(kind: number, ...rest: number[]): Uint8Array {
  const bytes = Uint8Array.from([9 + rest.length, 0, 0, 1, 0, 0, 0, 0, kind, ...rest]);
  if ((kind & SEALED) !== 0) {
    new DataView(bytes.buffer).setUint32(4, crc32c(bytes, 8), true);
  }
  return bytes;
}

test("deltas are decoded as they were encoded", () => {
  assert.deepEqual(decodeDeltas(encodeDeltas(EXAMPLES)), EXAMPLES);
  assert.deepEqual(decodeDeltas(encodeDeltas(EXAMPLES, { compression: false })), EXAMPLES);
});

test("runs are written as such unless that is switched off", () => {
  const indices = Uint32Array.from({ length: 100 }, (_, i) => i);
  const operation: DeltaOperation = { type: "sparse", indices, values: new Float32Array(100) };
  const sizes = [true, false].map(
    (compression) => encodeDeltas([{ vectorId: "a", operation }], { compression }).length,
  );
  assert.deepEqual(sizes, [9 + 2 + 3 + 400, 9 + 2 + 1 + 100 + 400]);
});

test("no deltas are no bytes", () => {
  assert.equal(encodeDeltas([]).length, 0);
  assert.deepEqual(decodeDeltas(new Uint8Array(0)), []);
});

test("any deltas are decoded as they were encoded, indices in order", () => {
  fc.assert(
    fc.property(anyDeltas, fc.boolean(), (list, compression) => {
      const expected = list.map((delta) => {
        const { operation } = delta;
        switch (operation.type) {
          case "sparse": {
            const order = [...operation.indices.keys()].sort(
              (a, b) => operation.indices[a] - operation.indices[b],
            );
            return {
              ...delta,
              operation: {
                type: "sparse",
                indices: Uint32Array.from(order, (i) => operation.indices[i]),
                values: Float32Array.from(order, (i) => operation.values[i]),
              },
            };
          }
          case "scale":
            return { ...delta, operation: { ...operation, factor: Math.fround(operation.factor) } };
          case "offset":
            return { ...delta, operation: { ...operation, amount: Math.fround(operation.amount) } };
          default:
            return delta;
        }
      });
      // As JSON: 0 for -0, no `__proto__` that is a prototype.
      const decoded = decodeDeltas(encodeDeltas(list, { compression }));
      const plain = (deltas: readonly object[]): unknown =>
        deltas.map((delta) => ({
          ...delta,
          metadata: JSON.stringify((delta as VectorDelta).metadata),
        }));
      assert.deepEqual(plain(decoded), plain(expected));
    }),
    { numRuns: 300 },
  );
});

test("what was decoded is the caller's: not frozen, and of no use to what it was read from", () => {
  const bytes = encodeDeltas(EXAMPLES);
  const decoded = decodeDeltas(bytes);
  bytes.fill(0);
  assert.deepEqual(decoded, EXAMPLES);
  for (const delta of decoded) {
    assert.ok(!Object.isFrozen(delta) && !Object.isFrozen(delta.operation));
  }
});

test("arrays that share a buffer do not overlap, also after that was transferred", () => {
  const operation: DeltaOperation = {
    type: "sparse",
    indices: Uint32Array.of(7),
    values: Float32Array.of(7),
  };
  const bytes = encodeDeltas([{ vectorId: "a", operation }]);
  const seen = new Map<ArrayBufferLike, Set<number>>();
  for (let i = 0; i < 3000; i++) {
    const [{ operation: read }] = decodeDeltas(bytes);
    assert.deepEqual(read, operation);
    assert.equal(read.type, "sparse");
    for (const { buffer, byteOffset } of [read.indices, read.values]) {
      const places = seen.get(buffer) ?? new Set();
      assert.ok(!places.has(byteOffset));
      seen.set(buffer, places.add(byteOffset));
    }
    if (i % 100 === 0) {
      structuredClone(null, { transfer: [read.values.buffer as ArrayBuffer] });
    }
  }
});

test("every truncation within a frame is refused", () => {
  const bytes = encodeDeltas(EXAMPLES);
  const whole = new Set(bounds(bytes));
  for (let length = 1; length < bytes.length; length++) {
    if (!whole.has(length)) {
      assert.throws(() => decodeDeltas(bytes.subarray(0, length)), corrupt, `${length} bytes`);
    }
  }
});

test("every flipped bit is found, whether or not unsealed frames are taken", () => {
  const bytes = encodeDeltas(EXAMPLES);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const wrong = bytes.slice();
    wrong[bit >>> 3] ^= 1 << (bit & 7);
    assert.throws(() => decodeDeltas(wrong), corrupt, `bit ${bit}`);
    assert.throws(() => decodeDeltas(wrong, { unsealed: true }), corrupt, `bit ${bit}`);
  }
});

test("damage is named by the byte of all that was given", () => {
  const bytes = encodeDeltas(EXAMPLES);
  const [, , third] = bounds(bytes);
  bytes[third + 20] ^= 1;
  assert.throws(() => decodeDeltas(bytes), {
    code: "CORRUPT_DATA",
    message: `at byte ${third}: the checksum does not fit`,
  });
  bytes[third + 3] = 2;
  assert.throws(() => decodeDeltas(bytes), {
    code: "UNSUPPORTED_VERSION",
    message: new RegExp(`byte ${third} has version 2`),
  });
});

test("any bytes with a right checksum are deltas, or are refused", () => {
  const kinds = fc.oneof(fc.constantFrom(65, 66, 67, 68, 69, 70, 71, 103, 87), fc.nat(255));
  // An id, then numbers that are mostly small, so that some frames are deltas.
  const rest = fc.array(fc.oneof(fc.nat(3), fc.nat(255)), { maxLength: 40 });
  let good = 0;
  fc.assert(
    fc.property(kinds, rest, fc.boolean(), (kind, bytes, id) => {
      try {
        const decoded = decodeDeltas(frame(kind, ...(id ? [1, 97] : []), ...bytes));
        assert.equal(decoded.length, 1);
        assert.deepEqual(decodeDeltas(encodeDeltas(decoded)), decoded);
        good++;
      } catch (error) {
        assert.ok(corrupt(error), String((error as Error).stack));
      }
    }),
    { numRuns: 10_000 },
  );
  assert.ok(good > 50, `${good} were deltas`);
});

test("numbers that say more than there is ask for no memory", () => {
  const huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
  const before = process.memoryUsage().arrayBuffers;
  for (const bytes of [
    frame(65, 1, 97, ...huge),
    frame(66, 1, 97, ...huge),
    frame(71, 1, 97, ...huge),
    frame(71, 1, 97, 1, 0, ...huge),
    frame(66 + 32, 1, 97, 0, ...huge),
    frame(70, ...huge),
    Uint8Array.of(255, 255, 255, 1, 0, 0, 0, 0, 70),
  ]) {
    assert.throws(() => decodeDeltas(bytes), { code: "CORRUPT_DATA" });
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 1 << 20);
});

test("texts that are no UTF-8 are refused, U+FFFD itself is not", () => {
  for (const id of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0x61, 0xe2, 0x82]]) {
    assert.throws(() => decodeDeltas(frame(70, id.length, ...id)), {
      code: "CORRUPT_DATA",
      message: /at byte 10: .*UTF-8/,
    });
  }
  assert.equal(decodeDeltas(frame(70, 3, 0xef, 0xbf, 0xbd))[0].vectorId, "\ufffd");
  const patch = [...'{"a":"'].map((c) => c.charCodeAt(0));
  const behind = [0x22, 0x7d];
  const text = [...patch, 0xff, ...behind];
  assert.throws(() => decodeDeltas(frame(66 + 32, 1, 97, 0, text.length, ...text)), {
    code: "CORRUPT_DATA",
    message: /UTF-8/,
  });
});

test("metadata that is no JSON object is refused", () => {
  for (const text of ["", "[]", "null", '"a"', "{", "{}{}"]) {
    const bytes = [...text].map((c) => c.charCodeAt(0));
    assert.throws(() => decodeDeltas(frame(66 + 32, 1, 97, 0, bytes.length, ...bytes)), {
      code: "CORRUPT_DATA",
      message: /no JSON object/,
    });
  }
});

test("frames that are not sealed are taken only if that is asked for", () => {
  const bytes = frame(6, 1, 97);
  assert.throws(() => decodeDeltas(bytes), { code: "CORRUPT_DATA", message: /not sealed/ });
  const delta: VectorDelta = { vectorId: "a", operation: { type: "delete" } };
  assert.deepEqual(decodeDeltas(bytes, { unsealed: true }), [delta]);
  assert.deepEqual(decodeDeltas(encodeDeltas([delta]), { unsealed: true }), [delta]);
});

test("frames of replicas are told from deltas, and refused", () => {
  const db = new DeltaVectorDB({ dimensions: 4, now: () => 5 });
  db.applyDeltas(EXAMPLES.slice(0, 4));
  const stream = db.deltasSince();
  const starts = bounds(stream);
  starts.pop();
  assert.equal(starts.length, 5); // a stream begins with a frame of its own
  for (const at of starts) {
    assert.ok(isReplicated(stream, at));
    assert.throws(() => decodeDeltas(stream.subarray(at)), {
      code: "CORRUPT_DATA",
      message: /at byte 8: no local delta/,
    });
  }
  const bytes = encodeDeltas(EXAMPLES);
  for (const at of bounds(bytes).slice(0, -1)) {
    assert.ok(!isReplicated(bytes, at));
  }
});

test("the length of a frame is told from 9 bytes, not from fewer", () => {
  const bytes = encodeDeltas(EXAMPLES.slice(0, 2));
  const [, second, end] = bounds(bytes);
  assert.equal(end, bytes.length);
  for (let have = 0; have < 20; have++) {
    const part = bytes.subarray(0, second + have);
    assert.equal(frameLength(part, second), have < 9 ? undefined : end - second);
  }
  assert.throws(() => frameLength(Uint8Array.of(8, 0, 0, 1, 0, 0, 0, 0, 70), 0), {
    code: "CORRUPT_DATA",
    message: /at byte 0/,
  });
  assert.throws(() => frameLength(Uint8Array.of(9, 0, 0, 7, 0, 0, 0, 0, 70), 0), {
    code: "UNSUPPORTED_VERSION",
  });
});

test("deltas that went through bytes do to a database what they did before", () => {
  const open = () => new DeltaVectorDB({ dimensions: 4, replicaId: "000000000001", now: () => 5 });
  const [direct, decoded] = [open(), open()];
  direct.applyDeltas(EXAMPLES);
  decoded.applyDeltas(decodeDeltas(encodeDeltas(EXAMPLES)));
  assert.equal(decoded.stateDigest(), direct.stateDigest());
  assert.deepEqual(decoded.deltasSince(), direct.deltasSince());
});

test("a delta that cannot be encoded is named by its index, and disturbs no other call", () => {
  const bad = { vectorId: "b", operation: { type: "scale", factor: "x" } };
  assert.throws(() => encodeDeltas([EXAMPLES[0], bad as unknown as VectorDelta]), {
    code: "INVALID_ARGUMENT",
    index: 1,
    message: /^delta 1: vector "b": factor/,
  });
  assert.deepEqual(decodeDeltas(encodeDeltas(EXAMPLES)), EXAMPLES);
});

test("deltas whose iteration or getters encode others do not disturb each other", () => {
  const inner: Uint8Array[] = [];
  function* walk(): IterableIterator<VectorDelta> {
    for (const delta of EXAMPLES) {
      inner.push(encodeDeltas(EXAMPLES));
      yield {
        vectorId: delta.vectorId,
        get operation() {
          inner.push(encodeDeltas(EXAMPLES.toReversed()));
          return delta.operation;
        },
      };
    }
  }
  const plain = EXAMPLES.map(({ vectorId, operation }) => ({ vectorId, operation }));
  assert.deepEqual(decodeDeltas(encodeDeltas(walk())), plain);
  inner.forEach((bytes, i) => {
    assert.deepEqual(decodeDeltas(bytes), i % 2 === 0 ? EXAMPLES : EXAMPLES.toReversed());
  });
});

test("bytes may be a part of others, a Buffer, or shared", () => {
  const bytes = encodeDeltas(EXAMPLES);
  const shifted = new Uint8Array(bytes.length + 7);
  shifted.set(bytes, 3);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  for (const form of [
    shifted.subarray(3, 3 + bytes.length),
    Buffer.from(shifted).subarray(3, 3 + bytes.length),
    shared,
  ]) {
    assert.deepEqual(decodeDeltas(form), EXAMPLES);
  }
});

test("what are no bytes, or no deltas, is refused", () => {
  for (const value of [undefined, null, "abc", [1], new ArrayBuffer(9), new Int8Array(9)]) {
    assert.throws(() => decodeDeltas(value as never), { code: "INVALID_ARGUMENT" });
  }
  for (const value of [undefined, null, 5, {}]) {
    assert.throws(() => encodeDeltas(value as never), {
      code: "INVALID_ARGUMENT",
      message: /deltas must be an iterable/,
    });
  }
  assert.throws(() => encodeDeltas("a" as never), { code: "INVALID_ARGUMENT", index: 0 });
});
