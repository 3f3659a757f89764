// The ring within one thread: what goes in comes out, and what no producer writes is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DeltaError } from "../src/errors.ts";
import { makeRing, markConsumerGone, RingConsumer, RingProducer } from "../src/ring.ts";
import type { VectorDelta } from "../src/types.ts";
import { readFrames } from "./support/frames.ts";

const FORM = { compression: true, grid: 0 };
const HEADER = 1024;

interface Ends {
  readonly ring: SharedArrayBuffer;
  readonly producer: RingProducer;
  readonly consumer: RingConsumer;
}

function open(capacity: number): Ends {
  const ring = makeRing(capacity);
  const never = () => assert.fail("nobody asked for a message");
  return {
    ring,
    producer: new RingProducer(ring, FORM, never),
    consumer: new RingConsumer(ring, never),
  };
}

function dense(id: string, values: number): VectorDelta {
  const vector = Float32Array.from({ length: values }, (_, i) => i);
  return { vectorId: id, operation: { type: "dense", vector } };
}

/** Takes everything; gives the ids. */
function drain(consumer: RingConsumer, most = 1000): string[] {
  const ids: string[] = [];
  for (let frames = consumer.take(most, 2 ** 20); frames; frames = consumer.take(most, 2 ** 20)) {
    const found = readFrames(frames);
    assert.equal(found.length, consumer.taken);
    for (const { id, floats } of found) {
      assert.ok(
        floats.every((value, i) => value === i),
        id,
      );
      ids.push(id);
    }
    consumer.release(consumer.taken);
  }
  return ids;
}

test("what is sent comes out in order, whatever the sizes and the stalls", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.integer({ min: 1, max: 1000 }).map((values) => ({ values })),
          fc.integer({ min: 1, max: 4 }).map((take) => ({ take })),
          fc
            .array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 })
            .map((batch) => ({ batch })),
        ),
        { maxLength: 200 },
      ),
      (steps) => {
        const { producer, consumer } = open(4096);
        const sent: string[] = [];
        const seen: string[] = [];
        let batches: RingProducer | undefined;
        for (const step of steps) {
          if ("values" in step) {
            const id = `d${sent.length}`;
            // Full: there is room for any delta once all is taken, as padding is taken, too.
            while (!producer.send(dense(id, step.values))) {
              const before = seen.length;
              seen.push(...drain(consumer));
              assert.ok(seen.length > before || producer.wanted > 0);
            }
            sent.push(id);
          } else if ("batch" in step) {
            const ids = step.batch.map((_, i) => `b${sent.length + i}`);
            const scratch = open(2 ** 20);
            batches = scratch.producer;
            step.batch.forEach((values, i) => {
              assert.ok(scratch.producer.send(dense(ids[i], values)));
            });
            const frames = scratch.consumer.take(100, 2 ** 20);
            assert.ok(frames);
            if (frames.length > 4096) {
              assert.throws(() => producer.sendFrames(frames, ids.length), { code: "BUFFER_FULL" });
            } else {
              while (!producer.sendFrames(frames, ids.length)) {
                seen.push(...drain(consumer));
              }
              sent.push(...ids);
            }
          } else {
            const frames = consumer.take(step.take, 2 ** 20);
            if (frames !== undefined) {
              assert.ok(consumer.taken <= step.take);
              seen.push(...readFrames(frames).map(({ id }) => id));
              consumer.release(consumer.taken);
            }
          }
        }
        seen.push(...drain(consumer));
        assert.deepEqual(seen, sent);
        assert.equal(producer.sent, sent.length);
        assert.deepEqual(producer.progress, { applied: sent.length, settled: sent.length });
        assert.notEqual(batches, producer);
      },
    ),
    { numRuns: 200 },
  );
});

test("a full ring takes nothing, and something again when there is room", () => {
  const { producer, consumer } = open(4096);
  let count = 0;
  while (producer.send(dense(`d${count}`, 20))) {
    count++;
  }
  assert.ok(count > 4096 / 120 && count < 4096 / 80);
  assert.equal(producer.send(dense("more", 20)), false);
  assert.equal(producer.sent, count);
  assert.equal(drain(consumer).length, count);
  assert.ok(producer.send(dense("more", 20)));
  assert.deepEqual(drain(consumer), ["more"]);
});

