// The frames that the package writes: known bytes, and any delta read back.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameWriter } from "../src/frame.ts";
import type { DeltaOperation, VectorDelta } from "../src/types.ts";
import { anyDeltas } from "./support/any-delta.ts";
import { PlainBlock, readFrames } from "./support/frames.ts";

/** Writes deltas as frames one behind the other. */
function write(deltas: readonly VectorDelta[], room = 16, compression = true): Uint8Array {
  const block = new PlainBlock(room);
  const writer = new FrameWriter(block, { compression, grid: 0 });
  writer.begin();
  deltas.forEach((delta, i) => {
    writer.append(delta, i, undefined);
  });
  return block.bytes.slice(writer.start, writer.start + writer.length);
}

function hex(text: string): number[] {
  return text.split(/\s+/).map((byte) => Number.parseInt(byte, 16));
}

const GOLDEN: [string, VectorDelta, string][] = [
  [
    "create",
    { vectorId: "a", operation: { type: "create", vector: Float32Array.of(1, -2) } },
    "14 00 00 01 00 00 00 00 01 01 61 02 00 00 80 3f 00 00 00 c0",
  ],
  [
    "sparse: distances between indices, two bytes for the long one",
    {
      vectorId: "ab",
      operation: {
        type: "sparse",
        indices: Uint32Array.of(0, 1, 300),
        values: Float32Array.of(1, 2, 3),
      },
    },
    "1d 00 00 01 00 00 00 00 02 02 61 62 03 00 00 aa 02 00 00 80 3f 00 00 00 40 00 00 40 40",
  ],
  [
    "sparse: given out of order",
    {
      vectorId: "ab",
      operation: {
        type: "sparse",
        indices: Uint32Array.of(300, 0, 1),
        values: Float32Array.of(3, 1, 2),
      },
    },
    "1d 00 00 01 00 00 00 00 02 02 61 62 03 00 00 aa 02 00 00 80 3f 00 00 00 40 00 00 40 40",
  ],
  [
    "sparse: the largest index takes five bytes",
    {
      vectorId: "a",
      operation: {
        type: "sparse",
        indices: Uint32Array.of(4_294_967_295),
        values: Float32Array.of(1),
      },
    },
    "15 00 00 01 00 00 00 00 02 01 61 01 ff ff ff ff 0f 00 00 80 3f",
  ],
  [
    "sparse: as runs, where that is shorter",
    {
      vectorId: "a",
      operation: {
        type: "sparse",
        indices: Uint32Array.of(2, 3, 4, 5, 300),
        values: Float32Array.of(1, 2, 3, 4, 5),
      },
    },
    "25 00 00 01 00 00 00 00 07 01 61 02 02 03 a6 02 00 " +
      "00 00 80 3f 00 00 00 40 00 00 40 40 00 00 80 40 00 00 a0 40",
  ],
  [
    "sparse: as distances, where runs are no shorter",
    {
      vectorId: "a",
      operation: {
        type: "sparse",
        indices: Uint32Array.of(2, 3),
        values: Float32Array.of(1, 2),
      },
    },
    "16 00 00 01 00 00 00 00 02 01 61 02 02 00 00 00 80 3f 00 00 00 40",
  ],
  [
    "sparse of nothing",
    {
      vectorId: "a",
      operation: { type: "sparse", indices: new Uint32Array(0), values: new Float32Array(0) },
    },
    "0c 00 00 01 00 00 00 00 02 01 61 00",
  ],
  [
    "dense with metadata",
    {
      vectorId: "a",
      operation: { type: "dense", vector: Float32Array.of(0) },
      metadata: { k: "é" },
    },
    "1b 00 00 01 00 00 00 00 23 01 61 01 00 00 00 00 0a 7b 22 6b 22 3a 22 c3 a9 22 7d",
  ],
  [
    "scale, of an id beyond ASCII",
    { vectorId: "ж", operation: { type: "scale", factor: 0.5 } },
    "10 00 00 01 00 00 00 00 04 02 d0 b6 00 00 00 3f",
  ],
  [
    "offset with a time",
    {
      vectorId: "a",
      operation: { type: "offset", amount: -1 },
      timestamp: new Date(0x0123456789ab),
    },
    "15 00 00 01 00 00 00 00 15 01 61 ab 89 67 45 23 01 00 00 80 bf",
  ],
  ["delete", { vectorId: "a", operation: { type: "delete" } }, "0b 00 00 01 00 00 00 00 06 01 61"],
];

