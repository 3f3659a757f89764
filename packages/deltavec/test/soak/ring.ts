// Sends deltas of random sizes through a ring to a worker, with random stalls on either side, and checks each of them.
// Run by hand: node test/soak/ring.ts [deltas, default 1,000,000] [seed] [bytes of the ring, default 65,536]
import { once } from "node:events";
import { type Transferable, Worker } from "node:worker_threads";
import { DeltaChannel, makeChannel } from "../../src/channel.ts";
import type { Consume, Consumed } from "../support/channel-consumer.ts";
import { produce } from "../support/produce.ts";

const [count = 1_000_000, seed = 1, capacity = 2 ** 16] = process.argv.slice(2).map(Number);
const common = { seed, most: 400 };
const consumer = new Worker(new URL("../support/channel-consumer.ts", import.meta.url));
const ends = makeChannel({ compression: true, grid: 0 }, { capacity });
const consume: Consume = { ...common, handle: ends.consumer, stalls: true };
consumer.postMessage(consume, [ends.consumer.port as unknown as Transferable]);
const start = performance.now();
const consumed = once(consumer, "message") as Promise<[Consumed]>;
const channel = new DeltaChannel(ends.producer);
const report = await produce({ ...common, count, stalls: true, blocking: false }, channel);
const [{ seen, error }] = await consumed;
const seconds = (performance.now() - start) / 1000;
await consumer.terminate();
console.log({ seed, capacity, seconds: Math.round(seconds), seen, error, report });
if (seen !== count || report.applied !== count || error !== undefined) {
  throw new Error(`${count} deltas were sent, ${seen} came as they should`);
}