test("a delta as large as the ring goes through it, from any position", () => {
  for (let before = 1; before < 60; before++) {
    const { producer, consumer } = open(4096);
    assert.ok(producer.send(dense("a".repeat(before), 1)));
    assert.equal(drain(consumer).length, 1);
    // 9 of header, 4 of id, 2 of length, 4 for each value: 4,095 bytes.
    const large = dense("big", 1020);
    assert.equal(producer.send(large), false, "padding must go first");
    assert.deepEqual(drain(consumer), []);
    assert.ok(producer.send(large));
    assert.deepEqual(drain(consumer), ["big"]);
  }
});

test("a delta larger than the ring is refused, naming the capacity", () => {
  const { producer, consumer } = open(4096);
  assert.throws(() => producer.send(dense("a", 1100)), {
    code: "BUFFER_FULL",
    message: /capacity of 4096 bytes/,
  });
  assert.ok(producer.send(dense("b", 1)));
  assert.deepEqual(drain(consumer), ["b"]);
});

test("a delta that is refused leaves nothing behind", () => {
  const { producer, consumer } = open(4096);
  assert.ok(producer.send(dense("a", 3)));
  assert.throws(() => producer.send({ ...dense("x", 3), metadata: { f: Number.NaN } }), {
    code: "NOT_FINITE",
  });
  assert.throws(() => producer.send(dense("\ud800", 3)), { code: "INVALID_ARGUMENT" });
  assert.ok(producer.send({ ...dense("naïve", 3), metadata: { text: "ü€😀" } }));
  assert.deepEqual(drain(consumer), ["a", "naïve"]);
});

test("counters pass 2^32", () => {
  const ring = makeRing(4096);
  const words = new Int32Array(ring);
  words[32] = -4096; // head
  words[64] = -4096; // tail
  const never = () => assert.fail();
  const producer = new RingProducer(ring, FORM, never);
  const consumer = new RingConsumer(ring, never);
  for (let i = 0; i < 500; i++) {
    assert.ok(producer.send(dense(`d${i}`, i % 200)));
    assert.deepEqual(drain(consumer), [`d${i}`]);
  }
  assert.ok(words[32] > 0);
});

test("frames come in ranges no longer than asked for", () => {
  const { producer, consumer } = open(4096);
  for (let i = 0; i < 20; i++) {
    assert.ok(producer.send(dense(`d${i}`, 20)));
  }
  const one = consumer.take(7, 2 ** 20);
  assert.equal(consumer.taken, 7);
  assert.equal(one?.length, readFrames(one as Uint8Array).length * 93 + 0);
  consumer.release(7);
  consumer.take(100, 200);
  assert.equal(consumer.taken, 2);
  consumer.release(2);
  consumer.take(100, 1);
  assert.equal(consumer.taken, 1, "one frame at least");
});

test("frames that are none, or another number, are not sent", () => {
  const { producer, consumer } = open(4096);
  assert.ok(producer.send(dense("a", 3)));
  const frame = (consumer.take(1, 4096) as Uint8Array).slice();
  consumer.release(1);
  const corrupt = { code: "CORRUPT_DATA" };
  assert.throws(() => producer.sendFrames(frame, 2), corrupt);
  assert.throws(() => producer.sendFrames(frame.subarray(0, frame.length - 1), 1), corrupt);
  assert.throws(() => producer.sendFrames(frame.subarray(0, 3), 1), corrupt);
  assert.throws(() => producer.sendFrames(new Uint8Array(64), 1), corrupt);
  assert.ok(producer.sendFrames(frame, 1));
  assert.deepEqual(drain(consumer), ["a"]);
});

test("what no producer writes is corrupt: lengths, padding, counters", () => {
  /** Lets a hand write 4,096 bytes of ring, of which so many are said to be there. */
  const refused = (write: (view: DataView) => void, head: number, from = 0): void => {
    const ring = makeRing(4096);
    const words = new Int32Array(ring);
    words[64] = from;
    const consumer = new RingConsumer(ring, () => {});
    write(new DataView(ring, HEADER));
    words[32] = head;
    assert.throws(
      () => {
        for (let i = 0; i < 10; i++) {
          consumer.take(1000, 4096);
          consumer.release(0);
        }
      },
      (error: DeltaError) => error.code === "CORRUPT_DATA",
    );
  };
  const frame =
    (length: number, at = 0) =>
    (view: DataView) => {
      view.setUint32(at, length | (1 << 24), true);
    };
  const padding =
    (length: number, at = 0) =>
    (view: DataView) => {
      view.setUint32(at, length, true);
    };
  refused(frame(0), 100);
  refused(frame(8), 100);
  refused(frame(101), 100);
  refused(frame(0xff_ffff), 100);
  refused(frame(50), 52); // and two bytes of the next
  refused(frame(50), 4097);
  refused(frame(50), -1);
  refused(frame(100, 4000), 4100, 4000); // over the end
  refused((view) => view.setUint32(0, 50 | (2 << 24), true), 100); // another version
  refused(padding(4096), 4096); // at the beginning
  refused(padding(0), 100);
  refused(padding(96, 4000), 4050, 4000); // said to be there in part
  refused(padding(95, 4000), 4196, 4000);
  refused(padding(97, 4000), 4196, 4000);
  refused(() => {}, 4095, 4094); // the short padding in part
});

