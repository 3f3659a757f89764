// Streams of deltas: batches, policies, places, the end of the source and of the reader's patience.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DeltaError,
  DeltaStreamProcessor,
  DeltaVectorDB,
  init,
  type SkippedDelta,
  type StreamItem,
  type StreamProgress,
  type StreamTarget,
  type VectorDelta,
} from "deltavec";
import { encodeDeltas } from "deltavec/streams";
import fc from "fast-check";
import { create, offset, story, until } from "./support/deltas.ts";

await init();

const newDb = (): DeltaVectorDB =>
  new DeltaVectorDB({ dimensions: 3, now: () => 1_700_000_000_000 });

const ids = (count: number, from = 0): VectorDelta[] =>
  Array.from({ length: count }, (_, i) => create(`v${from + i}`, i));

async function* later(items: Iterable<StreamItem>): AsyncGenerator<StreamItem> {
  yield* items;
}

/** A target with promises, as a database in a worker is: takes its time, and notes the batches. */
class SlowTarget implements StreamTarget {
  readonly db: DeltaVectorDB = newDb();
  readonly batches: number[] = [];
  underWay = 0;
  mostUnderWay = 0;

  async applyDeltas(deltas: readonly VectorDelta[]): Promise<string[]> {
    this.underWay++;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    this.batches.push(deltas.length);
    await new Promise((resolve) => setTimeout(resolve, 5));
    this.underWay--;
    return this.db.applyDeltas(deltas);
  }
}

for (const [name, source] of [
  ["an array", (deltas: VectorDelta[]) => deltas],
  ["a generator", (deltas: VectorDelta[]) => deltas.values()],
  ["an asynchronous generator", later],
  ["a ReadableStream", (deltas: VectorDelta[]) => new Response(encodeDeltas(deltas)).body!],
] as const) {
  test(`all deltas of ${name} are applied`, async () => {
    const deltas = story(1, 3000);
    const expected = newDb();
    expected.applyDeltas(deltas);
    const db = newDb();
    const processor = new DeltaStreamProcessor(db);
    assert.equal(await processor.streamDeltas(source(deltas)), 3000);
    assert.equal(db.stateDigest(), expected.stateDigest());
    assert.equal(processor.cursor, 3000);
  });
}

test("an empty source applies nothing", async () => {
  const processor = new DeltaStreamProcessor(newDb());
  assert.equal(await processor.streamDeltas(later([])), 0);
  assert.equal(processor.cursor, undefined);
});

test("a database behind promises gets one batch at a time, while the next is collected", async () => {
  const target = new SlowTarget();
  const deltas = story(2, 3000);
  assert.equal(await new DeltaStreamProcessor(target).streamDeltas(later(deltas)), 3000);
  const expected = newDb();
  expected.applyDeltas(deltas);
  assert.equal(target.db.stateDigest(), expected.stateDigest());
  assert.equal(target.mostUnderWay, 1);
  assert.ok(target.batches.length < 20, `${target.batches}`);
});

test("a source that has nothing ready is not waited for", async () => {
  const db = newDb();
  let go = (): void => {};
  const wait = new Promise<void>((resolve) => {
    go = resolve;
  });
  const done = new DeltaStreamProcessor(db).streamDeltas(
    (async function* () {
      yield* ids(3);
      await wait;
      yield create("last");
    })(),
    { maxDelayMs: 1e9, targetMs: 1e9 },
  );
  await until(() => db.size === 3, "the first three");
  go();
  assert.equal(await done, 4);
});

test("a source that is always ready fills batches, up to maxCount", async () => {
  const batches: number[] = [];
  await new DeltaStreamProcessor(newDb()).streamDeltas(later(ids(2000)), {
    maxCount: 150,
    targetMs: Number.POSITIVE_INFINITY,
    maxDelayMs: 1e9,
    onProgress: ({ batch }) => batches.push(batch),
  });
  assert.equal(Math.max(...batches), 150);
  assert.equal(batches.slice(0, -1).at(-1), 150);
});

