import assert from "node:assert/strict";
import { test } from "node:test";
import { alone } from "./kernels-alone.ts";
import {
  BLOCK,
  bytesOf,
  bytesOf4,
  CODE_BLOCK,
  dot,
  type Encoded,
  encode,
  encode4,
  padded,
} from "./kernels-codes.ts";
import { forTests, Instance, random } from "./support.ts";

const DIMENSIONS = [1, 15, 16, 17, 31, 33, 100, 384, 1536];
const LARGEST = 1536;
/** Fills memory that nothing may write to. */
const UNTOUCHED = 0xa5;

/** Memory for one row to encode: all places lie far enough apart to see what is written behind one. */
class Bench {
  readonly instance = new Instance(forTests);
  readonly exports = this.instance.exports;
  readonly start: number = this.exports.dv_input(1 << 17) >>> 0;
  readonly row: number = this.start;
  readonly center: number = this.row + 8192;
  readonly codes: number = this.center + 8192;
  readonly out: number = this.codes + 8192;
  readonly query: number = this.out + 64;

  put(row: Float32Array, center: Float32Array): void {
    this.instance.bytes.fill(UNTOUCHED, this.start, this.start + (1 << 17));
    this.instance.floats.set(row, this.row / 4);
    this.instance.floats.set(center, this.center / 4);
  }

  /** What a kernel has put out, as `Encoded` with bytes for codes. */
  result(bytes: number): { scale: number; squares: number; bytes: Uint8Array } {
    return {
      scale: this.instance.view.getFloat32(this.out, true),
      squares: this.instance.view.getInt32(this.out + 4, true),
      bytes: this.instance.bytes.slice(this.codes, this.codes + bytes),
    };
  }
}

const bench = new Bench();

/** Rows of all kinds, each with a factor and a center. */
const KINDS: readonly [string, (n: number, next: () => number) => readonly number[], number?][] = [
  ["random values", (n, next) => Array.from({ length: n }, () => next() - 0.5)],
  ["zeros", (n) => Array(n).fill(0)],
  ["zeros below zero", (n) => Array(n).fill(-0)],
  ["equal values", (n) => Array(n).fill(-0.3)],
  ["one outlier", (n, next) => Array.from({ length: n }, (_, i) => (i === n >> 1 ? -50 : next()))],
  ["one value that is not zero", (n) => Array.from({ length: n }, (_, i) => (i === n - 1 ? 3 : 0))],
  ["values of 1e30", (n, next) => Array.from({ length: n }, () => 1e30 * (next() - 0.5))],
  ["values of 1e-30", (n, next) => Array.from({ length: n }, () => 1e-30 * (next() - 0.5))],
  ["denormal values", (n, next) => Array.from({ length: n }, () => 1e-40 * (next() - 0.5))],
  ["the largest float", (n) => Array.from({ length: n }, (_, i) => (i & 1 ? 3.4e38 : -3.4e38)), 3],
  [
    "values around the range",
    (n, next) => Array.from({ length: n }, () => 1.6e16 * (next() - 0.5)),
  ],
  [
    // Half a step of 4 bits but a little: without the outlier's clamping, clipping would not help.
    "one outlier beyond the range",
    (n) =>
      Array.from({ length: n }, (_, i) => (i === n >> 1 ? 1e30 : 0.07 * 2 ** 52 * (i % 2 || -1))),
  ],
  ["values around its inverse", (n, next) => Array.from({ length: n }, () => 2.3e-16 * next())],
  ["its inverse", (n) => Array(n).fill(2 ** -52)],
  [
    "ties",
    (n, next) => Array.from({ length: n }, (_, i) => (i ? Math.floor(next() * 127) - 63 : 126)),
  ],
  [
    "ties of 4 bits",
    (n, next) => Array.from({ length: n }, (_, i) => (i ? Math.floor(next() * 15) - 7 : 14)),
  ],
  ["a small factor", (n, next) => Array.from({ length: n }, () => 1e12 * (next() - 0.5)), 1e-14],
  ["a heavy tail", (n, next) => Array.from({ length: n }, () => 0.1 / (next() + 1e-3) - 0.2)],
];

