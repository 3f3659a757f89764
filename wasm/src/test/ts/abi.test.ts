import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CAPACITY_EXCEEDED,
  CLOSED,
  CORRUPT_DATA,
  CREATE,
  DELETE,
  DENSE,
  DIMENSION_MISMATCH,
  EUCLIDEAN,
  frame,
  INVALID_ARGUMENT,
  Instance,
  NOT_FINITE,
  optionsRecord,
  random,
  SCALE,
  UNSUPPORTED_VERSION,
  VECTOR_EXISTS,
  VECTOR_NOT_FOUND,
} from "./support.ts";

function opened(options = {}): { instance: Instance; handle: number } {
  const instance = new Instance();
  const handle = instance.open(options);
  assert.ok(handle > 0, instance.message);
  return { instance, handle };
}

test("handles begin at 1, and that of a closed database is given again", () => {
  const instance = new Instance();
  assert.deepEqual([instance.open(), instance.open(), instance.open()], [1, 2, 3]);
  instance.exports.dv_close(2);
  assert.equal(instance.open(), 2);
});

test("more databases can be open than handles were made room for", () => {
  const instance = new Instance();
  const handles = Array.from({ length: 40 }, () => instance.open({ dimensions: 2 }));
  assert.deepEqual(
    handles,
    handles.map((_, i) => i + 1),
  );
  for (const handle of handles) instance.apply(handle, frame(CREATE, `v${handle}`, [1, handle]));
  for (const h of handles) assert.deepEqual(instance.vector(h, `v${h}`, 2), [1, h]);
});

for (const [name, options] of [
  ["dimensions", { dimensions: 0 }],
  ["dimensions", { dimensions: 65_537 }],
  ["dimensions", { dimensions: -1 }],
  ["maxVectors", { maxVectors: 0 }],
  ["metric", { metric: 3 }],
  ["metric", { metric: -1 }],
  ["quantization", { quantization: 3 }],
  ["quantization", { quantization: -1 }],
  ["recallSampleRate", { sampleRate: 1.01 }],
  ["recallSampleRate", { sampleRate: Number.NaN }],
  ["keepFloats", { keepFloats: false }],
  ["keepFloats", { keepFloats: false, history: false, quantization: 0 }],
] as const) {
  test(`dv_open refuses ${JSON.stringify(options)} and names the option`, () => {
    const instance = new Instance();
    assert.equal(instance.open(options), INVALID_ARGUMENT);
    assert.match(instance.message, new RegExp(name));
  });
}

test("dv_open refuses a replica of more than 48 bits", () => {
  const instance = new Instance();
  const words = [4, 10, 100, 16, 100, 50, 0, 1, 1, 0x1_0000, 7, 0, 0, 0];
  const address = instance.input(optionsRecord(words, 0, 0));
  assert.equal(instance.exports.dv_open(address), INVALID_ARGUMENT);
  assert.match(instance.message, /replica/);
});

for (const handle of [0, -1, 2, 5, 2 ** 31 - 1, -(2 ** 31)]) {
  test(`every function refuses the handle ${handle}, which is not open`, () => {
    const { instance } = opened();
    const { exports } = instance;
    const at = exports.dv_input(64);
    for (const result of [
      exports.dv_close(handle),
      exports.dv_apply(handle, at, 0, 0, 0, 0),
      exports.dv_metadata(handle, at, 1),
      exports.dv_search(handle, at, 4, 1, 0, 0, 0, 0),
      exports.dv_rows(handle, 0, 1),
      exports.dv_repair(handle, 1),
      exports.dv_check(handle),
      exports.dv_ids(handle, 0, 1),
      exports.dv_stats(handle),
      exports.dv_digest(handle),
      exports.dv_vector_at(handle, at, 1, 0, 0),
      exports.dv_metadata_at(handle, at, 1, 0, 0),
      exports.dv_search_at(handle, at, 4, 1, 0, 0),
      exports.dv_chain(handle, at, 1),
      exports.dv_arrived(handle),
      exports.dv_read(handle, 0, 100),
      exports.dv_merge(handle, at, 0, 0, 0),
      exports.dv_cursor(handle),
      exports.dv_since(handle, at, 0),
      exports.dv_compact(handle, 0, 0, 0, 0, 0, -1, -1),
      exports.dv_rollback_to(handle, at, 1, at, 0, 0),
    ]) {
      assert.equal(result, CLOSED);
      assert.match(instance.message, new RegExp(String(handle)));
    }
    assert.equal(exports.dv_find(handle, at, 1), 0);
  });
}