test("batches hold no more than maxBytes", async () => {
  const batches: number[] = [];
  await new DeltaStreamProcessor(newDb()).streamDeltas(ids(50), {
    maxBytes: 100, // a delta takes about 30
    onProgress: ({ batch }) => batches.push(batch),
  });
  assert.equal(Math.max(...batches), 3);
});

test("the pool's size bounds batches, as a number and as an option", async () => {
  for (const pool of [100, { poolSize: 100 }]) {
    const batches: number[] = [];
    await new DeltaStreamProcessor(newDb(), pool).streamDeltas(ids(50), {
      onProgress: ({ batch }) => batches.push(batch),
    });
    assert.equal(Math.max(...batches), 3);
  }
});

test("a delta that is larger than a batch may be is a batch of its own", async () => {
  const db = newDb();
  const metadata = { text: "x".repeat(5000) };
  const large = { ...create("large"), metadata };
  assert.equal(await new DeltaStreamProcessor(db, 100).streamDeltas([...ids(4), large]), 5);
  assert.deepEqual(db.getMetadata("large"), metadata);
});

test("deltas that take long come in small batches, as targetMs says", async () => {
  const batches: number[] = [];
  const target = {
    applyDeltas(deltas: readonly VectorDelta[]) {
      batches.push(deltas.length);
      for (const end = performance.now() + deltas.length; performance.now() < end; ) {
        // A millisecond each.
      }
    },
  };
  await new DeltaStreamProcessor(target).streamDeltas(ids(200), { targetMs: 2 });
  assert.ok(Math.max(...batches.slice(4)) <= 8, `${batches}`);
});

test("a delta does not wait longer than maxDelayMs while more come", async () => {
  const batches: number[] = [];
  const slow = function* (): Generator<VectorDelta> {
    for (const delta of ids(20)) {
      for (const end = performance.now() + 2; performance.now() < end; ) {
        // Two milliseconds each.
      }
      yield delta;
    }
  };
  await new DeltaStreamProcessor(newDb()).streamDeltas(slow(), {
    maxDelayMs: 5,
    onProgress: ({ batch }) => batches.push(batch),
  });
  assert.ok(Math.max(...batches) <= 5, `${batches}`);
});

test("between batches the event loop has its turn", async () => {
  let turns = 0;
  let timer = setImmediate(function turn() {
    turns++;
    timer = setImmediate(turn);
  });
  await new DeltaStreamProcessor(newDb()).streamDeltas(ids(2000), { maxCount: 10 });
  clearImmediate(timer);
  assert.ok(turns >= 200, `${turns}`);
});

test("progress adds up, and says the place", async () => {
  const db = newDb();
  const all: StreamProgress[] = [];
  await new DeltaStreamProcessor(db).streamDeltas([...ids(100), create("v0"), ...ids(100, 100)], {
    maxCount: 30,
    onError: "skip",
    onProgress: (progress) => all.push(progress),
  });
  let sum = 0;
  for (const { applied, batch, cursor, skipped, bytes } of all) {
    sum += batch;
    assert.equal(applied, sum);
    assert.equal(cursor, applied + skipped);
    assert.ok(bytes >= applied * 28);
  }
  assert.deepEqual([all.at(-1)!.applied, all.at(-1)!.skipped], [200, 1]);
});

const rejection = async (promise: Promise<unknown>): Promise<DeltaError> => {
  const error = await promise.then(
    () => assert.fail("nothing was thrown"),
    (error: unknown) => error,
  );
  return error as DeltaError;
};

