// The checksum of sealed frames.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crc32c } from "../src/crc32c.ts";

/** CRC-32C, bit by bit. */
function plain(bytes: Uint8Array, state = -1): number {
  let crc = state;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : 0x82f63b78);
    }
  }
  return ~crc >>> 0;
}

test("the examples of RFC 3720 have their checksums", () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(255)), 0x62a8ab43);
  assert.equal(crc32c(ascending), 0x46dd794e);
  assert.equal(crc32c(ascending.toReversed()), 0x113fdb5c);
  assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
});

test("any part of any bytes has the checksum that is computed bit by bit", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat(70), fc.nat(70), (bytes, a, b) => {
      const from = Math.min(a, b, bytes.length);
      const to = Math.min(Math.max(a, b), bytes.length);
      assert.equal(crc32c(bytes, from, to), plain(bytes.subarray(from, to)));
    }),
    { numRuns: 2000 },
  );
});

test("every length to 5,000 has the checksum that is computed bit by bit", () => {
  const bytes = Uint8Array.from({ length: 5000 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24);
  const whole = new Uint8Array(5003);
  for (const shift of [0, 1, 3]) {
    whole.set(bytes, shift);
    let state = -1;
    for (let n = 0; n <= 5000; n++) {
      assert.equal(crc32c(whole, shift, shift + n), ~state >>> 0, `${n} bytes`);
      state = ~plain(bytes.subarray(n, n + 1), state);
    }
  }
});