test("a closed database is refused", () => {
  const { instance, handle } = opened();
  assert.equal(instance.exports.dv_close(handle), 0);
  assert.equal(instance.apply(handle, frame(CREATE, "a", [1, 2, 3, 4])), CLOSED);
  assert.equal(instance.exports.dv_close(handle), CLOSED);
});

test("dv_apply puts out time, sequence and number of indices of each delta", () => {
  const { instance, handle } = opened();
  const frames = [frame(CREATE, "a", [1, 2, 3, 4]), frame(CREATE, "b", [1, 2, 3, 4])];
  const all = Buffer.concat(frames);
  const at = instance.input(all);
  const now = 1_700_000_000_000;
  const result = instance.exports.dv_apply(handle, at, all.length, 2, now | 0, now / 2 ** 32);
  assert.equal(result, 2);
  assert.equal(instance.output.byteLength, 32);
  for (const i of [0, 1]) {
    assert.equal(instance.output.getBigUint64(i * 16, true), BigInt(now));
    assert.equal(instance.output.getUint32(i * 16 + 8, true), i + 1);
    assert.equal(instance.output.getUint32(i * 16 + 12, true), 0);
  }
});

test("the control block tells the number of live vectors", () => {
  const { instance, handle } = opened();
  assert.equal(instance.control(24), 0);
  instance.apply(handle, frame(CREATE, "a", [1, 2, 3, 4]), frame(CREATE, "b", [1, 2, 3, 4]));
  assert.equal(instance.control(24), 2);
  instance.apply(handle, frame(DELETE, "a"));
  assert.equal(instance.control(24), 1);
  instance.open();
  assert.equal(instance.control(24), 0);
});

for (const [what, code, bad] of [
  ["an unknown vector", VECTOR_NOT_FOUND, frame(DENSE, "zz", [1, 2, 3, 4])],
  ["an existing vector", VECTOR_EXISTS, frame(CREATE, "a", [1, 2, 3, 4])],
  ["a vector of another length", DIMENSION_MISMATCH, frame(CREATE, "b", [1, 2, 3])],
  ["a value that is not finite", NOT_FINITE, frame(DENSE, "a", [1, 2, Number.NaN, 4])],
  ["a scale that overflows", NOT_FINITE, frame(SCALE, "a", [3e38])],
  ["a frame of version 2", UNSUPPORTED_VERSION, frame(DELETE, "a").with(3, 2)],
  ["operation 0", CORRUPT_DATA, frame(DELETE, "a").with(8, 0)],
  ["values on a grid", CORRUPT_DATA, frame(DELETE, "a").with(8, 128 | DELETE)],
  ["a frame that is cut off", CORRUPT_DATA, frame(DELETE, "a").slice(0, -1)],
  ["metadata that is no JSON", INVALID_ARGUMENT, frame(SCALE, "a", [1], "{")],
] as const) {
  test(`${what} in a batch is refused with its index, and nothing of the batch is done`, () => {
    const { instance, handle } = opened();
    instance.apply(handle, frame(CREATE, "a", [1, 2, 3, 4]));
    const before = instance.digest(handle);
    const good = [frame(CREATE, "c", [4, 3, 2, 1]), frame(SCALE, "a", [2])];
    const result = instance.apply(handle, ...good, bad);
    assert.equal(result, code, instance.message);
    assert.equal(instance.control(16), 2);
    assert.equal(instance.digest(handle), before);
    assert.deepEqual(instance.vector(handle, "a", 4), [1, 2, 3, 4]);
    assert.equal(instance.vector(handle, "c", 4), undefined);
  });
}