for (const target of ["direct", "behind promises"]) {
  const make = (): { db: DeltaVectorDB; target: StreamTarget } => {
    if (target === "direct") {
      const db = newDb();
      return { db, target: db };
    }
    const slow = new SlowTarget();
    return { db: slow.db, target: slow };
  };

  test(`stop, ${target}: all before the offending delta is applied, and nothing behind it`, async () => {
    for (const bad of [0, 1, 7, 31, 32, 500, 999]) {
      const { db, target } = make();
      const deltas = ids(1000);
      deltas[bad] = offset("nobody");
      const processor = new DeltaStreamProcessor(target);
      const error = await rejection(processor.streamDeltas(later(deltas)));
      assert.ok(error instanceof DeltaError);
      assert.equal(error.code, "VECTOR_NOT_FOUND");
      assert.equal(error.index, bad);
      assert.match(error.message, new RegExp(`^delta ${bad}: .*nobody`));
      assert.deepEqual(
        [...db.ids()].sort(),
        ids(bad)
          .map(({ vectorId }) => vectorId)
          .sort(),
      );
      assert.equal(processor.cursor, bad === 0 ? undefined : bad);
    }
  });

  test(`skip, ${target}: all but the offending deltas are applied, and these are reported`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { maxLength: 200 }),
        fc.integer({ min: 1, max: 60 }),
        async (good, maxCount) => {
          const { db, target } = make();
          const deltas = good.map((isGood, i) => (isGood ? create(`v${i}`) : offset(`n${i}`)));
          const skipped: SkippedDelta[] = [];
          const processor = new DeltaStreamProcessor(target);
          const applied = await processor.streamDeltas(later(deltas), {
            maxCount,
            onError: "skip",
            onSkip: (delta) => skipped.push(delta),
          });
          const bad = good.flatMap((isGood, i) => (isGood ? [] : [i]));
          assert.equal(applied, good.length - bad.length);
          assert.equal(db.size, applied);
          assert.deepEqual(
            skipped.map(({ index, vectorId, code }) => ({ index, vectorId, code })),
            bad.map((index) => ({ index, vectorId: `n${index}`, code: "VECTOR_NOT_FOUND" })),
          );
          assert.equal(processor.cursor, good.length === 0 ? undefined : good.length);
        },
      ),
      { numRuns: target === "direct" ? 50 : 8 },
    );
  });
}

test("skip tells of deltas that are no deltas at all", async () => {
  const skipped: SkippedDelta[] = [];
  const junk = [
    null,
    7,
    "x",
    {},
    { vectorId: 5 },
    { vectorId: "a" },
    { vectorId: "a", operation: {} },
  ];
  const applied = await new DeltaStreamProcessor(newDb()).streamDeltas(
    [create("a"), ...junk, create("b")] as VectorDelta[],
    { onError: "skip", onSkip: (delta) => skipped.push(delta) },
  );
  assert.equal(applied, 2);
  assert.deepEqual(
    skipped.map(({ index, code }) => [index, code]),
    junk.map((_, i) => [i + 1, "INVALID_ARGUMENT"]),
  );
});

test("skip ends when the database is closed", async () => {
  const db = newDb();
  const error = await rejection(
    new DeltaStreamProcessor(db).streamDeltas(
      (async function* () {
        yield* ids(10);
        await until(() => db.size === 10);
        db.close();
        yield* ids(10, 10);
      })(),
      { onError: "skip" },
    ),
  );
  assert.equal(error.code, "CLOSED");
});

test("what the source throws comes as it is, when all before it is applied", async () => {
  const db = newDb();
  const mine = new RangeError("mine");
  const processor = new DeltaStreamProcessor(db);
  const error = await rejection(
    processor.streamDeltas(
      (async function* () {
        yield* ids(100);
        throw mine;
      })(),
    ),
  );
  assert.equal(error, mine);
  assert.equal(db.size, 100);
  assert.equal(processor.cursor, 100);
});

test("what a callback throws ends the stream", async () => {
  const mine = new Error("mine");
  for (const name of ["onProgress", "onSkip"]) {
    const error = await rejection(
      new DeltaStreamProcessor(newDb()).streamDeltas([create("a"), create("a")], {
        onError: "skip",
        [name]: () => {
          throw mine;
        },
      }),
    );
    assert.equal(error, mine);
  }
});

