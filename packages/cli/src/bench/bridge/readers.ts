import type { RemoteDeltaVectorDB, VectorDelta } from "deltavec";
import type { ChurnData } from "../churn/vectors.ts";
import { K } from "../protocol.ts";
import { Edits } from "./edits.ts";
import { type ReaderFigures, type Spread, WRITES_PER_S } from "./protocol.ts";
import { type DeltaChannel, openRemote } from "./remote.ts";
import { inRounds, SHORT, spread } from "./spread.ts";
import type { Thread, Threads } from "./threads.ts";

/** Least milliseconds of searches without a pause. */
const SEARCH_MS = 200;
/** Milliseconds between two writes. */
const WRITE_MS = 2;
/** Milliseconds that threads count. */
const COUNT_MS = 50;

/** Something that takes deltas on their way to a database. */
interface Door {
  /** Takes deltas; returns how many. */
  send(deltas: readonly VectorDelta[]): number;
  /** Waits until all are applied; returns how many ever were. */
  settle(): Promise<number>;
}

/**
 * Measures part `readers`.
 */
export async function measureReaders(
  data: ChurnData,
  n: number,
  rounds: number,
  threads: Threads,
  tell: (doing: string) => Promise<void>,
): Promise<ReaderFigures> {
  const { worker } = threads;
  await tell("one reader");
  await using one = await openRemote(data, n, { worker, readers: 1, name: "one" });
  await tell("two readers");
  await using two = await openRemote(data, n, { worker, readers: 2, name: "two" });
  const { queries } = data;
  const edits = new Edits(data, n, 0x4ead, "large");
  const channel = byChannel(await two.channel());
  const calls = byCalls(two);
  const beside = async (door: Door): Promise<[qps: number, writes: number]> => {
    const writer = new Writer(door, edits);
    const qps = await rate(two, queries);
    const writes = await writer.stop();
    await two.repair(); // so that nobody else pays for it
    return [qps, writes];
  };
  const counters = [threads.counter(), threads.counter()] as const;
  const found = await inRounds(SHORT * rounds, async (r) => {
    await tell(`round ${r}`);
    const figures = {
      ...{ machine: 0, qps1: 0, qps2: 0 },
      ...{ channel: 0, channelWrites: 0, calls: 0, callsWrites: 0 },
    };
    const steps = [
      async () => {
        figures.machine = await capacity(counters);
      },
      async () => {
        figures.qps1 = await rate(one, queries);
      },
      async () => {
        figures.qps2 = await rate(two, queries);
      },
      async () => {
        [figures.channel, figures.channelWrites] = await beside(channel);
      },
      async () => {
        [figures.calls, figures.callsWrites] = await beside(calls);
      },
    ];
    // There and back, so that none is always the first.
    for (const step of r % 2 === 0 ? steps : steps.toReversed()) {
      await step();
    }
    return figures;
  });
  for (const counter of counters) {
    counter.end();
  }
  const { qps1, qps2, machine } = found;
  const written = (qps: Spread, writes_per_s: Spread): ReaderFigures["channel"] => ({
    qps,
    writes_per_s,
    loss: spread(qps.rounds.map((value, i) => 1 - value / qps2.rounds[i]!)),
  });
  return {
    qps1,
    qps2,
    speedup: spread(qps2.rounds.map((value, i) => value / qps1.rounds[i]!)),
    speedup_best: Math.max(...qps2.rounds) / Math.max(...qps1.rounds),
    machine,
    channel: written(found.channel, found.channelWrites),
    calls: written(found.calls, found.callsWrites),
  };
}

/** Queries in a second. */
async function rate(db: RemoteDeltaVectorDB, queries: readonly Float32Array[]): Promise<number> {
  let count = 0;
  const start = performance.now();
  let ms = 0;
  while (ms < SEARCH_MS) {
    const found = await db.searchBatch(queries, K);
    count += found.length;
    ms = performance.now() - start;
  }
  return (1000 * count) / ms;
}

/** What both threads do at a time, by what the first does alone. */
async function capacity([first, second]: readonly [Thread, Thread]): Promise<number> {
  const count = async (thread: Thread): Promise<number> => {
    const answer = thread.answer();
    thread.post(COUNT_MS, []);
    return Number(await answer);
  };
  const alone = await count(first);
  const [one, other] = await Promise.all([count(first), count(second)]);
  return (one + other) / alone;
}

function byChannel(channel: DeltaChannel): Door {
  return {
    send(deltas) {
      const full = deltas.findIndex((delta) => !channel.send(delta));
      return full < 0 ? deltas.length : full;
    },
    settle: async () => (await channel.flush()).applied,
  };
}

function byCalls(db: RemoteDeltaVectorDB): Door {
  let applied = 0;
  let last: Promise<void> = Promise.resolve();
  return {
    send(deltas) {
      const call = db.applyDeltas(deltas);
      last = Promise.all([last, call]).then(([, ids]) => {
        applied += ids.length;
      });
      return deltas.length;
    },
    async settle() {
      await last;
      return applied;
    },
  };
}

/** Sends deltas every {@link WRITE_MS} ms, from now on: as many as were due by then. */
class Writer {
  readonly #door: Door;
  readonly #edits: Edits;
  readonly #start = performance.now();
  readonly #running: Promise<number>;
  #sent = 0;
  #stopped = false;

  constructor(door: Door, edits: Edits) {
    this.#door = door;
    this.#edits = edits;
    this.#running = this.#run();
  }

  /** Ends it; gives the deltas that were applied in a second, by when it is told to end and those under way have arrived. */
  async stop(): Promise<number> {
    this.#stopped = true;
    return await this.#running;
  }

  async #run(): Promise<number> {
    const before = await this.#door.settle();
    while (!this.#stopped) {
      await pause(WRITE_MS);
      const due = Math.floor(((performance.now() - this.#start) * WRITES_PER_S) / 1000);
      const late = due - this.#sent;
      if (late > 0) {
        this.#sent += this.#door.send(this.#edits.make(late));
      }
    }
    const applied = (await this.#door.settle()) - before;
    return (1000 * applied) / (performance.now() - this.#start);
  }
}

const word = new Int32Array(new SharedArrayBuffer(4));

/** Waits some milliseconds; timers of pages are late by up to 4 when they are set again and again. */
async function pause(ms: number): Promise<void> {
  await Atomics.waitAsync(word, 0, 0, ms).value;
}