test("a vector too many is refused", () => {
  const { instance, handle } = opened({ maxVectors: 2 });
  instance.apply(handle, frame(CREATE, "a", [1, 2, 3, 4]), frame(CREATE, "b", [1, 2, 3, 4]));
  assert.equal(instance.apply(handle, frame(CREATE, "c", [1, 2, 3, 4])), CAPACITY_EXCEEDED);
});

test("an error that no delta caused has the index -1", () => {
  const { instance } = opened();
  instance.exports.dv_stats(77);
  assert.equal(instance.control(16) | 0, -1);
});

for (const id of ["a", "é", "ß€😀", "\u{10ffff}", "\uffff", "\u0080\u07ff\u0800"]) {
  test(`a message names the id ${JSON.stringify(id)} in UTF-8`, () => {
    const { instance, handle } = opened();
    instance.apply(handle, frame(DELETE, id));
    assert.ok(instance.message.includes(`"${id}"`), instance.message);
  });
}

test("a message about the longest id is whole UTF-8", () => {
  const { instance, handle } = opened();
  assert.equal(instance.apply(handle, frame(DELETE, "😀".repeat(256))), VECTOR_NOT_FOUND);
  assert.match(instance.message, /😀/u);
});

test("dv_metadata tells none from no vector", () => {
  const { instance, handle } = opened();
  instance.apply(handle, frame(CREATE, "a", [1, 2, 3, 4], '{"n":1}'));
  instance.apply(handle, frame(CREATE, "b", [1, 2, 3, 4]));
  assert.equal(instance.metadata(handle, "a"), '{"n":1}');
  assert.equal(instance.metadata(handle, "b"), "");
  assert.equal(instance.metadata(handle, "c"), undefined);
});

test("dv_search puts out ids and scores, closest first", () => {
  const { instance, handle } = opened({ metric: EUCLIDEAN });
  for (let i = 0; i < 50; i++) instance.apply(handle, frame(CREATE, `v${i}`, [i, 0, 0, 0]));
  assert.deepEqual(instance.search(handle, [10.25, 0, 0, 0], 3), [
    { id: "v10", score: 0.25 },
    { id: "v11", score: 0.75 },
    { id: "v9", score: 1.25 },
  ]);
});

test("equal vectors get equal scores, wherever they come in a batch", () => {
  const dimensions = 100;
  const { instance, handle } = opened({ dimensions });
  const next = random(1);
  const same = Array.from({ length: dimensions }, () => next() - 0.5);
  for (let i = 0; i < 29; i++) instance.apply(handle, frame(CREATE, `v${i}`, same));
  const query = Array.from({ length: dimensions }, () => next() - 0.5);
  const scores = instance.search(handle, query, 29).map((hit) => hit.score);
  assert.equal(new Set(scores).size, 1);
});

for (const [what, code, floats, k, ef] of [
  ["a query of another length", DIMENSION_MISMATCH, 3, 1, 0],
  ["k of 0", INVALID_ARGUMENT, 4, 0, 0],
  ["an efSearch below 0", INVALID_ARGUMENT, 4, 1, -1],
  ["an efSearch above its range", INVALID_ARGUMENT, 4, 1, 10_001],
] as const) {
  test(`dv_search refuses ${what}`, () => {
    const { instance, handle } = opened();
    const at = instance.input(new Uint8Array(64));
    assert.equal(instance.exports.dv_search(handle, at, floats, k, ef, 0, 0, 0), code);
  });
}

test("dv_search refuses a query that is not finite", () => {
  const { instance, handle } = opened();
  assert.throws(() => instance.search(handle, [1, 2, Number.POSITIVE_INFINITY, 4], 1), /finite/);
});