/** Runs `check` on rows of each kind and length, with and without a center. */
function onRows(
  check: (row: Float32Array, factor: number, center: Float32Array, dimensions: number) => void,
): void {
  for (const dimensions of DIMENSIONS) {
    for (const [name, make, factor = 1] of KINDS) {
      for (const centered of [false, true]) {
        const next = random(dimensions);
        const floats = padded(dimensions, BLOCK);
        const row = new Float32Array(floats);
        row.set(make(dimensions, next));
        const center = new Float32Array(floats);
        if (centered) center.set(Array.from({ length: dimensions }, () => 0.1 * (next() - 0.5)));
        try {
          bench.put(row, center);
          check(row, factor, center, dimensions);
        } catch (error) {
          (error as Error).message += ` (${dimensions} ${name}${centered ? ", centered" : ""})`;
          throw error;
        }
      }
    }
  }
}

function same(expected: Encoded, bytes: Uint8Array): void {
  const actual = bench.result(bytes.length);
  assert.deepEqual(actual, { scale: expected.scale, squares: expected.squares, bytes });
  assert.equal(bench.instance.bytes[bench.codes + bytes.length], UNTOUCHED);
  assert.equal(bench.instance.bytes[bench.out + 8], UNTOUCHED);
}

test("rows are encoded with 8 bits as by the reference", () => {
  onRows((row, factor, center) => {
    bench.exports.encode(bench.row, factor, bench.center, row.length, bench.codes, bench.out);
    const expected = encode(row, factor, center, 63);
    same(expected, bytesOf(expected.codes));
  });
});

test("rows are encoded with 4 bits as by the reference", () => {
  onRows((row, factor, center, n) => {
    bench.exports.encode4(bench.row, factor, bench.center, row.length, n, bench.codes, bench.out);
    const expected = encode4(row, factor, center, n);
    same(expected, bytesOf4(expected.codes));
  });
});

test("queries are encoded as by the reference", () => {
  onRows((row, factor, center) => {
    bench.exports.encodeQuery(bench.row, factor, bench.center, row.length, bench.codes, bench.out);
    const expected = encode(row, factor, center, 127);
    const { scale, squares } = bench.result(0);
    assert.deepEqual({ scale, squares }, { scale: expected.scale, squares: expected.squares });
    assert.equal(bench.instance.bytes[bench.codes + 4 * expected.codes.length + 64], UNTOUCHED);
  });
});

type Batch = "codeDotBatch" | "codeDotBatch4";
/** Ways to a prepared query, each from the codes that it shall have; 4-bit codes are those from -7 to 7. */
const QUERIES = ["encodeQuery", "queryOfCodes", "queryOfCodes4"] as const;
const MOST = { encodeQuery: 127, queryOfCodes: 63, queryOfCodes4: 7 } as const;
const ROWS = 40;

/** A query and rows in the memory of an instance; rows lie at multiples of 16 apart from each other, in no order. */
class Batches {
  readonly instance = new Instance(forTests);
  readonly exports = this.instance.exports;
  readonly query: number = this.exports.dv_input(1 << 18) >>> 0;
  readonly source: number = this.query + 4 * LARGEST + 64;
  readonly center: number = this.source + 4 * LARGEST;
  readonly scratch: number = this.center + 4 * LARGEST;
  readonly list: number = this.scratch + 64;
  readonly out: number = this.list + 1024;
  readonly rows: number = this.out + 1024;

  /** Makes a query of these codes, the largest of which must be the most that there is. */
  prepare(way: (typeof QUERIES)[number], codes: Int8Array): void {
    const { exports, instance, query, source } = this;
    if (way === "queryOfCodes") {
      instance.bytes.set(bytesOf(codes), source);
      exports.queryOfCodes(source, codes.length, query);
    } else if (way === "queryOfCodes4") {
      instance.bytes.set(bytesOf4(codes), source);
      exports.queryOfCodes4(source, codes.length, query);
    } else {
      instance.floats.set(codes, source / 4);
      instance.bytes.fill(0, this.center, this.center + 4 * codes.length);
      exports.encodeQuery(source, 1, this.center, codes.length, query, this.scratch);
    }
  }

  place(rows: readonly Uint8Array[]): void {
    rows.forEach((row, i) => {
      const address = this.rows + ((i * 7) % ROWS) * (LARGEST + 16);
      this.instance.bytes.set(row, address);
      this.instance.words[this.list / 4 + i] = address;
    });
  }

