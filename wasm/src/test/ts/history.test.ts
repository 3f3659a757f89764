import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CORRUPT_DATA,
  CREATE,
  DELETE,
  DENSE,
  EUCLIDEAN,
  forTests,
  frame,
  HISTORY_COMPACTED,
  INVALID_ARGUMENT,
  Instance,
  type Options,
  OUT_OF_MEMORY,
  SCALE,
  VECTOR_NOT_FOUND,
} from "./support.ts";

function opened(options: Options = {}): { instance: Instance; handle: number } {
  const instance = new Instance();
  const handle = instance.open(options);
  assert.ok(handle > 0, instance.message);
  return { instance, handle };
}

const id = (text: string) => new TextEncoder().encode(text);

/** Two vectors: `a` from 1000 on, scaled at 1010, deleted at 1020; `b` from 1005 on. */
function lived(): { instance: Instance; handle: number } {
  const { instance, handle } = opened({ metric: EUCLIDEAN });
  instance.applyAt(1000, handle, frame(CREATE, "a", [1, 2, 3, 4], '{"n":1}'));
  instance.applyAt(1005, handle, frame(CREATE, "b", [9, 9, 9, 9]));
  instance.applyAt(1010, handle, frame(SCALE, "a", [2], '{"n":null}'));
  instance.applyAt(1020, handle, frame(DELETE, "a"));
  return { instance, handle };
}

test("dv_vector_at puts out the floats, or says that there were none", () => {
  const { instance, handle } = lived();
  const read = (time: number): number[] | number => {
    const result = instance.exports.dv_vector_at(handle, instance.input(id("a")), 1, time, 0);
    return result === 1 ? [...new Float32Array(instance.copyOutput().buffer)] : result;
  };
  assert.deepEqual([999, 1000, 1009, 1010, 1019, 1020].map(read), [
    0,
    [1, 2, 3, 4],
    [1, 2, 3, 4],
    [2, 4, 6, 8],
    [2, 4, 6, 8],
    0,
  ]);
});

test("dv_metadata_at tells none from no vector", () => {
  const { instance, handle } = lived();
  const read = (time: number): string | number => {
    const result = instance.exports.dv_metadata_at(handle, instance.input(id("a")), 1, time, 0);
    return result === 1 ? new TextDecoder().decode(instance.copyOutput()) : result;
  };
  assert.deepEqual([999, 1000, 1010, 1020].map(read), [0, '{"n":1}', "", 0]);
});

test("dv_search_at puts out slot -1 for what lives no more", () => {
  const { instance, handle } = lived();
  const query = new Uint8Array(Float32Array.of(2, 4, 6, 8).buffer);
  const n = instance.exports.dv_search_at(handle, instance.input(query), 4, 5, 1015, 0);
  assert.equal(n, 2);
  const { output } = instance;
  const hit = (i: number) => [
    instance.text(output.getUint32(16 * i + 4, true), output.getUint32(16 * i + 8, true)),
    output.getInt32(16 * i + 12, true),
    output.getFloat32(16 * i, true),
  ];
  assert.deepEqual(hit(0), ["a", -1, 0]);
  assert.deepEqual(hit(1).slice(0, 2), ["b", 1]);
});

test("dv_chain puts out counts, horizon and frames", () => {
  const { instance, handle } = lived();
  assert.equal(instance.exports.dv_chain(handle, instance.input(id("x")), 1), 0);
  assert.equal(instance.exports.dv_chain(handle, instance.input(id("a")), 1), 1);
  const view = instance.output;
  assert.deepEqual([view.getUint32(0, true), view.getUint32(4, true)], [3, 0]);
  assert.equal(view.getBigInt64(16, true), -1n);
  assert.deepEqual([view.getUint32(24, true), view.getUint32(28, true)], [0, 0]);
  let at = 32;
  for (const operation of [CREATE, SCALE, DELETE]) {
    assert.equal(view.getUint32(at, true), 0);
    assert.equal(view.getUint8(at + 12) & 15, operation | 8);
    at += 4 + (view.getUint32(at + 4, true) & 0xff_ffff);
  }
  assert.equal(at, view.byteLength);
});

test("dv_read goes through the log in pieces, in the order of arrival", () => {
  const { instance, handle } = opened();
  for (let i = 0; i < 50; i++) {
    instance.apply(handle, frame(CREATE, `v${i}`, [i, 0, 0, 1]));
  }
  assert.equal(instance.exports.dv_arrived(handle), 50);
  let from = 0;
  const seen: number[] = [];
  while (from < 50) {
    const n = instance.exports.dv_read(handle, from, 200);
    assert.ok(n >= 1 && n < 10, `${n} at once`);
    const view = instance.output;
    for (let at = 0; at < view.byteLength; at += view.getUint32(at, true) & 0xff_ffff) {
      const idBytes = view.getUint8(at + 9);
      seen.push(view.getFloat32(at + 10 + idBytes + 16 + 1, true));
    }
    from = instance.control(20);
    assert.equal(from, seen.length);
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 50 }, (_, i) => i),
  );
  assert.equal(instance.exports.dv_read(handle, 50, 200), 0);
  assert.equal(instance.exports.dv_read(handle, 1000, 200), 0);
  assert.equal(instance.exports.dv_read(handle, 7, 0), 1);
});

