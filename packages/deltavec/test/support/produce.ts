import type { ChannelHandle, ChannelReport, DeltaChannel } from "../../src/channel.ts";
import { NumberedDeltas } from "./numbered.ts";
import { Random } from "./random.ts";

/** What is sent by a channel. */
export interface Produce {
  readonly handle: ChannelHandle;
  /** Seed and most of the {@link NumberedDeltas}. */
  readonly seed: number;
  readonly most: number;
  readonly count: number;
  /** Whether it stops now and then, for up to some milliseconds. */
  readonly stalls: boolean;
  /** Whether the thread stops where there is no room. */
  readonly blocking: boolean;
}

/** Sends so many deltas; gives the report at the channel's end. */
export async function produce(
  { seed, most, count, stalls, blocking }: Omit<Produce, "handle">,
  channel: DeltaChannel,
): Promise<ChannelReport> {
  const deltas = new NumberedDeltas(seed, most);
  const random = new Random(seed + 2);
  for (let i = 0; i < count; i++) {
    const delta = deltas.next();
    if (blocking) {
      channel.sendBlocking(delta);
    } else {
      while (!channel.send(delta)) {
        await channel.ready();
      }
    }
    if (stalls && random.below(2000) === 0) {
      if (random.below(4) === 0) {
        await channel.flush();
      } else {
        await new Promise((resolve) => setTimeout(resolve, random.below(4)));
      }
    }
  }
  return channel.close();
}
