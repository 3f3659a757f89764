import assert from "node:assert/strict";
import { test } from "node:test";
import { alone } from "./kernels-alone.ts";
import { type Exports, forTests, Instance, random } from "./support.ts";

const STRIDES = [16, 32, 384, 1008, 1536];
const ROWS = 21;
type Pair = "dot" | "squaredDistance";
const PAIRS: readonly Pair[] = ["dot", "squaredDistance"];

/** The same sum in double precision. */
function naive(kind: Pair, a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] as number;
    const y = b[i] as number;
    sum += kind === "dot" ? x * y : (x - y) ** 2;
  }
  return sum;
}

/** Rows in the memory of an instance: the query, then the others at places far apart and in no order. */
class Rows {
  readonly instance = new Instance(forTests);
  readonly exports: Exports = this.instance.exports;
  readonly query: number;
  readonly addresses: number[];
  readonly list: number;
  readonly out: number;

  readonly stride: number;

  constructor(stride: number) {
    this.stride = stride;
    const bytes = stride * 4;
    this.query = this.exports.dv_input(bytes * (ROWS * 3 + 1) + 4096) >>> 0;
    const next = random(stride);
    for (let i = 0; i < stride * (ROWS * 3 + 1); i++) {
      this.instance.floats[this.query / 4 + i] = next() - 0.5;
    }
    this.addresses = Array.from({ length: ROWS }, (_, i) => {
      return this.query + bytes * (1 + ((i * 8) % (ROWS * 3)));
    });
    this.list = this.query + bytes * (ROWS * 3 + 1);
    this.out = this.list + 1024;
    this.instance.words.set(this.addresses, this.list / 4);
  }

  row(address: number): Float32Array {
    return this.instance.floats.subarray(address / 4, address / 4 + this.stride);
  }

  /** Runs a batch of `n` rows; the results and the eight floats behind them, which were -1. */
  batch(kind: Pair, n: number): Float32Array {
    this.instance.floats.fill(-1, this.out / 4, this.out / 4 + n + 8);
    this.exports[`${kind}Batch`](this.query, this.list, n, this.stride, this.out);
    return this.instance.floats.slice(this.out / 4, this.out / 4 + n + 8);
  }
}

for (const kind of PAIRS) {
  for (const stride of STRIDES) {
    test(`${kind} of ${stride} floats is that of a naive sum`, () => {
      const rows = new Rows(stride);
      const query = rows.row(rows.query);
      for (const address of rows.addresses) {
        const expected = naive(kind, query, rows.row(address));
        const actual = rows.exports[kind](rows.query, address, stride);
        assert.ok(Math.abs(actual - expected) < 1e-6 * stride, `${actual} for ${expected}`);
      }
    });

    test(`${kind} of ${stride} floats is the same to the bit in every batch of 0 to ${ROWS} rows`, () => {
      const rows = new Rows(stride);
      const single = rows.addresses.map((each) => rows.exports[kind](rows.query, each, stride));
      for (let n = 0; n <= ROWS; n++) {
        assert.deepEqual([...rows.batch(kind, n).subarray(0, n)], single.slice(0, n));
      }
    });

    test(`${kind} of ${stride} floats writes nothing behind its results`, () => {
      const rows = new Rows(stride);
      for (let n = 0; n <= ROWS; n++) {
        assert.deepEqual([...rows.batch(kind, n).subarray(n)], Array(8).fill(-1));
      }
    });
  }
}

test("the squared distance of a row to itself is 0", () => {
  const rows = new Rows(384);
  assert.equal(rows.exports.squaredDistance(rows.query, rows.query, 384), 0);
});

test("a batch may name a row more than once", () => {
  const rows = new Rows(384);
  const same = rows.addresses[3] as number;
  rows.instance.words.fill(same, rows.list / 4, rows.list / 4 + 15);
  const expected = rows.exports.dot(rows.query, same, 384);
  assert.deepEqual([...rows.batch("dot", 15).subarray(0, 15)], Array(15).fill(expected));
});

