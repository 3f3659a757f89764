// A page that sends deltas to a worker, or has a worker send them to another.
import { DeltaChannel, makeChannel } from "../../src/channel.ts";
import type { Consume, Consumed } from "../support/channel-consumer.ts";
import { type Produce, produce } from "../support/produce.ts";

/** How a channel went. */
export interface ChannelOutcome {
  readonly shared: boolean;
  readonly report: unknown;
  readonly consumed: Consumed;
}

const common = { seed: 17, most: 400 };

function next<T>(worker: Worker): Promise<T> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data as T);
    worker.onerror = (event) => reject(new Error(event.message));
  });
}

function consumer(capacity: number) {
  const worker = new Worker("/consumer.js", { type: "module" });
  const ends = makeChannel({ compression: true, grid: 0 }, { capacity });
  const consume: Consume = { ...common, handle: ends.consumer, stalls: true };
  worker.postMessage(consume, [ends.consumer.port]);
  return { worker, handle: ends.producer };
}

/** Sends deltas, each checked on its arrival. */
async function run(count: number, inWorker: boolean): Promise<ChannelOutcome> {
  const { worker, handle } = consumer(2 ** 16);
  const consumed = next<Consumed>(worker);
  const shared = handle.ring !== undefined;
  const options = { ...common, count, stalls: true, blocking: false };
  let report: unknown;
  if (inWorker) {
    const producer = new Worker("/producer.js", { type: "module" });
    const message: Produce = { ...options, handle, blocking: shared };
    producer.postMessage(message, [handle.port]);
    report = await next(producer);
    producer.terminate();
  } else {
    report = await produce(options, new DeltaChannel(handle));
  }
  const outcome = { shared, report, consumed: await consumed };
  worker.terminate();
  return outcome;
}

/** Sends until the consumer's worker is terminated, of which no engine need tell; gives the error. */
async function terminate(): Promise<unknown> {
  const { worker, handle } = consumer(4096);
  const channel = new DeltaChannel(handle, { timeoutMs: 1000 });
  setTimeout(() => worker.terminate(), 500);
  try {
    return await produce({ ...common, count: 1e9, stalls: false, blocking: false }, channel);
  } catch (error) {
    const { name, code, message } = error as Error & { code: string };
    return { name, code, message };
  }
}

declare global {
  var channelPage: { run: typeof run; terminate: typeof terminate };
}

globalThis.channelPage = { run, terminate };