test("random bytes never lead out of the ring, nor around it for ever", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 4096, maxLength: 4096 }),
      fc.array(fc.integer({ min: 0, max: 4096 }), { minLength: 1, maxLength: 5 }),
      fc.nat(4095),
      (noise, spots, from) => {
        const ring = makeRing(4096);
        const bytes = new Uint8Array(ring, HEADER);
        const words = new Int32Array(ring);
        bytes.set(noise);
        const view = new DataView(ring, HEADER);
        for (const at of spots) {
          if (at <= 4092) {
            view.setUint32(at, (4096 - at) | ((at & 1) << 24), true);
          }
        }
        words[64] = from;
        words[32] = from + 4096;
        const consumer = new RingConsumer(ring, () => {});
        let taken = 0;
        try {
          for (let frames = consumer.take(3, 500); frames; frames = consumer.take(3, 500)) {
            assert.ok(frames.byteOffset >= HEADER);
            taken += frames.length;
            assert.ok(consumer.taken > 0 && taken <= 4096);
            consumer.release(consumer.taken);
          }
        } catch (error) {
          assert.equal((error as DeltaError).code, "CORRUPT_DATA");
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test("shared memory that is no ring is refused", () => {
  const corrupt = { code: "CORRUPT_DATA" };
  const { ring } = open(4096);
  for (const other of [new SharedArrayBuffer(0), new SharedArrayBuffer(5120)]) {
    assert.throws(() => new RingConsumer(other, () => {}), corrupt);
  }
  new Int32Array(ring)[2] = 8192;
  assert.throws(() => new RingProducer(ring, FORM, () => {}), corrupt);
});

test("a capacity that is no power of two, or out of range, is refused", () => {
  for (const capacity of [0, 1, 2048, 5000, 2 ** 29, Number.NaN, -4096]) {
    assert.throws(() => makeRing(capacity), { code: "INVALID_ARGUMENT", message: /capacity/ });
  }
});

test("the consumer's error reaches the producer through the ring", () => {
  const { ring, producer, consumer } = open(4096);
  assert.ok(producer.open);
  consumer.end(new DeltaError("VECTOR_NOT_FOUND", "€".repeat(300), { index: 2 ** 40 + 7 }));
  assert.equal(producer.open, false);
  const { failure } = producer;
  assert.equal(failure?.code, "VECTOR_NOT_FOUND");
  assert.equal(failure?.index, 2 ** 40 + 7);
  assert.equal(failure?.message, "€".repeat(128)); // 384 bytes
  markConsumerGone(ring);
  assert.equal(producer.failure?.code, "VECTOR_NOT_FOUND", "it ended before it was gone");
});

test("a producer that waits for room is woken by room, and by the consumer's end", async () => {
  for (const how of ["room", "end", "gone"]) {
    const { ring, producer, consumer } = open(4096);
    while (producer.send(dense("a", 20)));
    const alive = setInterval(() => {}, 1000);
    const waiting = producer.waitForRoom(60_000);
    assert.ok(waiting instanceof Promise);
    if (how === "room") {
      drain(consumer, 1);
    } else if (how === "end") {
      consumer.end();
    } else {
      markConsumerGone(ring);
    }
    assert.equal(await waiting, true);
    clearInterval(alive);
  }
});

test("room for what was refused counts, not only a quarter of the ring", () => {
  const ring = makeRing(4096);
  let told = 0;
  const producer = new RingProducer(ring, FORM, () => assert.fail());
  const consumer = new RingConsumer(ring, () => told++);
  while (producer.send(dense("a", 20)));
  assert.equal(producer.send(dense("big", 900)), false);
  assert.equal(producer.askForRoom(), false);
  let released = 0;
  while (told === 0) {
    assert.ok(consumer.take(1, 4096));
    consumer.release(1);
    released++;
  }
  assert.ok(released >= 38, `${released} of 44 frames`);
  assert.ok(producer.askForRoom());
});