  /** Runs a batch; the results and the eight integers behind them, which were -1. */
  run(kernel: Batch, n: number, codes: number): number[] {
    const results = new Int32Array(this.instance.words.buffer, this.out, n + 8).fill(-1);
    this.exports[kernel](this.query, this.list, n, codes, this.out);
    return [...results];
  }
}

/** Codes of a query or row: random, or as large as they may be. */
function someCodes(n: number, most: number, kind: number, next: () => number): Int8Array {
  return Int8Array.from({ length: n }, (_, i) => {
    if (i === 0 || kind === 1) return most;
    if (kind === 2) return -most;
    if (kind === 3) return i & 1 ? most : -most;
    return Math.floor(next() * (2 * most + 1)) - most;
  });
}

for (const engine of ["plain", "relaxed"]) {
  for (const way of QUERIES) {
    for (const [kernel, most, bytes] of [
      ["codeDotBatch", 63, bytesOf],
      ["codeDotBatch4", 7, bytesOf4],
    ] as const) {
      test(`${engine} ${kernel} with ${way} is exact for any number of rows of any length`, () => {
        const batches = new Batches();
        if (engine === "relaxed") batches.instance.relax();
        for (const dimensions of DIMENSIONS) {
          const codes = padded(dimensions, CODE_BLOCK);
          const next = random(dimensions);
          for (const kind of [0, 1, 2, 3]) {
            const query = someCodes(codes, MOST[way], kind, next);
            const rows = Array.from({ length: ROWS }, (_, i) =>
              someCodes(codes, most, i & 3, next),
            );
            batches.prepare(way, query);
            batches.place(rows.map(bytes));
            const expected = rows.map((row) => dot(query, row));
            for (let n = 0; n <= ROWS; n++) {
              const results = batches.run(kernel, n, codes);
              assert.deepEqual(results.slice(0, n), expected.slice(0, n), `${n} of ${codes}`);
              assert.deepEqual(results.slice(n + 3), Array(5).fill(-1), `behind ${n} of ${codes}`);
            }
          }
        }
      });
    }
  }
}

test("rows lie on both sides of 2 GiB and up to the last byte", () => {
  const memory = new WebAssembly.Memory({ initial: 65535 });
  const kernels = alone("codes.wat", memory);
  const own = [kernels.kernels.get(0), kernels.kernels.get(1)];
  const other = alone("relaxed.wat", memory);
  const end = 65535 * 65536;
  const middle = 2 ** 31;
  const rows = [64, middle - 32, middle - 16, middle, middle + 16, 3 * 2 ** 30, end - 32];
  const [floats, query, list, out] = [1024, 2048, middle + 1024, middle + 2048];
  new Float32Array(memory.buffer, floats, 32).fill(1);
  kernels.encodeQuery(floats, 1, floats + 128, 32, query, floats + 256);
  for (const at of rows) new Uint8Array(memory.buffer, at, 32).fill(127);
  new Uint32Array(memory.buffer, list, rows.length).set(rows);
  for (const entries of [own, [other.codeDotBatch, other.codeDotBatch4]]) {
    entries.forEach((entry, i) => {
      kernels.kernels.set(i, entry);
    });
    const results = new Int32Array(memory.buffer, out, rows.length);
    kernels.codeDotBatch(query, list | 0, rows.length, 32, out | 0);
    assert.deepEqual([...results], Array(rows.length).fill(32 * 127 * 63));
    kernels.codeDotBatch4(query, list | 0, rows.length, 32, out | 0);
    // 127 has 7 in its high half, 15 in its low half: -1 and 7.
    assert.deepEqual([...results], Array(rows.length).fill(16 * 127 * (7 - 1)));
  }
  kernels.encode((end - 64) | 0, 1, (end - 64) | 0, 16, (middle - 32) | 0, (end - 16) | 0);
  assert.deepEqual([...new Uint8Array(memory.buffer, middle - 32, 32)], Array(32).fill(64));
});

test("a table takes nothing but kernels", () => {
  const { kernels, clear } = new Instance(forTests).exports;
  assert.throws(() => kernels.set(0, clear), TypeError);
  assert.throws(() => kernels.grow(1), RangeError);
});
