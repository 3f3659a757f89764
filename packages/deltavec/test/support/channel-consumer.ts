// The consumer's end of channels, with an `apply` that checks what comes. In a worker of Node or a page.
import { type ChannelHandle, ChannelServer } from "../../src/channel.ts";
import { DeltaError } from "../../src/errors.ts";
import { NumberedChecker } from "./numbered.ts";
import { Random } from "./random.ts";
import { type ThreadPort, threadPort } from "./thread.ts";

/** How deltas are consumed. */
export interface Consume {
  readonly handle: ChannelHandle;
  /** Seed and most of the {@link NumberedDeltas}. */
  readonly seed: number;
  readonly most: number;
  /** Whether it stops now and then, for up to some milliseconds. */
  readonly stalls: boolean;
  /** Dies, as a worker does, at this delta. */
  readonly dieAt?: number;
}

/** What came. */
export interface Consumed {
  readonly seen: number;
  readonly error: string | undefined;
}

const port: ThreadPort = threadPort();

port.listen((message) => {
  if (message === "are you there?") {
    port.post("yes");
    return;
  }
  const { handle, seed, most, stalls, dieAt = -1 } = message as Consume;
  const checker = new NumberedChecker(seed, most);
  const random = new Random(seed + 1);
  let error: string | undefined;
  const server = new ChannelServer(
    handle,
    (frames, count) => {
      if (stalls && random.below(300) === 0) {
        const end = performance.now() + random.below(4);
        while (performance.now() < end);
      }
      if (dieAt >= 0 && checker.seen + count > dieAt) {
        port.die();
      }
      try {
        checker.check(frames, count);
      } catch (thrown) {
        error = String(thrown);
        throw new DeltaError("CORRUPT_DATA", error, { index: 0 });
      }
    },
    { onError: "stop" },
  );
  void server.closed.then(() => {
    const consumed: Consumed = { seen: checker.seen, error };
    port.post(consumed);
  });
});