for (const [name, delta, bytes] of GOLDEN) {
  test(`the bytes of a frame: ${name}`, () => {
    assert.deepEqual([...write([delta])], hex(bytes));
  });
}

test("without compression a sparse delta is never written as runs", () => {
  const operation: DeltaOperation = {
    type: "sparse",
    indices: Uint32Array.of(2, 3, 4, 5),
    values: Float32Array.of(1, 2, 3, 4),
  };
  assert.deepEqual(
    [...write([{ vectorId: "a", operation }], 16, false)],
    hex(
      "20 00 00 01 00 00 00 00 02 01 61 04 02 00 00 00 " +
        "00 00 80 3f 00 00 00 40 00 00 40 40 00 00 80 40",
    ),
  );
});

test("frames follow each other without a gap", () => {
  const all = GOLDEN.map(([, delta]) => delta);
  const bytes = GOLDEN.flatMap(([, , text]) => hex(text));
  assert.deepEqual([...write(all, 1000)], bytes);
});

test("frames that were written are kept while the block grows", () => {
  const all = Array.from({ length: 50 }, () => GOLDEN.map(([, delta]) => delta)).flat();
  const bytes = Array.from({ length: 50 }, () => GOLDEN.flatMap(([, , text]) => hex(text))).flat();
  assert.deepEqual([...write(all, 1)], bytes);
});

test("an id's length takes two bytes from 128 on", () => {
  const bytes = write([{ vectorId: "x".repeat(128), operation: { type: "delete" } }]);
  assert.deepEqual([...bytes.slice(9, 13)], [0x80, 0x01, 0x78, 0x78]);
});

test("the floats of a single dense delta are aligned, whatever the id's length", () => {
  for (let n = 1; n < 200; n++) {
    for (const timestamp of [undefined, new Date(0)]) {
      const block = new PlainBlock(10_000);
      const writer = new FrameWriter(block, { compression: true, grid: 0 });
      writer.begin();
      const operation = { type: "dense" as const, vector: new Float32Array(384).fill(1) };
      const vectorId = "x".repeat(n);
      writer.append(
        timestamp === undefined ? { vectorId, operation } : { vectorId, operation, timestamp },
        -1,
        undefined,
      );
      if (n < 128) {
        assert.equal((writer.start + writer.length) % 4, 0, `${n} letters`);
      }
      assert.equal(
        readFrames(block.bytes.slice(writer.start, writer.start + writer.length)).length,
        1,
      );
    }
  }
});

test("any delta is read back as it was written", () => {
  const kinds = { create: 1, sparse: 2, dense: 3, scale: 4, offset: 5, delete: 6 };
  fc.assert(
    fc.property(anyDeltas, (list) => {
      const expected = list.map(({ vectorId, operation: op, metadata, timestamp }) => {
        const order =
          op.type === "sparse"
            ? [...op.indices.keys()].sort((a, b) => op.indices[a] - op.indices[b])
            : [];
        return {
          kind: kinds[op.type],
          id: vectorId,
          time: timestamp?.getTime(),
          indices: op.type === "sparse" ? order.map((i) => op.indices[i]) : [],
          floats:
            op.type === "sparse"
              ? order.map((i) => op.values[i])
              : op.type === "scale"
                ? [Math.fround(op.factor)]
                : op.type === "offset"
                  ? [Math.fround(op.amount)]
                  : op.type === "delete"
                    ? []
                    : [...op.vector],
          metadata: metadata === undefined ? undefined : JSON.stringify(metadata),
        };
      });
      const plain = readFrames(write(list, 16, false));
      assert.deepEqual(plain, expected);
      assert.deepEqual(
        readFrames(write(list)).map((frame) => ({
          ...frame,
          kind: frame.kind === 7 ? 2 : frame.kind,
        })),
        expected,
      );
    }),
    { numRuns: 300 },
  );
});