test("dv_ids goes through all ids in pieces", () => {
  const { instance, handle } = opened();
  for (let i = 0; i < 25; i++) instance.apply(handle, frame(CREATE, `v${i}`, [i, 0, 0, 1]));
  for (let i = 0; i < 25; i += 4) instance.apply(handle, frame(DELETE, `v${i}`));
  const ids: string[] = [];
  for (let slot = 0; slot !== -1; slot = instance.control(20) | 0) {
    const n = instance.exports.dv_ids(handle, slot, 7);
    assert.ok(n >= 0 && n <= 7);
    for (let i = 0; i < n; i++) {
      const { output } = instance;
      ids.push(instance.text(output.getUint32(i * 8, true), output.getUint32(i * 8 + 4, true)));
    }
  }
  const expected = Array.from({ length: 25 }, (_, i) => `v${i}`).filter((_, i) => i % 4 !== 0);
  assert.deepEqual(ids.sort(), expected.sort());
});

test("dv_stats counts", () => {
  const { instance, handle } = opened({ dimensions: 20 });
  for (let i = 0; i < 10; i++) {
    instance.apply(handle, frame(CREATE, `v${i}`, Array(20).fill(i)));
  }
  instance.apply(handle, frame(DELETE, "v1"));
  assert.equal(instance.exports.dv_stats(handle), 0);
  const { output } = instance;
  assert.equal(output.getUint32(0, true), 9);
  assert.equal(output.getFloat64(56, true), 11);
  assert.equal(output.getUint32(68, true), 32);
  const granted = output.getFloat64(8, true);
  assert.ok(granted >= output.getFloat64(16, true));
  assert.ok(granted <= instance.exports.memory.buffer.byteLength);
});

test("the same deltas give the same digest in another instance", () => {
  const digests = [1, 2].map(() => {
    const { instance, handle } = opened();
    for (let i = 0; i < 40; i++) {
      instance.apply(handle, frame(CREATE, `v${i}`, [i, 1, 2, 3], `{"i":${i}}`));
      if (i % 3 === 0) instance.apply(handle, frame(SCALE, `v${i}`, [1.5]));
    }
    return instance.digest(handle);
  });
  assert.equal(digests[0], digests[1]);
});

test("padding behind a vector is zero", () => {
  const { instance, handle } = opened({ dimensions: 5 });
  instance.apply(handle, frame(CREATE, "a", [1, 2, 3, 4, 5]));
  assert.deepEqual(instance.vector(handle, "a", 16), [1, 2, 3, 4, 5, ...Array(11).fill(0)]);
});

for (const seed of [1, 2, 3, 4]) {
  test(`no bytes in the place of frames lead to a trap or change anything: seed ${seed}`, () => {
    const { instance, handle } = opened();
    instance.apply(handle, frame(CREATE, "a", [1, 2, 3, 4], '{"a":{"b":[1,"x"]}}'));
    const before = instance.digest(handle);
    const next = random(seed);
    const pick = (n: number) => Math.floor(next() * n);
    for (let i = 0; i < 5000; i++) {
      const frames = Array.from({ length: 1 + pick(3) }, () =>
        frame(
          1 + pick(6),
          ["a", "b"][pick(2)] as string,
          Array(pick(6)).fill(next()),
          '{"a":null}',
        ),
      );
      const bytes = Uint8Array.from(Buffer.concat([...frames, Buffer.from([255, 255, 1, 1])]));
      for (let flips = 1 + pick(4); flips > 0; flips--) bytes[pick(bytes.length)] = pick(256);
      const at = instance.input(bytes);
      const count = frames.length + pick(2);
      const result = instance.exports.dv_apply(handle, at, bytes.length, count, 1000, 0);
      assert.ok(result < 0, `trailing bytes were accepted in round ${i}`);
      assert.ok(instance.message.length > 0);
    }
    assert.equal(instance.digest(handle), before);
    assert.deepEqual(instance.vector(handle, "a", 4), [1, 2, 3, 4]);
  });
}
