import type { ConnectOptions, VectorDelta } from "deltavec";
import type { ChurnData } from "../churn/vectors.ts";
import { Edits } from "./edits.ts";
import { type ChannelFigures, MOVING, STREAMED, type StreamFigures } from "./protocol.ts";
import { type DeltaChannel, openRemote } from "./remote.ts";
import { inRounds, SHORT } from "./spread.ts";
import type { Threads } from "./threads.ts";

/** More bytes than a sparse delta takes: so many of them fit into a channel for sure. */
const ROOM = 130;
/** Deltas of all bursts of a round, for each vector of the database. */
const OFFERED = 4;

/**
 * Measures the parts `ring` and `messages`.
 *
 * @param worker - option `worker` of `connect`
 * @param shared - whether the channel is to use shared memory
 * @throws Error if it does not do so
 */
export async function measureChannel(
  data: ChurnData,
  n: number,
  rounds: number,
  worker: Threads["worker"],
  shared: boolean,
  tell: (doing: string) => Promise<void>,
): Promise<ChannelFigures> {
  const edits = new Edits(data, n, 0xc4a77e1);
  const large = new Edits(data, n, 0x1a46e, "large");
  await tell("without history");
  const { stream: plain, ...rest } = await measured(
    { worker, history: false },
    async (channel) => ({
      stream: await streams(channel, edits, STREAMED * n, rounds),
      capacity: channel.capacity,
      ...(await offers(channel, edits, n, rounds)),
    }),
  );
  await tell("with history");
  const history = await measured({ worker, history: true }, (channel) =>
    streams(channel, edits, STREAMED * n, rounds),
  );
  await tell("large edits");
  const moving = await measured({ worker, history: false }, (channel) =>
    streams(channel, large, MOVING * n, rounds),
  );
  return { ...rest, plain, history, moving };

  async function measured<T>(
    options: ConnectOptions,
    measure: (channel: DeltaChannel) => Promise<T>,
  ): Promise<T> {
    await using db = await openRemote(data, n, options);
    const channel = await db.channel({ shared });
    if (channel.shared !== shared) {
      throw new Error(`the channel is ${shared ? "not" : ""} over shared memory`);
    }
    const found = await measure(channel);
    const { sent, applied } = await channel.close();
    if (applied !== sent) {
      throw new Error(`${applied} of ${sent} deltas were applied`);
    }
    return found;
  }
}

/** Streams deltas, waiting wherever there is no room. */
async function streams(
  channel: DeltaChannel,
  edits: Edits,
  count: number,
  rounds: number,
): Promise<StreamFigures> {
  const times = await inRounds(rounds, async () => {
    const deltas = edits.make(count);
    const { ms, busy } = await stream(channel, deltas);
    return { applied_per_s: (1000 * count) / ms, main_thread_us: (1000 * busy) / count };
  });
  return { deltas: count, ...times };
}

/** Sends deltas; gives the milliseconds until all are applied, and those of this thread. */
async function stream(
  channel: DeltaChannel,
  deltas: readonly VectorDelta[],
): Promise<{ ms: number; busy: number }> {
  const start = performance.now();
  let since = start;
  let busy = 0;
  for (let next = 0; next < deltas.length; ) {
    while (next < deltas.length && channel.send(deltas[next]!)) {
      next++;
    }
    const ready = next < deltas.length ? channel.ready() : channel.flush();
    busy += performance.now() - since;
    await ready;
    since = performance.now();
  }
  return { ms: since - start, busy };
}

/** Sends bursts that fit, each to a channel that is empty. */
async function offers(
  channel: DeltaChannel,
  edits: Edits,
  n: number,
  rounds: number,
): Promise<Pick<ChannelFigures, "offered_per_s" | "burst">> {
  const burst = Math.min(Math.floor(channel.capacity / ROOM), OFFERED * n);
  const { offered_per_s } = await inRounds(SHORT * rounds, async () => {
    let count = 0;
    let ms = 0;
    while (count < OFFERED * n) {
      const deltas = edits.make(burst);
      const start = performance.now();
      let sent = 0;
      while (sent < burst && channel.send(deltas[sent]!)) {
        sent++;
      }
      ms += performance.now() - start;
      count += sent;
      await channel.flush();
      if (sent < burst) {
        throw new Error(`of ${burst} deltas that fit, ${sent} were taken`);
      }
    }
    return { offered_per_s: (1000 * count) / ms };
  });
  return { offered_per_s, burst };
}