test("dv_since and dv_merge bring one instance what another has", () => {
  const one = lived();
  const two = opened({ replica: 2 });
  const stream = one.instance.since(one.handle);
  assert.equal(two.instance.merge(two.handle, stream), 4);
  assert.deepEqual([...new Uint32Array(two.instance.copyOutput().buffer)], [4, 0, 0, 0]);
  assert.equal(two.instance.control(24), 1, "live vectors");
  assert.equal(two.instance.digest(two.handle), one.instance.digest(one.handle));
  assert.equal(two.instance.merge(two.handle, stream), 0);
  assert.deepEqual([...new Uint32Array(two.instance.copyOutput().buffer)], [0, 4, 0, 0]);
  assert.equal(two.instance.exports.dv_cursor(two.handle), 0);
  const cursor = two.instance.copyOutput();
  assert.ok(one.instance.since(one.handle, cursor).length < 20);
  assert.equal(two.instance.merge(two.handle, stream.slice(0, -1)), CORRUPT_DATA);
});

test("dv_compact puts out what it did; what lies before is HISTORY_COMPACTED", () => {
  const { instance, handle } = lived();
  const { exports } = instance;
  assert.equal(exports.dv_compact(handle, 0, 0, 1020, 0, 0, -1, -1), 0);
  const { output } = instance;
  assert.deepEqual([output.getUint32(0, true), output.getUint32(4, true)], [2, 3]);
  assert.ok(output.getFloat64(8, true) > 0 && output.getFloat64(16, true) > 0);
  assert.equal(output.getBigInt64(24, true), 1010n);
  assert.equal(
    exports.dv_vector_at(handle, instance.input(id("a")), 1, 1009, 0),
    HISTORY_COMPACTED,
  );
  assert.equal(exports.dv_vector_at(handle, instance.input(id("a")), 1, 1010, 0), 1);
  const unknown = instance.input(id("x"));
  assert.equal(exports.dv_compact(handle, unknown, 1, 0, 0, 0, -1, -1), VECTOR_NOT_FOUND);
});

test("dv_rollback_to takes the delta's id and puts out the new one", () => {
  const { instance, handle } = lived();
  const before = [...id("a"), 0xe8, 3, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0];
  const at = instance.input(Uint8Array.from(before));
  assert.equal(instance.exports.dv_rollback_to(handle, at, 1, at + 1, 2000, 0), 1);
  assert.equal(instance.output.getBigUint64(0, true), 2000n);
  assert.equal(instance.output.getUint32(8, true), 5);
  assert.deepEqual(instance.vector(handle, "a", 4), [1, 2, 3, 4]);
  assert.equal(instance.metadata(handle, "a"), '{"n":1}');
  assert.equal(instance.control(24), 2, "live vectors");
});

test("without history its functions are refused", () => {
  const { instance, handle } = opened({ history: false });
  instance.apply(handle, frame(CREATE, "a", [1, 2, 3, 4]));
  const { exports } = instance;
  const at = instance.input(new Uint8Array(64));
  for (const result of [
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
    assert.equal(result, INVALID_ARGUMENT);
    assert.match(instance.message, /history/);
  }
});

test("a history that the memory cannot hold is refused, and compacting makes room", () => {
  const instance = new Instance(forTests);
  const dimensions = 512;
  const handle = instance.open({ dimensions });
  const vector = Array.from({ length: dimensions }, (_, i) => i);
  instance.apply(handle, frame(CREATE, "a", vector));
  let digest = instance.digest(handle);
  let result = 1;
  let applied = 1;
  while (result === 1) {
    vector[0] = applied;
    result = instance.apply(handle, frame(DENSE, "a", vector));
    if (result === 1) {
      applied++;
      digest = instance.digest(handle);
    }
  }
  assert.equal(result, OUT_OF_MEMORY);
  assert.ok(applied > 2000, `only ${applied} deltas fit`);
  assert.equal(instance.exports.dv_arrived(handle), applied);
  assert.equal(instance.digest(handle), digest);
  assert.equal(instance.exports.dv_compact(handle, 0, 0, -1, 0x7fff_ffff, 5, -1, -1), 0);
  assert.equal(instance.digest(handle), digest);
  for (let i = 0; i < 10; i++) {
    assert.equal(instance.apply(handle, frame(DENSE, "a", vector)), 1, instance.message);
  }
});

test("a merge that the memory cannot hold is refused whole", () => {
  const dimensions = 512;
  const sender = new Instance();
  const from = sender.open({ dimensions });
  for (let i = 0; i < 4000; i++) {
    const vector = Array(dimensions).fill(i);
    sender.apply(from, frame(i < 20 ? CREATE : DENSE, `v${i % 20}`, vector));
  }
  const stream = sender.since(from);
  const instance = new Instance(forTests);
  const handle = instance.open({ dimensions, replica: 2 });
  instance.apply(handle, frame(CREATE, "mine", Array(dimensions).fill(1)));
  const digest = instance.digest(handle);
  assert.equal(instance.merge(handle, stream), OUT_OF_MEMORY);
  assert.equal(instance.digest(handle), digest);
  assert.equal(instance.exports.dv_arrived(handle), 1);
  assert.equal(instance.control(24), 1, "live vectors");
  assert.equal(instance.apply(handle, frame(SCALE, "mine", [2])), 1);
});

test("a budget keeps the history within the memory", () => {
  const instance = new Instance(forTests);
  const dimensions = 512;
  const handle = instance.open({ dimensions, maxHistoryBytes: 2 ** 20 });
  instance.apply(handle, frame(CREATE, "a", Array(dimensions).fill(0)));
  for (let i = 1; i < 6000; i++) {
    const result = instance.apply(handle, frame(DENSE, "a", Array(dimensions).fill(i)));
    assert.equal(result, 1, instance.message);
  }
});
