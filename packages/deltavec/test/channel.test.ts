// Channels between the threads of Node, with shared memory and without: the same behaviour.
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, type TestContext, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import {
  type ChannelErrorPolicy,
  ChannelServer,
  DeltaChannel,
  type DeltaChannelOptions,
  makeChannel,
} from "../src/channel.ts";
import { DeltaError } from "../src/errors.ts";
import { FrameWriter } from "../src/frame.ts";
import type { VectorDelta } from "../src/types.ts";
import type { Consume, Consumed } from "./support/channel-consumer.ts";
import { PlainBlock, readFrames } from "./support/frames.ts";
import { type Produce, produce } from "./support/produce.ts";
import { Random } from "./support/random.ts";

const FORM = { compression: true, grid: 0 };
const NOT_FOUND = "VECTOR_NOT_FOUND";

/** Starts a worker that ends with the test, however that ends. */
function start(t: TestContext, name: string): Worker {
  const worker = new Worker(new URL(`./support/${name}.ts`, import.meta.url));
  t.after(() => worker.terminate());
  return worker;
}

function delta(id: string, values = 3): VectorDelta {
  return { vectorId: id, operation: { type: "dense", vector: new Float32Array(values) } };
}

interface Local extends AsyncDisposable {
  readonly channel: DeltaChannel;
  readonly server: ChannelServer;
  readonly applied: string[];
  /** Sizes of the batches that came, those refused too. */
  readonly batches: number[];
}

/**
 * Both ends in this thread. `apply` is all or nothing, as a database's: it refuses ids that begin with "bad" by their place,
 * and those that begin with "odd" without saying which.
 */
function local(
  shared: boolean,
  { onError = "stop", capacity = 2 ** 16, ...options }: LocalOptions = {},
): Local {
  const { producer, consumer } = makeChannel(FORM, { shared, capacity });
  const applied: string[] = [];
  const batches: number[] = [];
  const server = new ChannelServer(
    consumer,
    (frames, count) => {
      const ids = readFrames(frames).map(({ id }) => id);
      assert.equal(ids.length, count);
      batches.push(count);
      const index = ids.findIndex((id) => id.startsWith("bad"));
      if (index >= 0) {
        const where = count > 1 ? `delta ${index}: ` : "";
        throw new DeltaError(NOT_FOUND, `${where}vector "${ids[index]}": is not there`, { index });
      }
      if (ids.some((id) => id.startsWith("odd"))) {
        throw new DeltaError("OUT_OF_MEMORY", "too much");
      }
      if (ids.includes("end")) {
        throw new DeltaError("CLOSED", "the database is closed");
      }
      applied.push(...ids);
    },
    { onError },
  );
  const channel = new DeltaChannel(producer, options);
  return {
    channel,
    server,
    applied,
    batches,
    async [Symbol.asyncDispose]() {
      server.close();
      await server.closed;
      channel.abort();
    },
  };
}

interface LocalOptions extends DeltaChannelOptions {
  readonly onError?: ChannelErrorPolicy;
  readonly capacity?: number;
}