/** A source that notes whether it was closed. */
class Source implements AsyncIterableIterator<VectorDelta> {
  closed = 0;
  #next = 0;
  readonly #end: number;

  constructor(end: number) {
    this.#end = end;
  }

  async next(): Promise<IteratorResult<VectorDelta, undefined>> {
    if (this.#next === this.#end) {
      return new Promise(() => {}); // for ever
    }
    return { done: false, value: create(`v${this.#next++}`) };
  }

  async return(): Promise<IteratorResult<VectorDelta, undefined>> {
    this.closed++;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

test("a signal ends a stream that waits; what was applied stays, and the source is closed", async () => {
  const db = newDb();
  const source = new Source(50);
  const controller = new AbortController();
  const processor = new DeltaStreamProcessor(db);
  const done = processor.streamDeltas(source, { signal: controller.signal });
  await until(() => db.size === 50);
  const reason = new Error("enough");
  controller.abort(reason);
  assert.equal(await rejection(done), reason);
  assert.equal(source.closed, 1);
  assert.equal(processor.cursor, 50);
  assert.equal(db.size, 50);
});

test("a signal ends a stream in the middle, with a place that is right", async () => {
  const target = new SlowTarget();
  const controller = new AbortController();
  const source = new Source(100_000);
  const processor = new DeltaStreamProcessor(target);
  const done = processor.streamDeltas(source, {
    signal: controller.signal,
    onProgress: ({ applied }) => applied > 200 && controller.abort(),
  });
  assert.equal((await rejection(done)).name, "AbortError");
  assert.equal(source.closed, 1);
  assert.equal(processor.cursor, target.db.size);
  const { size } = target.db;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(target.db.size, size);
});

test("a signal that is aborted already lets nothing be read", async () => {
  const source = new Source(10);
  const error = await rejection(
    new DeltaStreamProcessor(newDb()).streamDeltas(source, { signal: AbortSignal.abort() }),
  );
  assert.equal(error.name, "AbortError");
  assert.equal(source.closed, 0);
});

test("a refused delta closes the source", async () => {
  const source = new Source(1);
  const db = newDb();
  db.applyDelta(create("v0"));
  assert.equal(
    (await rejection(new DeltaStreamProcessor(db).streamDeltas(source))).code,
    "VECTOR_EXISTS",
  );
  assert.equal(source.closed, 1);
});

test("a stream of many deltas leaves no listener at its signal", async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = function (...args: Parameters<typeof addEventListener>) {
    listeners++;
    addEventListener.apply(this, args);
  };
  signal.removeEventListener = function (...args: Parameters<typeof removeEventListener>) {
    listeners--;
    removeEventListener.apply(this, args);
  };
  await new DeltaStreamProcessor(newDb()).streamDeltas(later(ids(100)), { signal });
  assert.equal(listeners, 0);
});

test("cursors of the source are those of the processor", async () => {
  const db = newDb();
  const processor = new DeltaStreamProcessor(db);
  const parts = ids(3).map((delta, i) => ({ delta, cursor: `place ${i}` }));
  await processor.streamDeltas(later(parts), { cursor: "before" });
  assert.equal(processor.cursor, "place 2");
});

test("a source without cursors is passed over up to the number given", async () => {
  const deltas = story(3, 500);
  const expected = newDb();
  expected.applyDeltas(deltas);
  const db = newDb();
  const processor = new DeltaStreamProcessor(db);
  const broken = [...deltas.slice(0, 321), offset("nobody"), ...deltas.slice(321)];
  await rejection(processor.streamDeltas(later(broken)));
  assert.equal(processor.cursor, 321);
  const applied = await processor.streamDeltas(later(deltas), { cursor: processor.cursor });
  assert.equal(applied, 179);
  assert.equal(db.stateDigest(), expected.stateDigest());
  assert.equal(processor.cursor, 500);
});

test("cut at any place and resumed, a stream gives the same state", async () => {
  const deltas = story(4, 300);
  const expected = newDb();
  expected.applyDeltas(deltas);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 4 }),
      fc.integer({ min: 1, max: 100 }),
      fc.boolean(),
      async (cuts, maxCount, frames) => {
        const db = newDb();
        const processor = new DeltaStreamProcessor(db);
        for (const cut of [...cuts, undefined]) {
          const source = (async function* (): AsyncGenerator<StreamItem> {
            for (let i = 0; i < deltas.length; i += 7) {
              const part = deltas.slice(i, Math.min(i + 7, cut ?? i + 7));
              yield* frames ? [encodeDeltas(part)] : part;
              if (cut !== undefined && i + 7 >= cut) {
                throw new Error("cut");
              }
            }
          })();
          const options = { maxCount, cursor: processor.cursor };
          await processor.streamDeltas(source, options).catch((error: Error) => {
            assert.equal(error.message, "cut");
          });
        }
        assert.equal(db.stateDigest(), expected.stateDigest());
      },
    ),
    { numRuns: 60 },
  );
});

