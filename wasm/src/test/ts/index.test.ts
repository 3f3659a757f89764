// The index at the raw interface: modes and filters of a search, rows, repair, the walk over the graph.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CREATE,
  DELETE,
  DENSE,
  DOT,
  EUCLIDEAN,
  EXACT,
  FILTER_SLOTS,
  frame,
  INT4,
  INT8,
  INVALID_ARGUMENT,
  Instance,
  METRIC_SHIFT,
  NO_CODES,
  type Options,
  random,
} from "./support.ts";

const encoder = new TextEncoder();

/** Opens a database of points on a line, `v0` at 0 and so on, each with its number as metadata but the first. */
function line(count: number, options: Options = {}): { instance: Instance; handle: number } {
  const instance = new Instance();
  const handle = instance.open({ metric: EUCLIDEAN, maxVectors: 10_000, ...options });
  assert.ok(handle > 0, instance.message);
  for (let i = 0; i < count; i++) {
    const metadata = i === 0 ? undefined : `{"n":${i},"name":"ü${i}"}`;
    assert.equal(instance.apply(handle, frame(CREATE, `v${i}`, [i, 0, 0, 0], metadata)), 1);
  }
  return { instance, handle };
}

function ids(hits: readonly { readonly id: string }[]): string[] {
  return hits.map(({ id }) => id);
}

function slots(...list: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(list).buffer);
}

/** The counters of dv_check. */
function check(instance: Instance, handle: number): Int32Array {
  assert.equal(instance.exports.dv_check(handle), 0);
  assert.equal(instance.output.byteLength, 52);
  return new Int32Array(instance.copyOutput().buffer);
}

/** Checks that nothing is wrong with the graph. Returns the counters. */
function healthy(instance: Instance, handle: number): Int32Array {
  const counts = check(instance, handle);
  assert.deepEqual([...counts.slice(6)], [0, 0, 0, 0, 0, 0, -1]);
  const [live, linked, duplicates, zero, pending] = counts;
  assert.equal(linked + duplicates + zero + pending, live);
  assert.equal(live, instance.control(24));
  return counts;
}

test("a filter as JSON lets some through", () => {
  const { instance, handle } = line(20);
  const search = (filter: string): string[] =>
    ids(instance.search(handle, [4.25, 0, 0, 0], 3, { filter: encoder.encode(filter) }));
  assert.deepEqual(search('{"range":[["n"],{"gt":4}]}'), ["v5", "v6", "v7"]);
  assert.deepEqual(search('{"in":[["name"],["ü3","ü\\u0039",7]]}'), ["v3", "v9"]);
  assert.deepEqual(search(' { "not" : { "exists" : [ [ "n" ] ] } } '), ["v0"]);
  assert.deepEqual(search('{"or":[]}'), []);
  assert.deepEqual(search('{"and":[]}'), ["v4", "v5", "v3"]);
});

test("a filter as a list of slots lets these through, of those that live", () => {
  const { instance, handle } = line(20);
  instance.apply(handle, frame(DELETE, "v6"));
  const options = { mode: FILTER_SLOTS, filter: slots(1, 6, 8, 19, 20, 1_000_000, 0x7fff_ffff) };
  const hits = instance.search(handle, [7.25, 0, 0, 0], 10, options);
  assert.deepEqual(ids(hits), ["v8", "v1", "v19"]);
});

test("a mode names the metric", () => {
  const { instance, handle } = line(20);
  for (const [metric, expected] of [
    [0, "v1"],
    [DOT, "v19"],
    [EUCLIDEAN, "v3"],
  ] as const) {
    const mode = EXACT | ((metric + 1) << METRIC_SHIFT);
    const filter = encoder.encode('{"exists":[["n"]]}');
    const [hit] = instance.search(handle, [3, 0, 0, 0], 1, { mode, filter });
    assert.equal(hit?.id, expected, `metric ${metric}`);
  }
});

for (const [what, filter] of [
  ["no JSON", "{"],
  ["more than JSON", '{"and":[]}x'],
  ["an array", "[]"],
  ["an unknown kind", '{"like":[["n"],1]}'],
  ["two kinds", '{"and":[],"or":[]}'],
  ["no path", '{"exists":[]}'],
  ["an empty path", '{"exists":[[]]}'],
  ["a path of numbers", '{"exists":[[1]]}'],
  ["no bounds", '{"range":[["n"],{}]}'],
  ["bounds of two types", '{"range":[["n"],{"gt":1,"lt":"2"}]}'],
  ["an unknown bound", '{"range":[["n"],{"above":1}]}'],
  ["an object to equal", '{"equals":[["n"],{}]}'],
  ["33 within each other", `${'{"not":'.repeat(32)}{"and":[]}${"}".repeat(32)}`],
  ["65,537 bytes", `{"and":[]}${" ".repeat(65_527)}`],
] as const) {
  test(`dv_search refuses a filter of ${what}`, () => {
    const { instance, handle } = line(3);
    const options = { filter: encoder.encode(filter) };
    assert.equal(instance.rawSearch(handle, [1, 0, 0, 0], 1, options), INVALID_ARGUMENT);
    assert.match(instance.message, /filter/);
  });
}