for (const shared of [true, false]) {
  describe(shared ? "with a ring" : "with messages", () => {
    test("flush tells how many deltas were sent and applied", async () => {
      await using both = local(shared);
      const { channel, applied } = both;
      assert.equal(channel.shared, shared);
      const ids = Array.from({ length: 1000 }, (_, i) => `d${i}`);
      for (const id of ids) {
        assert.ok(channel.send(delta(id)));
      }
      const all = { sent: 1000, applied: 1000, skipped: [], skippedCount: 0, discarded: 0 };
      assert.deepEqual(await channel.flush(), all);
      assert.deepEqual(applied, ids);
      assert.equal(channel.sent, 1000);
      assert.equal(channel.applied, 1000);
      assert.deepEqual(await channel.close(), all);
    });

    test("what is sent is applied without a flush", async () => {
      await using both = local(shared);
      const { channel, applied } = both;
      for (const id of ["a", "b"]) {
        channel.send(delta(id));
        while (!applied.includes(id)) {
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      }
      assert.deepEqual(applied, ["a", "b"]);
    });

    test("a full channel takes nothing, and something again when it is ready", async () => {
      await using both = local(shared);
      const { channel, applied } = both;
      let sent = 0;
      for (let rounds = 0; rounds < 5; rounds++) {
        while (channel.send(delta(`d${sent}`, 100))) {
          sent++;
        }
        assert.equal(channel.sent, sent);
        await channel.ready();
        assert.ok(channel.send(delta(`d${sent++}`, 100)));
      }
      assert.ok(sent > 5 * 10 && sent < 5 * 200, `${sent} deltas of 415 bytes in 64 KiB`);
      await channel.flush();
      assert.deepEqual(
        applied,
        Array.from({ length: sent }, (_, i) => `d${i}`),
      );
    });

    test("a delta larger than the capacity is refused, naming that", async () => {
      await using both = local(shared, { capacity: 4096 });
      assert.throws(() => both.channel.send(delta("a", 1100)), {
        code: "BUFFER_FULL",
        message: /capacity of 4096 bytes/,
      });
      assert.ok(both.channel.send(delta("b")));
      assert.equal((await both.channel.flush()).applied, 1);
    });

    test("a delta of nearly the whole capacity comes through, among small ones", async () => {
      await using both = local(shared, { capacity: 4096 });
      const { channel, applied } = both;
      const ids: string[] = [];
      for (let i = 0; i < 30; i++) {
        for (const values of [1015 - i, 1 + 3 * i]) {
          const id = `d${ids.length}`;
          while (!channel.send(delta(id, values))) {
            await channel.ready();
          }
          ids.push(id);
        }
      }
      await channel.flush();
      assert.deepEqual(applied, ids);
    });

    test("a delta that cannot be written is refused at once and leaves nothing behind", async () => {
      await using both = local(shared);
      const { channel, applied } = both;
      assert.ok(channel.send(delta("a")));
      assert.throws(() => channel.send({ ...delta("b"), metadata: { n: Number.NaN } }), {
        code: "NOT_FINITE",
      });
      assert.throws(() => channel.send(delta("")), { code: "INVALID_ARGUMENT" });
      assert.ok(channel.send({ ...delta("c"), metadata: { text: "größer" } }));
      assert.equal((await channel.flush()).sent, 2);
      assert.deepEqual(applied, ["a", "c"]);
    });

    test("what reads a delta cannot send meanwhile", async () => {
      await using both = local(shared);
      const { channel, applied } = both;
      const codes: unknown[] = [];
      const attempt = (run: () => unknown) => {
        try {
          run();
        } catch (error) {
          codes.push((error as DeltaError).code);
        }
      };
      const toJSON = () => {
        attempt(() => channel.send(delta("inner")));
        attempt(() => channel.sendFrames(new Uint8Array(0), 0));
        channel.flush().catch((error: DeltaError) => codes.push(error.code));
        channel.close().catch((error: DeltaError) => codes.push(error.code));
        return { n: 1 };
      };
      assert.ok(channel.send({ ...delta("outer"), metadata: { toJSON } }));
      assert.equal((await channel.flush()).applied, 1);
      assert.deepEqual(applied, ["outer"]);
      assert.deepEqual(codes, Array(4).fill("INVALID_ARGUMENT"));
    });

    test("frames are sent as they are, all or none", async () => {
      await using both = local(shared, { capacity: 4096 });
      const { channel, applied } = both;
      const batch = framesOf(["a", "b", "c"], 50);
      let sent = 0;
      while (channel.sendFrames(batch, 3)) {
        sent += 3;
      }
      assert.ok(sent >= 6);
      assert.equal(channel.sent, sent);
      await channel.ready();
      assert.ok(channel.sendFrames(batch, 3));
      assert.throws(() => channel.sendFrames(batch, 2), { code: "CORRUPT_DATA" });
      assert.throws(() => channel.sendFrames(new Uint8Array(5000), 1), { code: "CORRUPT_DATA" });
      assert.throws(() => channel.sendFrames(framesOf(["a"], 1050), 1), { code: "BUFFER_FULL" });
      assert.throws(() => channel.sendFrames([] as unknown as Uint8Array, 0), {
        code: "INVALID_ARGUMENT",
      });
      assert.ok(channel.sendFrames(new Uint8Array(0), 0));
      assert.equal((await channel.flush()).applied, sent + 3);
      assert.deepEqual(applied.slice(-3), ["a", "b", "c"]);
    });

    test("stop: those before the one refused are applied, those behind it are not", async () => {
      for (const at of [0, 1, 15, 16, 17, 40, 99]) {
        await using both = local(shared);
        const { channel, server, applied } = both;
        const ids = Array.from({ length: 100 }, (_, i) => (i === at ? "bad" : `d${i}`));
        for (const id of ids) {
          assert.ok(channel.send(delta(id)));
        }
        const refused = {
          name: "DeltaError",
          code: NOT_FOUND,
          index: at,
          message: `delta ${at}: vector "bad": is not there`,
        };
        await assert.rejects(channel.flush(), refused);
        assert.throws(() => channel.send(delta("late")), refused);
        assert.throws(() => channel.sendFrames(new Uint8Array(0), 0), refused);
        await assert.rejects(channel.ready(), refused);
        await assert.rejects(channel.close(), refused);
        assert.deepEqual(applied, ids.slice(0, at));
        assert.equal(channel.applied, at);
        assert.deepEqual(await server.closed, {
          sent: 100,
          applied: at,
          skipped: [],
          skippedCount: 0,
          discarded: 100 - at,
        });
      }
    });

    test("skip: those refused are noted by their numbers, all others are applied", async () => {
      const random = new Random(7);
      for (let round = 0; round < 30; round++) {
        await using both = local(shared, { onError: "skip" });
        const { channel, applied } = both;
        const share = 1 + random.below(8);
        const ids = Array.from({ length: 150 }, (_, i) => {
          const what = random.below(share) > 0 ? "d" : random.below(2) > 0 ? "bad" : "odd";
          return `${what}${i}`;
        });
        for (const id of ids) {
          assert.ok(channel.send(delta(id)));
          if (random.below(20) === 0) {
            await channel.flush();
          }
        }
        const report = await channel.close();
        assert.deepEqual(
          applied,
          ids.filter((id) => id.startsWith("d")),
        );
        const refused = ids
          .map((id, index) => ({ id, index }))
          .filter(({ id }) => !id.startsWith("d"))
          .map(({ id, index }) =>
            id.startsWith("bad")
              ? { index, code: NOT_FOUND, message: `vector "${id}": is not there` }
              : { index, code: "OUT_OF_MEMORY", message: "too much" },
          );
        assert.deepEqual(report, {
          sent: 150,
          applied: applied.length,
          skipped: refused.slice(0, 100),
          skippedCount: refused.length,
          discarded: 0,
        });
      }
    });

    test("an error that names no delta is one delta's, if that alone is refused", async () => {
      await using both = local(shared);
      const { channel, applied } = both;
      for (const id of ["a", "b", "c", "odd", "d"]) {
        channel.send(delta(id));
      }
      await assert.rejects(channel.flush(), { code: "OUT_OF_MEMORY", index: 3 });
      assert.deepEqual(applied, ["a", "b", "c"]);
    });

    test("a database that is closed ends the channel, even with skip", async () => {
      await using both = local(shared, { onError: "skip" });
      const { channel } = both;
      channel.send(delta("a"));
      channel.send(delta("end"));
      await assert.rejects(channel.flush(), { code: "CLOSED", message: /database is closed/ });
      assert.throws(() => channel.send(delta("b")), { code: "CLOSED" });
    });

    test("a server that is closed tells the other end, and how much was applied for sure", async () => {
      await using both = local(shared);
      const { channel, server } = both;
      for (let i = 0; i < 10; i++) {
        channel.send(delta(`d${i}`));
      }
      await channel.flush();
      server.close();
      const closed = {
        code: "CLOSED",
        message: /is (closed|gone); 10 of 1[01] deltas .* for sure/,
      };
      await assert.rejects(
        (async () => {
          for (;;) {
            channel.send(delta("more"));
            await channel.flush();
          }
        })(),
        closed,
      );
      assert.throws(() => channel.send(delta("late")), { code: "CLOSED" });
      assert.equal((await server.closed).applied, 10);
    });

    test("a closed channel refuses; closing again gives the same report", async () => {
      await using both = local(shared);
      const { channel, server } = both;
      channel.send(delta("a"));
      const closing = channel.close();
      assert.equal(channel.close(), closing);
      const closed = { code: "CLOSED", message: "the channel is closed" };
      assert.throws(() => channel.send(delta("b")), closed);
      await assert.rejects(channel.flush(), closed);
      await assert.rejects(channel.ready(), closed);
      assert.equal((await closing).applied, 1);
      assert.equal((await server.closed).applied, 1);
      assert.throws(() => channel.send(delta("b")), closed);
    });

    test("await using closes a channel", async () => {
      const both = local(shared);
      {
        await using channel = both.channel;
        channel.send(delta("a"));
      }
      assert.deepEqual(both.applied, ["a"]);
      assert.equal((await both.server.closed).applied, 1);
    });

    test("who knows that the other thread is dead can say so", async () => {
      const { producer, consumer } = makeChannel(FORM, { shared });
      const channel = new DeltaChannel(producer);
      channel.send(delta("a"));
      const flush = channel.flush();
      channel.abort();
      await assert.rejects(flush, { code: "CLOSED", message: /has died; 0 of 1 deltas/ });
      assert.throws(() => channel.send(delta("b")), { code: "CLOSED" });
      consumer.port.close();
    });

    test("a consumer that is silent for the timeout counts as dead", async () => {
      const { producer, consumer } = makeChannel(FORM, { shared });
      const channel = new DeltaChannel(producer, { timeoutMs: 80 });
      channel.send(delta("a"));
      await assert.rejects(channel.flush(), { code: "CLOSED", message: /was silent for \d+ ms/ });
      assert.throws(() => channel.send(delta("b")), { code: "CLOSED" });
      consumer.port.close();
    });

    test("a consumer that works, or only answers, is not silent", async () => {
      await using both = local(shared, { timeoutMs: 60, capacity: 4096 });
      const { channel } = both;
      for (let i = 0; i < 20; i++) {
        while (!channel.send(delta(`d${i}`, 200))) {
          await channel.ready();
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.equal((await channel.close()).applied, 20);
    });

    test("a message that is none of a channel's fails it", async () => {
      for (const message of [
        null,
        { type: "other" },
        { type: "block", frames: "text", count: 1 },
        { type: "block", frames: new Uint8Array(20), count: 1 },
        { type: "flush", id: 0, sent: 99 },
      ]) {
        const { producer, consumer } = makeChannel(FORM, { shared });
        const server = new ChannelServer(consumer, () => assert.fail());
        const replies: { type: string; error: { code: string } }[] = [];
        producer.port.onmessage = ({ data }) => replies.push(data);
        producer.port.postMessage(message);
        while (replies.length === 0) {
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        assert.equal(replies[0].type, "failed");
        assert.equal(replies[0].error.code, "CORRUPT_DATA");
        server.close();
        producer.port.close();
      }
    });

    for (const where of ["main", "worker"]) {
      test(`100,000 deltas from a ${where} thread: none lost, doubled, torn, out of order`, async (t) => {
        const consumer = start(t, "channel-consumer");
        const ends = makeChannel(FORM, { shared, capacity: 2 ** 16 });
        const common = { seed: 11, most: 400 };
        const consume: Consume = { ...common, handle: ends.consumer, stalls: true };
        consumer.postMessage(consume, [transferable(ends.consumer.port)]);
        const options = { ...common, count: 100_000, stalls: true, blocking: false };
        let report: unknown;
        const consumed = once(consumer, "message") as Promise<[Consumed]>;
        if (where === "main") {
          report = await produce(options, new DeltaChannel(ends.producer));
        } else {
          const producer = start(t, "channel-producer");
          const message: Produce = { ...options, handle: ends.producer, blocking: shared };
          producer.postMessage(message, [transferable(ends.producer.port)]);
          [report] = await once(producer, "message");
        }
        assert.deepEqual(await consumed, [{ seen: 100_000, error: undefined }]);
        const counts = { sent: 100_000, applied: 100_000, discarded: 0 };
        assert.deepEqual(report, { ...counts, skipped: [], skippedCount: 0 });
      });
    }

    test("a consumer whose worker dies ends the channel, naming what was applied", async (t) => {
      for (const how of ["terminate", "exit"]) {
        const consumer = start(t, "channel-consumer");
        const ends = makeChannel(FORM, { shared, capacity: 4096 });
        const consume: Consume = {
          ...{ handle: ends.consumer, seed: 3, most: 20, stalls: false },
          dieAt: how === "exit" ? 5000 : -1,
        };
        consumer.postMessage(consume, [transferable(ends.consumer.port)]);
        const channel = new DeltaChannel(ends.producer);
        if (how === "terminate") {
          setTimeout(() => void consumer.terminate(), 300);
        }
        await assert.rejects(
          produce({ seed: 3, most: 20, count: 1e9, stalls: false, blocking: false }, channel),
          (error: DeltaError) => {
            assert.equal(error.code, "CLOSED");
            const [, applied, sent] = /gone; (\d+) of (\d+) deltas/.exec(error.message) ?? [];
            assert.ok(Number(applied) <= Number(sent));
            assert.ok(Number(sent) - Number(applied) < 400, error.message);
            return how === "terminate" || Number(applied) <= 5000;
          },
        );
      }
    });

    test("when a producer's worker dies, what it had sent is applied, and the channel ends", async (t) => {
      const ends = makeChannel(FORM, { shared, capacity: 2 ** 16 });
      const seen: string[] = [];
      const server = new ChannelServer(ends.consumer, (frames) => {
        seen.push(...readFrames(frames).map(({ id }) => id));
      });
      const producer = start(t, "channel-producer");
      const message: Produce = {
        ...{
          handle: ends.producer,
          seed: 5,
          most: 20,
          count: 1e9,
          stalls: false,
          blocking: shared,
        },
      };
      producer.postMessage(message, [transferable(ends.producer.port)]);
      while (seen.length < 2000) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await producer.terminate();
      const { applied } = await server.closed;
      assert.equal(applied, seen.length);
      assert.ok(seen.every((id, i) => id === String(i)));
    });
  });
}

test("a page's messages get in between while a channel is busy", async (t) => {
  const consumer = start(t, "channel-consumer");
  const ends = makeChannel(FORM);
  const common = { seed: 21, most: 400 };
  const consume: Consume = { ...common, handle: ends.consumer, stalls: true };
  consumer.postMessage(consume, [transferable(ends.consumer.port)]);
  const channel = new DeltaChannel(ends.producer);
  const work = produce({ ...common, count: 150_000, stalls: false, blocking: false }, channel);
  let answers = 0;
  let done = false;
  void work.then(() => {
    done = true;
  });
  const consumed = new Promise<Consumed>((resolve) => {
    consumer.on("message", (message: "yes" | Consumed) => {
      if (message !== "yes") {
        resolve(message);
      } else if (!done) {
        answers++;
        consumer.postMessage("are you there?");
      }
    });
  });
  consumer.postMessage("are you there?");
  await work;
  assert.equal((await consumed).seen, 150_000);
  // Were they to wait, there would be one at the beginning and none until the end.
  assert.ok(answers >= 3, `${answers} answers`);
});

test("without a ring a channel does not block", () => {
  const { producer, consumer } = makeChannel(FORM, { shared: false });
  const channel = new DeltaChannel(producer);
  assert.throws(() => channel.sendBlocking(delta("a")), { code: "UNSUPPORTED_PLATFORM" });
  channel.abort();
  consumer.port.close();
});

test("blocks of frames come back and are used again", async () => {
  const made: number[] = [];
  const Original = globalThis.ArrayBuffer;
  await using both = local(false, { capacity: 2 ** 16 });
  const { channel } = both;
  globalThis.ArrayBuffer = new Proxy(Original, {
    construct(target, [bytes]: [number]) {
      made.push(bytes);
      return new target(bytes);
    },
  });
  try {
    for (let round = 0; round < 30; round++) {
      while (channel.send(delta("a", 100)));
      await channel.flush();
    }
  } finally {
    globalThis.ArrayBuffer = Original;
  }
  const blocks = made.filter((bytes) => bytes === 2 ** 14).length;
  assert.ok(blocks >= 1 && blocks <= 4, `${blocks} blocks were made for 30 times as many`);
});

for (const leave of ["close", "vanish"] as const) {
  test(`nothing holds a channel or its ring any more after ${leave}`, async () => {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as () => void;
    const use = async (): Promise<WeakRef<object>[]> => {
      const { producer, consumer } = makeChannel({ compression: true, grid: 0 });
      const server = new ChannelServer(consumer, () => {});
      const channel = new DeltaChannel(producer);
      channel.send({ vectorId: "a", operation: { type: "delete" } });
      await channel.flush();
      await new Promise((resolve) => setTimeout(resolve, 20)); // the server sleeps
      if (leave === "close") {
        await channel.close();
      } else {
        producer.port.close();
      }
      await server.closed;
      return [producer.ring as object, server, channel].map((each) => new WeakRef(each));
    };
    const used = await use();
    for (let i = 0; i < 50 && used.some((each) => each.deref() !== undefined); i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      gc();
    }
    assert.deepEqual(
      used.map((each) => each.deref() !== undefined),
      [false, false, false],
    );
  });
}

test("options out of their range are refused", () => {
  const wrong = { code: "INVALID_ARGUMENT" };
  for (const capacity of [0, 5000, 2 ** 30, Number.NaN]) {
    for (const shared of [true, false]) {
      assert.throws(() => makeChannel(FORM, { capacity, shared }), wrong);
    }
  }
  const { producer, consumer } = makeChannel(FORM);
  assert.throws(() => new DeltaChannel(producer, { timeoutMs: 0 }), wrong);
  const onError = "explode" as ChannelErrorPolicy;
  assert.throws(() => new ChannelServer(consumer, () => {}, { onError }), wrong);
  producer.port.close();
});

/** In Node's types a port of the DOM is none of its own. */
function transferable(port: MessagePort): import("node:worker_threads").Transferable {
  return port as unknown as import("node:worker_threads").Transferable;
}

function framesOf(ids: readonly string[], values: number): Uint8Array {
  const block = new PlainBlock(8192);
  const writer = new FrameWriter(block, FORM);
  writer.begin();
  ids.forEach((id) => {
    writer.append(delta(id, values), -1, undefined);
  });
  return block.bytes.slice(writer.start, writer.start + writer.length);
}