test("frames are applied and merged as what they are", async () => {
  const other = newDb();
  other.applyDeltas(ids(5));
  const db = newDb();
  const applied = await new DeltaStreamProcessor(db).streamDeltas([
    create("first"),
    encodeDeltas([create("a"), create("b")]),
    other.deltasSince(),
    other.deltasSince(),
    { delta: encodeDeltas([offset("v0")]), cursor: 7 },
  ]);
  assert.equal(applied, 9);
  assert.equal(db.size, 8);
  assert.deepEqual([...db.getVector("v0")!], [1, 2, 3]);
});

test("frames of a replica that are broken are refused as one, with their number", async () => {
  const other = newDb();
  other.applyDeltas(ids(5));
  const broken = other.deltasSince();
  broken[broken.length - 1]! ^= 1;
  for (const onError of ["stop", "skip"] as const) {
    const db = newDb();
    const skipped: SkippedDelta[] = [];
    const done = new DeltaStreamProcessor(db).streamDeltas(
      [create("a"), create("b"), broken, create("c")],
      { onError, onSkip: (delta) => skipped.push(delta) },
    );
    if (onError === "stop") {
      const { code, index } = await rejection(done);
      assert.deepEqual([code, index], ["CORRUPT_DATA", 2]);
      assert.equal(db.size, 2);
    } else {
      assert.equal(await done, 3);
      assert.deepEqual(
        skipped.map(({ index, vectorId, code }) => [index, vectorId, code]),
        [[2, undefined, "CORRUPT_DATA"]],
      );
    }
  }
});

test("frames that are broken: all before the first is applied, and the rest of them is passed over or not read", async () => {
  const frames = encodeDeltas([create("a"), create("b"), create("c")]);
  frames[frames.length - 1]! ^= 1;
  for (const onError of ["stop", "skip"] as const) {
    const db = newDb();
    const skipped: SkippedDelta[] = [];
    const processor = new DeltaStreamProcessor(db);
    const done = processor.streamDeltas([create("x"), frames, create("y")], {
      onError,
      onSkip: (delta) => skipped.push(delta),
    });
    if (onError === "stop") {
      const { code, index } = await rejection(done);
      assert.deepEqual([code, index], ["CORRUPT_DATA", 3]);
      assert.deepEqual([...db.ids()].sort(), ["a", "b", "x"]);
      assert.equal(processor.cursor, 3);
    } else {
      assert.equal(await done, 4);
      assert.deepEqual(
        skipped.map(({ index, code }) => [index, code]),
        [[3, "CORRUPT_DATA"]],
      );
      assert.equal(processor.cursor, 5);
    }
  }
});

test("frames of a replica need a database that merges", async () => {
  const other = newDb();
  other.applyDelta(create("a"));
  const error = await rejection(
    new DeltaStreamProcessor(new SlowTarget()).streamDeltas([other.deltasSince()]),
  );
  assert.equal(error.code, "INVALID_ARGUMENT");
});

