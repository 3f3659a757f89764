// The kernel of checksums.
import assert from "node:assert/strict";
import { test } from "node:test";
import { alone } from "./kernels-alone.ts";
import { type Exports, forTests, Instance, random } from "./support.ts";

const MOST = 40_000;

/** CRC-32C, bit by bit, continued from another. */
function naive(bytes: Uint8Array, before = 0): number {
  let crc = ~before;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : 0x82f63b78);
    }
  }
  return ~crc;
}

function randomBytes(n: number): Uint8Array {
  const next = random(n);
  return Uint8Array.from({ length: n }, () => next() * 256);
}

/** An instance with random bytes in its memory, and the checksum of every number of them from the first on. */
function prepared(): { exports: Exports; instance: Instance; at: number; sums: Int32Array } {
  const instance = new Instance(forTests);
  const at = instance.exports.dv_input(MOST + 64) >>> 0;
  const bytes = randomBytes(MOST);
  const sums = new Int32Array(MOST + 1);
  for (let n = 0; n < MOST; n++) {
    sums[n + 1] = naive(bytes.subarray(n, n + 1), sums[n] as number);
  }
  // What lies around must not matter.
  instance.bytes.fill(0xa5, at, at + MOST + 64);
  instance.bytes.set(bytes, at);
  return { exports: instance.exports, instance, at, sums };
}

test("the examples of RFC 3720 have their checksums", () => {
  const instance = new Instance(forTests);
  const at = instance.exports.dv_input(64) >>> 0;
  const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
  for (const [bytes, expected] of [
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(255), 0x62a8ab43],
    [ascending, 0x46dd794e],
    [ascending.toReversed(), 0x113fdb5c],
    [new TextEncoder().encode("123456789"), 0xe3069283],
  ] as const) {
    instance.bytes.set(bytes, at);
    assert.equal(instance.exports.crc32c(0, at, bytes.length) >>> 0, expected);
  }
});

test("every length to 5,000 has the checksum that is computed bit by bit", () => {
  const { exports, at, sums } = prepared();
  for (let n = 0; n <= 5000; n++) {
    assert.equal(exports.crc32c(0, at, n), sums[n], `${n} bytes`);
  }
});

test("lengths about the kernel's pieces have the checksum that is computed bit by bit", () => {
  const { exports, at, sums } = prepared();
  for (const about of [7840, 8192, 15680, 15680 + 512, 23520, 31360, MOST - 40]) {
    for (let n = about - 40; n <= about + 40; n++) {
      assert.equal(exports.crc32c(0, at, n), sums[n], `${n} bytes`);
    }
  }
});

test("every alignment gives the same", () => {
  const { exports, instance, at, sums } = prepared();
  for (let shift = 1; shift < 64; shift++) {
    instance.bytes.copyWithin(at + shift, at + shift - 1, at + shift - 1 + 9000);
    for (const n of [1, 7, 114, 511, 512, 1600, 9000]) {
      assert.equal(exports.crc32c(0, at + shift, n), sums[n], `${n} bytes at ${shift}`);
    }
  }
});

test("a checksum is continued at every split", () => {
  const { exports, at, sums } = prepared();
  for (const n of [40, 1600, 9000]) {
    for (let split = 0; split <= n; split += n > 5000 ? 7 : 1) {
      const first = exports.crc32c(0, at, split);
      assert.equal(exports.crc32c(first, at + split, n - split), sums[n], `${split} of ${n}`);
    }
  }
});

test("the input stays as it is", () => {
  const { exports, instance, at } = prepared();
  const before = instance.bytes.slice(at, at + MOST + 64);
  exports.crc32c(0, at, MOST);
  assert.deepEqual(instance.bytes.slice(at, at + MOST + 64), before);
});

test("input is as large as the scratch leaves it", () => {
  const instance = new Instance(forTests);
  const before = instance.exports.size();
  const at = instance.exports.dv_input(32_000) >>> 0;
  assert.equal(instance.exports.size(), before);
  instance.bytes.fill(0, at, at + 32_000);
  const bytes = new Uint8Array(32_000);
  assert.equal(instance.exports.crc32c(0, at, 32_000), naive(bytes));
  assert.deepEqual(instance.bytes.subarray(at, at + 32_000), bytes);
});

test("instances on one memory, each with a scratch of its own, do not disturb each other", () => {
  const memory = new WebAssembly.Memory({ initial: 3 });
  const instances = [1, 2].map((page) => {
    const kernel = alone("crc32c.wat", memory);
    kernel.crcScratch(page * 65536);
    return kernel;
  });
  const bytes = randomBytes(20_000);
  new Uint8Array(memory.buffer).set(bytes, 4096);
  for (const n of [0, 114, 20_000, 1600]) {
    for (const kernel of instances) {
      assert.equal(kernel.crc32c(0, 4096, n), naive(bytes.subarray(0, n)));
    }
  }
});

test("the kernel works on both sides of 2 GiB and up to the last byte", () => {
  const memory = new WebAssembly.Memory({ initial: 65535 });
  const kernel = alone("crc32c.wat", memory);
  kernel.crcScratch(65536);
  const bytes = randomBytes(9000);
  for (const at of [2 ** 31 - 4500, 3 * 2 ** 30, 65535 * 65536 - 9000]) {
    new Uint8Array(memory.buffer, at, 9000).set(bytes);
    assert.equal(kernel.crc32c(0, at | 0, 9000), naive(bytes));
    assert.equal(kernel.crc32c(0, (at + 8900) | 0, 100), naive(bytes.subarray(8900)));
  }
});
