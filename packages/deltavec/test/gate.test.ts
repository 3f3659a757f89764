// The gate between one writer and several readers: within one thread, and between threads of Node.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import { evict, GATE_WORDS, ReaderGate, WriterGate } from "../src/gate.ts";
import type { Read } from "./support/gate-reader.ts";
import type { Write } from "./support/gate-writer.ts";

function words(count = GATE_WORDS): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * count));
}

/** Starts a worker that ends with the test, however that ends. */
function start(t: TestContext, name: string): Worker {
  const worker = new Worker(new URL(`./support/${name}.ts`, import.meta.url));
  t.after(() => worker.terminate());
  return worker;
}

test("a gate for 64 readers takes as many words as it says", () => {
  assert.equal(GATE_WORDS, 16 * 65);
  const gate = words();
  const writer = new WriterGate(gate);
  const readers = Array.from({ length: 64 }, (_, i) => new ReaderGate(gate, i));
  for (const reader of readers) {
    reader.enter();
  }
  for (const reader of readers) {
    assert.ok(reader.leave());
  }
  writer.enter();
  writer.leave();
});

test("too few words, and a reader's number out of range, are refused", () => {
  const wrong = { code: "INVALID_ARGUMENT" };
  assert.throws(() => new WriterGate(words(GATE_WORDS - 1)), wrong);
  assert.throws(() => new ReaderGate(words(10), 0), wrong);
  assert.throws(() => evict(words(10), 0), wrong);
  for (const reader of [-1, 64, 0.5, Number.NaN]) {
    assert.throws(() => new ReaderGate(words(), reader), wrong);
    assert.throws(() => evict(words(), reader), wrong);
  }
});

test("an evicted reader is told when it leaves, once", () => {
  const gate = words();
  const reader = new ReaderGate(gate, 3);
  reader.enter();
  evict(gate, 3);
  new WriterGate(gate).enter(); // not kept out
  new WriterGate(gate).leave();
  assert.equal(reader.leave(), false);
  reader.enter();
  assert.equal(reader.leave(), true);
});

test("to evict a reader that is out does nothing", () => {
  const gate = words();
  const reader = new ReaderGate(gate, 0);
  evict(gate, 0);
  reader.enter();
  assert.equal(reader.leave(), true);
});

test("a number is free again for another reader when the one before it has died inside", () => {
  const gate = words();
  new ReaderGate(gate, 5).enter();
  const next = new ReaderGate(gate, 5);
  new WriterGate(gate).enter();
  new WriterGate(gate).leave();
  next.enter();
  assert.equal(next.leave(), true);
});

test("a gate that has ended turns readers away, whether the writer is in or not", () => {
  for (const enters of [true, false]) {
    const gate = words();
    const writer = new WriterGate(gate);
    const reader = new ReaderGate(gate, 0);
    assert.equal(reader.enter(), true);
    assert.equal(reader.leave(), true);
    if (enters) {
      writer.enter();
    }
    writer.end();
    assert.equal(reader.enter(), false);
    assert.equal(reader.enter(), false);
  }
});

test("three readers never see what the writer is at, and all of them get through", async (t) => {
  const gate = words();
  const data = words(500);
  const readers: Promise<unknown[]>[] = [];
  for (const reader of [0, 1, 2]) {
    const thread = start(t, "gate-reader");
    const message: Read = { gate, data, reader, until: 5000 };
    thread.postMessage(message);
    await once(thread, "message"); // it has started
    readers.push(once(thread, "message"));
  }
  const writer = start(t, "gate-writer");
  const message: Write = { gate, data, rounds: 5000 };
  writer.postMessage(message);
  await once(writer, "message");
  for (const outcome of readers) {
    assert.deepEqual(await outcome, [{ torn: 0, evicted: 0 }]);
  }
  assert.ok(data.every((value) => value === 5000));
});

test("a reader that dies inside is evicted, and the writer goes on", async (t) => {
  const gate = words();
  const data = words(50);
  const reader = start(t, "gate-reader");
  const read: Read = { gate, data, reader: 1, until: -2, hangAt: 10 };
  reader.postMessage(read);
  await once(reader, "message"); // it has started
  await once(reader, "message"); // it is inside
  const writer = start(t, "gate-writer");
  const write: Write = { gate, data, rounds: 100 };
  const done = once(writer, "message");
  writer.postMessage(write);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(data[0], 0, "the writer waits for the reader");
  await reader.terminate();
  evict(gate, 1);
  await done;
  assert.equal(data[0], 100);
});

test("a reader that stays inside for 10 seconds of waiting is evicted by the writer", async (t) => {
  const gate = words();
  const data = words(50);
  const reader = new ReaderGate(gate, 0);
  reader.enter();
  const writer = start(t, "gate-writer");
  const write: Write = { gate, data, rounds: 1 };
  const begin = performance.now();
  writer.postMessage(write);
  await once(writer, "message");
  assert.ok(performance.now() - begin > 9_000);
  assert.equal(reader.leave(), false);
});
