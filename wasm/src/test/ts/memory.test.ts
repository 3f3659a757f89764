import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CREATE,
  DELETE,
  DOT,
  EUCLIDEAN,
  forTests,
  frame,
  Instance,
  OUT_OF_MEMORY,
  random,
  shipped,
} from "./support.ts";

const DIMENSIONS = 64;

/** A vector that depends on the number only. */
function vector(i: number, dimensions = DIMENSIONS): number[] {
  const next = random(i);
  return Array.from({ length: dimensions }, () => Math.fround(next() - 0.5));
}

function fill(instance: Instance, handle: number, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    assert.equal(instance.apply(handle, frame(CREATE, `v${i}`, vector(i))), 1, instance.message);
  }
}

function check(instance: Instance, handle: number, n: number): void {
  for (let i = 0; i < n; i++) {
    assert.deepEqual(instance.vector(handle, `v${i}`, DIMENSIONS), vector(i));
  }
}

test("the control block stays where it is when the memory grows", () => {
  const instance = new Instance();
  const before = instance.exports.dv_control();
  fill(instance, instance.open({ dimensions: DIMENSIONS }), 0, 500);
  assert.equal(instance.exports.dv_control(), before);
});

test("growth detaches the views, and the database goes on", () => {
  const instance = new Instance();
  const handle = instance.open({ dimensions: DIMENSIONS });
  const before = instance.exports.memory.buffer;
  fill(instance, handle, 0, 500);
  assert.equal(before.byteLength, 0);
  assert.notEqual(instance.exports.memory.buffer, before);
  check(instance, handle, 500);
});

test("the input keeps its place until more is asked for than it has", () => {
  const { exports } = new Instance();
  const first = exports.dv_input(1000);
  assert.equal(exports.dv_input(10), first);
  assert.equal(exports.dv_input(1000), first);
});

test("an input is a multiple of 64 and never 0", () => {
  const { exports } = new Instance();
  for (const bytes of [0, 1, 64, 50_000, 65_536, 65_537, 1_000_000]) {
    const at = exports.dv_input(bytes) >>> 0;
    assert.ok(at > 0 && at % 64 === 0, `${at} for ${bytes} bytes`);
    assert.ok(at + bytes <= exports.memory.buffer.byteLength);
  }
});

test("an input does not reach into a database", () => {
  const instance = new Instance();
  const handle = instance.open({ dimensions: DIMENSIONS });
  fill(instance, handle, 0, 20);
  for (const bytes of [60_000, 200_000, 100, 1_000_000]) {
    const at = instance.exports.dv_input(bytes) >>> 0;
    instance.bytes.fill(0xff, at, at + bytes);
  }
  check(instance, handle, 20);
  fill(instance, handle, 20, 200);
  check(instance, handle, 200);
});

test("an input that cannot be had is 0, and the one before it stays", () => {
  const { exports } = new Instance(forTests);
  const before = exports.dv_input(100_000);
  assert.equal(exports.dv_input(17 << 20), 0);
  assert.equal(exports.dv_input(-1), 0);
  assert.equal(exports.dv_input(100_000), before);
});

test("several databases in one instance do not see each other", () => {
  const instance = new Instance();
  const a = instance.open({ dimensions: DIMENSIONS, metric: DOT });
  const b = instance.open({ dimensions: 3, metric: EUCLIDEAN });
  const c = instance.open({ dimensions: DIMENSIONS });
  assert.equal(new Set([a, b, c]).size, 3);
  for (let i = 0; i < 300; i++) {
    instance.apply(a, frame(CREATE, `v${i}`, vector(i)));
    instance.apply(b, frame(CREATE, `v${i}`, [i, 0, 1]));
  }
  assert.deepEqual(instance.vector(b, "v7", 3), [7, 0, 1]);
  assert.equal(instance.vector(c, "v7", DIMENSIONS), undefined);
  check(instance, a, 300);
  assert.equal(instance.search(b, [100.2, 0, 1], 1)[0]?.id, "v100");
});

test("closing one database leaves the others", () => {
  const instance = new Instance();
  const a = instance.open({ dimensions: DIMENSIONS });
  const b = instance.open({ dimensions: DIMENSIONS });
  fill(instance, a, 0, 200);
  fill(instance, b, 0, 200);
  assert.equal(instance.exports.dv_close(a), 0);
  check(instance, b, 200);
  fill(instance, b, 200, 400);
  check(instance, b, 400);
});

test("memory that a database gave back is clean for the next", () => {
  const instance = new Instance();
  const a = instance.open({ dimensions: DIMENSIONS });
  fill(instance, a, 0, 300);
  instance.exports.dv_close(a);
  const b = instance.open({ dimensions: DIMENSIONS });
  const fresh = new Instance();
  const c = fresh.open({ dimensions: DIMENSIONS });
  fill(instance, b, 0, 100);
  fill(fresh, c, 0, 100);
  assert.equal(instance.digest(b), fresh.digest(c));
  assert.deepEqual(instance.search(b, vector(5), 10), fresh.search(c, vector(5), 10));
});