test("a processor has one stream at a time, and another when that has ended", async () => {
  const processor = new DeltaStreamProcessor(newDb());
  const first = processor.streamDeltas(later(ids(10)));
  assert.equal((await rejection(processor.streamDeltas([]))).code, "INVALID_ARGUMENT");
  await first;
  assert.equal(await processor.streamDeltas(ids(3, 10)), 3);
});

test("getVectorView is the database's, where that is on this thread", () => {
  const db = newDb();
  db.applyDelta(create("a", 7));
  const processor = new DeltaStreamProcessor(db);
  assert.deepEqual([...processor.getVectorView("a")!], [7, 1, 2]);
  assert.equal(processor.getVectorView("b"), null);
  assert.throws(() => new DeltaStreamProcessor(new SlowTarget()).getVectorView("a"), {
    code: "INVALID_ARGUMENT",
  });
});

test("wrong arguments are named", async () => {
  const db = newDb();
  for (const [target, pool] of [[undefined], [{}], [db, 0], [db, 1.5], [db, { poolSize: "x" }]]) {
    assert.throws(() => new DeltaStreamProcessor(target as DeltaVectorDB, pool as number), {
      code: "INVALID_ARGUMENT",
    });
  }
  const processor = new DeltaStreamProcessor(db);
  const wrong: [string, object | null][] = [
    ["options", null],
    ["maxCount", { maxCount: 0 }],
    ["maxBytes", { maxBytes: 0.5 }],
    ["targetMs", { targetMs: 0 }],
    ["maxDelayMs", { maxDelayMs: -1 }],
    ["onError", { onError: "retry" }],
    ["onSkip", { onSkip: 1 }],
    ["onProgress", { onProgress: {} }],
    ["cursor", { cursor: {} }],
    ["signal", { signal: 1 }],
  ];
  for (const [name, options] of wrong) {
    const error = await rejection(processor.streamDeltas([], options as object));
    assert.equal(error.code, "INVALID_ARGUMENT", name);
    assert.match(error.message, new RegExp(name));
  }
  for (const source of [undefined, null, 7, {}, "text"]) {
    const error = await rejection(processor.streamDeltas(source as unknown as VectorDelta[]));
    assert.equal(error.code, "INVALID_ARGUMENT");
    assert.match(error.message, /source/);
  }
});

test("subscribers see the deltas of a stream, and may change the database meanwhile", async () => {
  const db = newDb();
  const seen: string[] = [];
  db.onDelta(({ vectorId }) => {
    seen.push(vectorId);
    if (vectorId === "v5") {
      db.applyDelta(create("mine"));
    }
  });
  assert.equal(await new DeltaStreamProcessor(db).streamDeltas(ids(100)), 100);
  assert.deepEqual(
    seen.filter((id) => id !== "mine"),
    ids(100).map(({ vectorId }) => vectorId),
  );
  assert.ok(seen.includes("mine"));
});

test("two streams into one database at the same time do not disturb each other", async () => {
  const db = newDb();
  const applied = await Promise.all(
    [0, 1, 2].map((i) =>
      new DeltaStreamProcessor(db, 200 * (i + 1)).streamDeltas(later(ids(500, 1000 * i))),
    ),
  );
  assert.deepEqual(applied, [500, 500, 500]);
  assert.equal(db.size, 1500);
});

test("a database on a grid takes streams as it takes batches", async () => {
  const options = { dimensions: 3, precision: { grid: 100 }, now: () => 1_700_000_000_000 };
  const deltas = story(12, 300);
  const [one, other] = [new DeltaVectorDB(options), new DeltaVectorDB(options)];
  one.applyDeltas(deltas);
  await new DeltaStreamProcessor(other).streamDeltas(deltas);
  assert.equal(other.stateDigest(), one.stateDigest());
});
