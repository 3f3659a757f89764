import { DeltaChannel, makeChannel } from "../../../../deltavec/src/channel.ts";
import type { Consume, Consumed } from "../../../../deltavec/test/support/channel-consumer.ts";
import { produce } from "../../../../deltavec/test/support/produce.ts";
import type { SoakFigures } from "./protocol.ts";
import type { Thread } from "./threads.ts";

/** Bytes of the ring: some hundreds of frames, so that it is often full. */
const CAPACITY = 2 ** 16;
/** Seed of sizes and stalls, and the most values of a delta. */
const SEED = 1;
const MOST = 400;

/**
 * Measures part `soak`: the helpers of the package's own soak test, from this thread to another.
 *
 * @param frames - how many are sent
 */
export async function measureSoak(frames: number, thread: Thread): Promise<SoakFigures> {
  try {
    const form = { compression: true, grid: 0 };
    const { producer, consumer } = makeChannel(form, { capacity: CAPACITY });
    if (producer.ring === undefined) {
      throw new Error("there is no shared memory for a ring");
    }
    const common = { seed: SEED, most: MOST, stalls: true };
    const consume: Consume = { ...common, handle: consumer };
    const start = performance.now();
    const answer = thread.answer() as Promise<Consumed>;
    thread.post(consume, [consumer.port]);
    const channel = new DeltaChannel(producer);
    let failure: string | undefined;
    try {
      await produce({ ...common, count: frames, blocking: false }, channel);
    } catch (thrown) {
      // The consumer has refused a frame, or is dead; at its end it says how far it came.
      failure = String(thrown);
      await channel.close().catch(() => undefined);
    }
    const { seen, error = failure } = await answer;
    const seconds = (performance.now() - start) / 1000;
    return { frames, seen, faults: faults(frames, seen, error), error: error ?? null, seconds };
  } finally {
    thread.end();
  }
}

/**
 * How many frames did not come as they should: lost, doubled or torn. The first ends the run: those behind it count, too.
 *
 * @param frames - how many were sent
 * @param seen - how many came, each once, whole, and in order
 * @param error - what was wrong with the next
 */
export function faults(frames: number, seen: number, error: string | undefined): number {
  return Math.max(Math.abs(frames - seen), error === undefined ? 0 : 1);
}