test("kernels work on both sides of 2 GiB and up to the last byte", () => {
  // Of which hardly a page is touched.
  const memory = new WebAssembly.Memory({ initial: 65535 });
  const kernels = alone("kernels.wat", memory);
  const end = 65535 * 65536;
  const addresses = [
    2 ** 31 - 64,
    2 ** 31 - 32,
    2 ** 31,
    3 * 2 ** 30,
    end - 64,
    64,
    2 ** 31,
    128,
    192,
  ];
  const query = end - 64;
  for (const at of addresses) new Float32Array(memory.buffer, at, 16).fill(0.5);
  new Uint32Array(memory.buffer, 2 ** 31 + 1024, addresses.length).set(addresses);
  const out = 2 ** 31 + 2048;
  kernels.dotBatch(query | 0, (2 ** 31 + 1024) | 0, addresses.length, 16, out | 0);
  assert.deepEqual([...new Float32Array(memory.buffer, out, addresses.length)], Array(9).fill(4));
  kernels.squaredDistanceBatch(query | 0, (2 ** 31 + 1024) | 0, addresses.length, 16, out | 0);
  assert.deepEqual([...new Float32Array(memory.buffer, out, addresses.length)], Array(9).fill(0));
  assert.equal(kernels.allFinite((2 ** 31 - 32) | 0, 16), 1);
  assert.equal(kernels.allFinite((end - 64) | 0, 16), 1);
});

const NOT_FINITE = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

for (const offset of [0, 1, 2, 3, 4, 8, 12]) {
  test(`finite floats are found finite, ${offset} bytes beside a multiple of 16`, () => {
    const instance = new Instance(forTests);
    const at = (instance.exports.dv_input(4096) >>> 0) + offset;
    const largest = [3.4028234663852886e38, -3.4028234663852886e38, 1e-45, -0];
    // What lies around the range must not count.
    for (let n = 0; n <= 40; n++) {
      for (let i = -1; i <= n; i++) {
        const value = i < 0 || i === n ? Number.NaN : (largest[i % 4] as number);
        instance.view.setFloat32(at + 64 + i * 4, value, true);
      }
      assert.equal(instance.exports.allFinite(at + 64, n), 1, `${n} floats`);
    }
  });

  test(`a float that is not finite is found at every place, ${offset} bytes beside a multiple of 16`, () => {
    const instance = new Instance(forTests);
    const at = (instance.exports.dv_input(4096) >>> 0) + offset;
    for (const bad of NOT_FINITE) {
      for (let n = 1; n <= 37; n++) {
        for (let place = 0; place < n; place++) {
          for (let i = 0; i < n; i++) {
            instance.view.setFloat32(at + i * 4, i === place ? bad : 1, true);
          }
          assert.equal(instance.exports.allFinite(at, n), 0, `${bad} at ${place} of ${n}`);
        }
      }
    }
  });
}

test("ranges that overlap are copied right in both directions", () => {
  const instance = new Instance(forTests);
  const at = instance.exports.dv_input(4096) >>> 0;
  for (const [source, target] of [
    [0, 7],
    [7, 0],
    [0, 100],
  ] as const) {
    const bytes = Uint8Array.from({ length: 200 }, (_, i) => i);
    instance.bytes.set(bytes, at);
    instance.exports.copy(at + source, at + target, 60);
    assert.deepEqual(
      instance.bytes.slice(at, at + 200),
      bytes.copyWithin(target, source, source + 60),
    );
  }
});

test("clearing touches its range only", () => {
  const instance = new Instance(forTests);
  const at = instance.exports.dv_input(4096) >>> 0;
  instance.bytes.fill(9, at, at + 100);
  instance.exports.clear(at + 10, 80);
  assert.deepEqual(
    [...instance.bytes.slice(at, at + 100)],
    [...Array(10).fill(9), ...Array(80).fill(0), ...Array(10).fill(9)],
  );
});
