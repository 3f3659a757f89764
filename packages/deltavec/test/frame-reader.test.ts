// Frames of the log, read back: any delta, and any damage.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DeltaIds, writeDeltaId } from "../src/delta-id.ts";
import type { DeltaError } from "../src/errors.ts";
import { FrameReader, frameLength } from "../src/frame-reader.ts";

const IDS = new DeltaIds("0123456789ab");

function hex(text: string): Uint8Array {
  return Uint8Array.from(text.trim().split(/\s+/), (byte) => Number.parseInt(byte, 16));
}

/** Sets a frame's length. */
function sized(bytes: Uint8Array): Uint8Array {
  bytes.set([bytes.length & 255, bytes.length >> 8]);
  return bytes;
}

const ID = "01 61 e8 03 00 00 00 00 02 00 00 00 ab 89 67 45 23 01";
const GOLDEN: [string, string, object][] = [
  [
    "create, with metadata",
    `09 00 00 01 00 00 00 00 29 ${ID} 02 00 00 80 3f 00 00 00 c0 07 7b 22 6b 22 3a 31 7d`,
    { operation: { type: "create", vector: Float32Array.of(1, -2) }, metadata: { k: 1 } },
  ],
  [
    "sparse",
    `09 00 00 01 00 00 00 00 0a ${ID} 02 03 80 01 00 00 80 3f 00 00 00 40`,
    {
      operation: {
        type: "sparse",
        indices: Uint32Array.of(3, 132),
        values: Float32Array.of(1, 2),
      },
    },
  ],
  [
    "runs",
    `09 00 00 01 00 00 00 00 0f ${ID} 02 01 01 02 00 00 00 80 3f 00 00 00 40 00 00 40 40`,
    {
      operation: {
        type: "sparse",
        indices: Uint32Array.of(1, 2, 5),
        values: Float32Array.of(1, 2, 3),
      },
    },
  ],
  [
    "dense",
    `09 00 00 01 00 00 00 00 0b ${ID} 01 00 00 80 3f`,
    { operation: { type: "dense", vector: Float32Array.of(1) } },
  ],
  [
    "scale",
    `09 00 00 01 00 00 00 00 0c ${ID} 00 00 80 3f`,
    { operation: { type: "scale", factor: 1 } },
  ],
  [
    "offset",
    `09 00 00 01 00 00 00 00 0d ${ID} 00 00 80 bf`,
    { operation: { type: "offset", amount: -1 } },
  ],
  ["delete", `09 00 00 01 00 00 00 00 0e ${ID}`, { operation: { type: "delete" } }],
];

for (const [name, text, expected] of GOLDEN) {
  test(`a frame is read: ${name}`, () => {
    const reader = new FrameReader(sized(hex(text)), IDS);
    const delta = reader.next();
    assert.ok(reader.done);
    assert.deepEqual(delta, {
      deltaId: "00000000Z8000000G14D2PF2DB",
      vectorId: "a",
      timestamp: new Date(1000),
      origin: "local",
      ...expected,
    });
    assert.ok(Object.isFrozen(delta.operation));
  });

  test(`every truncation is refused: ${name}`, () => {
    const whole = sized(hex(text));
    for (let length = 0; length < whole.length; length++) {
      for (const bytes of [whole.slice(0, length), sized(whole.slice(0, Math.max(2, length)))]) {
        assert.throws(() => new FrameReader(bytes, IDS).next(), { code: "CORRUPT_DATA" });
      }
    }
  });
}

test("a delta of another replica was merged", () => {
  const bytes = sized(hex(GOLDEN[6][1]));
  bytes[bytes.length - 1] = 2;
  const { origin, deltaId } = new FrameReader(bytes, IDS).next();
  assert.equal(origin, "merge");
  assert.equal(deltaId, "00000000Z8000000G24D2PF2DB");
});

test("another version is refused", () => {
  const bytes = sized(hex(GOLDEN[6][1]));
  bytes[3] = 2;
  assert.throws(() => new FrameReader(bytes, IDS).next(), {
    code: "UNSUPPORTED_VERSION",
    message: /byte 0 has version 2; this release reads 1$/,
  });
});

test("a text in place of frames is refused as such", () => {
  assert.throws(() => frameLength(new TextEncoder().encode("<!doctype html>"), 0), {
    code: "UNSUPPORTED_VERSION",
    message: /\("<!doctype": text, and no frames\?\)$/,
  });
});

test("any bytes are a delta or are refused", () => {
  const frames = fc.constantFrom(...GOLDEN).chain(([, text]) =>
    fc.array(fc.tuple(fc.nat(hex(text).length - 1), fc.nat(255)), { maxLength: 4 }).map((list) => {
      const bytes = sized(hex(text));
      for (const [at, byte] of list) {
        bytes[at] = byte;
      }
      return bytes;
    }),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        frames,
        fc.uint8Array({ maxLength: 60 }).map((b) => (b.length > 12 ? sized(b) : b)),
      ),
      (bytes) => {
        try {
          new FrameReader(bytes, IDS).next();
        } catch (error) {
          const { name, code } = error as DeltaError;
          assert.equal(name, "DeltaError", String((error as Error).stack));
          assert.ok(code === "CORRUPT_DATA" || code === "UNSUPPORTED_VERSION", code);
        }
      },
    ),
    { numRuns: 3000 },
  );
});

test("numbers that say more than there is ask for no memory", () => {
  const huge = "ff ff ff ff 0f";
  for (const text of [
    `09 00 00 01 00 00 00 00 09 ${ID} ${huge}`,
    `09 00 00 01 00 00 00 00 0a ${ID} ${huge}`,
    `09 00 00 01 00 00 00 00 0f ${ID} 01 00 ${huge}`,
    `09 00 00 01 00 00 00 00 0f ${ID} ${huge}`,
    `09 00 00 01 00 00 00 00 0e ${huge}`,
  ]) {
    assert.throws(() => new FrameReader(sized(hex(text)), IDS).next(), { code: "CORRUPT_DATA" });
  }
});

test("a delta's id is written as it was read", () => {
  const digits = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n });
  fc.assert(
    fc.property(digits, (bits) => {
      const time = Number(bits >> 80n);
      const sequence = Number((bits >> 48n) & 0xffff_ffffn);
      const replica = Number(bits & 0xffff_ffff_ffffn);
      const text = IDS.formatOf(time % 2 ** 32, Math.floor(time / 2 ** 32), sequence, replica);
      const bytes = new Uint8Array(18);
      assert.ok(writeDeltaId(bytes, 1, text));
      const view = new DataView(bytes.buffer);
      assert.equal(view.getUint32(1, true) + view.getUint16(5, true) * 2 ** 32, time);
      assert.equal(view.getUint32(7, true), sequence);
      assert.equal(view.getUint32(11, true) + view.getUint16(15, true) * 2 ** 32, replica);
      assert.equal(bytes[0] + bytes[17], 0);
    }),
  );
});

test("what is no delta's id is not written", () => {
  const bytes = new Uint8Array(16);
  const id = "0".repeat(25);
  for (const text of ["", id, `8${id}`, `${id}I`, `${id}i`, `${id}00`, `${id}é`, 7, null]) {
    assert.equal(writeDeltaId(bytes, 0, text as string), false);
  }
  assert.deepEqual(bytes, new Uint8Array(16));
});
