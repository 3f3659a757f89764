// Channels by a ring where the engine has no promises for shared words: both sides are woken by messages.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { type Transferable, Worker } from "node:worker_threads";
import type { Consume } from "./support/channel-consumer.ts";
import { produce } from "./support/produce.ts";

const WITHOUT = "data:text/javascript,delete Atomics.waitAsync;";

// Before the module is loaded that looks for it.
delete (Atomics as Partial<typeof Atomics>).waitAsync;
const { DeltaChannel, makeChannel } = await import("../src/channel.ts");

test("100,000 deltas: none lost, doubled, torn, out of order", async (t) => {
  const worker = new Worker(new URL("./support/channel-consumer.ts", import.meta.url), {
    execArgv: ["--import", WITHOUT],
  });
  t.after(() => worker.terminate());
  const ends = makeChannel({ compression: true, grid: 0 }, { capacity: 2 ** 15 });
  const common = { seed: 31, most: 400 };
  const consume: Consume = { ...common, handle: ends.consumer, stalls: true };
  worker.postMessage(consume, [ends.consumer.port as unknown as Transferable]);
  const consumed = once(worker, "message");
  const types = new Set<string>();
  ends.producer.port.addEventListener("message", ({ data }) => {
    types.add(data.type);
  });
  const { postMessage } = ends.producer.port;
  ends.producer.port.postMessage = function (this: MessagePort, message: { type: string }) {
    types.add(message.type);
    postMessage.call(this, message);
  };
  const channel = new DeltaChannel(ends.producer);
  const options = { ...common, count: 100_000, stalls: true, blocking: false };
  assert.equal((await produce(options, channel)).applied, 100_000);
  assert.deepEqual(await consumed, [{ seen: 100_000, error: undefined }]);
  assert.ok(types.has("room") && types.has("wake"), [...types].join());
});

test("a delta sent now and then wakes the consumer each time", async () => {
  const { producer, consumer } = makeChannel({ compression: true, grid: 0 });
  const { ChannelServer } = await import("../src/channel.ts");
  let applied = 0;
  const server = new ChannelServer(consumer, (_frames, count) => {
    applied += count;
  });
  const channel = new DeltaChannel(producer);
  for (let i = 1; i <= 20; i++) {
    channel.send({ vectorId: "a", operation: { type: "delete" } });
    while (applied < i) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await new Promise((resolve) => setTimeout(resolve, i % 3));
  }
  assert.equal((await channel.close()).applied, 20);
  assert.equal((await server.closed).applied, 20);
});