for (const [what, filter] of [
  ["32 within each other", `${'{"not":'.repeat(31)}{"or":[]}${"}".repeat(31)}`],
  ["65,536 bytes", `{"and":[]}${" ".repeat(65_526)}`],
] as const) {
  test(`dv_search takes a filter of ${what}`, () => {
    const { instance, handle } = line(3);
    const options = { filter: encoder.encode(filter) };
    assert.equal(instance.rawSearch(handle, [1, 0, 0, 0], 9, options), 3, instance.message);
  });
}

test("dv_search refuses slots that are no whole words", () => {
  const { instance, handle } = line(3);
  const options = { mode: FILTER_SLOTS, filter: new Uint8Array(7) };
  assert.equal(instance.rawSearch(handle, [1, 0, 0, 0], 1, options), INVALID_ARGUMENT);
});

test("dv_rows goes through all vectors in pieces", () => {
  const { instance, handle } = line(25);
  for (let i = 0; i < 25; i += 4) instance.apply(handle, frame(DELETE, `v${i}`));
  const rows: [number, string, string][] = [];
  for (let slot = 0; slot !== -1; slot = instance.control(20) | 0) {
    const n = instance.exports.dv_rows(handle, slot, 7);
    assert.ok(n >= 0 && n <= 7);
    assert.equal(instance.output.byteLength, 20 * n);
    for (let i = 0; i < n; i++) {
      const word = (at: number): number => instance.output.getUint32(20 * i + at, true);
      rows.push([
        word(0),
        instance.text(word(4), word(8)),
        word(12) === 0 ? "" : instance.text(word(12), word(16)),
      ]);
    }
  }
  const left = Array.from({ length: 25 }, (_, i) => i).filter((i) => i % 4 !== 0);
  assert.deepEqual(
    rows,
    left.map((i) => [i, `v${i}`, `{"n":${i},"name":"ü${i}"}`]),
  );
});

test("dv_rows says where there is no metadata", () => {
  const { instance, handle } = line(1);
  assert.equal(instance.exports.dv_rows(handle, 0, 5), 1);
  assert.equal(instance.output.getUint32(12, true), 0);
  assert.equal(instance.control(20) | 0, -1);
});

test("the control block tells how many vectors wait to be linked, dv_repair links them", () => {
  const { instance, handle } = line(0, { dimensions: 4 });
  const next = random(3);
  const any = (): number[] => Array.from({ length: 4 }, () => next() - 0.5);
  for (let i = 0; i < 900; i++) instance.apply(handle, frame(CREATE, `v${i}`, any()));
  let left = instance.exports.dv_repair(handle, 2 ** 31 - 1);
  assert.deepEqual([left, instance.control(28)], [0, 0]);
  for (let i = 0; i < 40; i++) instance.apply(handle, frame(DENSE, `v${i}`, any()));
  left = instance.control(28);
  assert.ok(left > 10, `${left} wait`);
  const counts = healthy(instance, handle);
  assert.equal(counts[4]! + counts[5]!, left);
  while (left > 0) {
    const after = instance.exports.dv_repair(handle, 3);
    assert.equal(after, Math.max(0, left - 3));
    assert.equal(instance.control(28), after);
    healthy(instance, handle);
    left = after;
  }
  assert.equal(instance.exports.dv_repair(handle, 0), 0);
});

test("dv_stats tells about the index", () => {
  for (const [quantization, most] of [
    [NO_CODES, 0],
    [INT8, 2],
    [INT4, 1],
  ] as const) {
    const { instance, handle } = line(0, { quantization, dimensions: 64, metric: 0 });
    for (let i = 0; i < 30; i++) {
      const vector = Array.from({ length: 64 }, (_, at) => (i < 10 ? 0 : i < 20 ? 1 : at % i));
      instance.apply(handle, frame(CREATE, `v${i}`, vector));
    }
    instance.exports.dv_repair(handle, 100);
    assert.equal(instance.exports.dv_stats(handle), 0);
    const { output } = instance;
    assert.equal(output.byteLength, 176);
    const words = [104, 108, 112, 116].map((at) => output.getUint32(at, true));
    assert.deepEqual(words, [0, 11, 9, 10], "pending, linked, duplicates, zero");
    assert.deepEqual([output.getFloat64(120, true), output.getFloat64(128, true)], [0, 0]);
    assert.ok(Number.isNaN(output.getFloat64(136, true)));
    assert.equal(output.getFloat64(144, true), 0);
    const codes = output.getFloat64(152, true);
    assert.equal(codes > 0, quantization !== NO_CODES);
    assert.ok(codes <= most * 64 * output.getUint32(4, true), `${codes} bytes of codes`);
    assert.deepEqual([output.getUint32(160, true), output.getUint32(164, true)], [quantization, 1]);
  }
});

test("without floats a vector is found with the values of its code", () => {
  const { instance, handle } = line(0, { keepFloats: false, history: false });
  instance.apply(handle, frame(CREATE, "a", [1, -1, 0.5, 0]));
  const [a, b, c, d] = instance.vector(handle, "a", 4) as [number, number, number, number];
  assert.ok([a - 1, b + 1, c - 0.5, d].every((off) => Math.abs(off) < 0.01));
  assert.equal(instance.exports.dv_stats(handle), 0);
  assert.equal(instance.output.getUint32(164, true), 0);
});

test("an index of nothing is healthy", () => {
  const { instance, handle } = line(0);
  assert.deepEqual([...healthy(instance, handle)].slice(0, 6), [0, 0, 0, 0, 0, 0]);
});