test("opening and closing a thousand times keeps the memory flat", () => {
  const instance = new Instance();
  const once = () => {
    const handle = instance.open({ dimensions: DIMENSIONS });
    fill(instance, handle, 0, 30);
    assert.equal(instance.exports.dv_close(handle), 0);
    return handle;
  };
  once();
  const size = instance.exports.memory.buffer.byteLength;
  for (let i = 0; i < 1000; i++) assert.equal(once(), 1);
  assert.equal(instance.exports.memory.buffer.byteLength, size);
});

test("databases that come and go in any order keep the memory bounded", () => {
  const instance = new Instance();
  const next = random(3);
  const open: number[] = [];
  let most = 0;
  for (let i = 0; i < 600; i++) {
    if (open.length === 8) {
      const [gone] = open.splice(Math.floor(next() * 8), 1);
      assert.equal(instance.exports.dv_close(gone as number), 0);
    }
    const handle = instance.open({ dimensions: DIMENSIONS });
    fill(instance, handle, 0, 1 + Math.floor(next() * 60));
    open.push(handle);
    if (i === 100) most = instance.exports.memory.buffer.byteLength;
  }
  assert.ok(instance.exports.memory.buffer.byteLength <= most * 2);
});

/** Creates vectors of 4 KiB until the memory is full; returns their number. */
function fillUp(instance: Instance, handle: number): number {
  for (let n = 0; ; n++) {
    const result = instance.apply(handle, frame(CREATE, `v${n}`, vector(n, 1024)));
    if (result === OUT_OF_MEMORY) return n;
    assert.equal(result, 1, instance.message);
  }
}

test("a refused growth is OUT_OF_MEMORY, and nothing has changed", () => {
  const instance = new Instance(forTests);
  const handle = instance.open({ dimensions: 1024, maxVectors: 100_000, history: false });
  const n = fillUp(instance, handle);
  assert.ok(n > 2000, `${n} vectors of 4 KiB in 16 MiB`);
  const digest = instance.digest(handle);
  assert.equal(instance.apply(handle, frame(CREATE, "w", vector(n, 1024))), OUT_OF_MEMORY);
  assert.equal(instance.digest(handle), digest);
  assert.equal(instance.vector(handle, "w", 1024), undefined);
  // As if nobody had ever asked for more.
  const other = new Instance(shipped);
  const copy = other.open({ dimensions: 1024, maxVectors: 100_000 });
  for (let i = 0; i < n; i++) other.apply(copy, frame(CREATE, `v${i}`, vector(i, 1024)));
  assert.equal(other.digest(copy), digest);
});

test("a database that is out of memory answers, deletes, takes a vector for the deleted one, and closes", () => {
  const instance = new Instance(forTests);
  const handle = instance.open({ dimensions: 1024, maxVectors: 100_000 });
  fillUp(instance, handle);
  assert.equal(instance.search(handle, vector(3, 1024), 1)[0]?.id, "v3");
  assert.equal(instance.apply(handle, frame(DELETE, "v3")), 1, instance.message);
  assert.equal(instance.apply(handle, frame(CREATE, "w", vector(3, 1024))), 1, instance.message);
  assert.equal(instance.search(handle, vector(3, 1024), 1)[0]?.id, "w");
  assert.equal(instance.exports.dv_close(handle), 0);
  const next = instance.open({ dimensions: 1024, maxVectors: 100_000 });
  assert.equal(instance.apply(next, frame(CREATE, "v0", vector(0, 1024))), 1);
});

test("a database that does not fit is OUT_OF_MEMORY when it is opened", () => {
  const instance = new Instance(forTests);
  const handles: number[] = [];
  for (;;) {
    const handle = instance.open({ dimensions: 65_536 });
    if (handle < 0) {
      assert.equal(handle, OUT_OF_MEMORY);
      break;
    }
    handles.push(handle);
    if (instance.apply(handle, frame(CREATE, "v", vector(1, 65_536))) < 0) break;
  }
  for (const handle of handles) assert.equal(instance.exports.dv_close(handle), 0);
  assert.ok(instance.open({ dimensions: DIMENSIONS }) > 0);
});

test("a database works above 2 GiB", () => {
  const instance = new Instance(shipped);
  // Untouched, so it costs addresses only.
  const input = instance.exports.dv_input(0x9000_0000) >>> 0;
  assert.ok(input > 0);
  const handle = instance.open({ dimensions: DIMENSIONS });
  assert.ok(handle > 0, instance.message);
  fill(instance, handle, 0, 300);
  assert.ok(instance.control(0) > 2 ** 31, "the output lies above 2 GiB");
  check(instance, handle, 300);
  assert.equal(instance.search(handle, vector(17), 3)[0]?.id, "v17");
  assert.equal(instance.exports.dv_close(handle), 0);
});
