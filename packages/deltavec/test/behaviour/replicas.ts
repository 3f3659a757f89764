import type { DeltaDBOptions, VectorDelta } from "../../src/types.ts";
import { check, fails, same } from "./check.ts";
import { create, dense, offset, remove, replicaOf, scale, sequenceOf, timeOf } from "./deltas.ts";
import { type Bench, type Face, listed } from "./face.ts";

const T = 1_700_000_000_000;

/** Merging: several replicas of the same vectors. */
export function replicas({ test, open }: Bench): void {
  const replica = (number: number, options: DeltaDBOptions = {}): Promise<Face> =>
    Promise.resolve(
      open({
        dimensions: 2,
        checkpointInterval: 3,
        replicaId: number.toString(16).padStart(12, "0"),
        ...options,
      }),
    );
  const timed = (delta: VectorDelta, time: number): VectorDelta => ({
    ...delta,
    timestamp: new Date(T + time),
  });
  /** Brings to the second what the first has. */
  const push = async (from: Face, to: Face): Promise<number> =>
    (await to.merge(await from.deltasSince(await to.cursor()))).merged;
  const agree = async (...all: Face[]): Promise<void> => {
    const digest = await all[0].stateDigest();
    for (const db of all.slice(1)) {
      same(await db.stateDigest(), digest, "digest");
    }
  };

  test("two databases get to the same state with two calls", async () => {
    const one = await replica(1);
    const two = await replica(2);
    await one.applyDeltas([{ ...create("a", 1, 2), metadata: { by: 1 } }, scale("a", 3)]);
    await two.applyDeltas([create("b", 5, 6), { ...offset("b", 1), metadata: { by: 2 } }]);
    same(await push(one, two), 2, "merged");
    same(await push(two, one), 2, "merged");
    await agree(one, two);
    same(await one.getVector("b"), Float32Array.of(6, 7));
    same(await two.getMetadata("a"), { by: 1 });
    same((await listed(two)).sort(), ["a", "b"]);
    same(await two.position, 4, "position");
    const hits = await two.search(Float32Array.of(3, 6), 2);
    same(hits[0].id, "a");
    same(await push(one, two), 0, "merged again");
    same((await one.deltasSince(await two.cursor())).length < 16, true, "nothing to say");
  });

  test("late deltas are put where they belong", async () => {
    const one = await replica(1);
    const two = await replica(2);
    await one.applyDelta(timed(create("a", 1, 1), 0));
    await push(one, two);
    for (let i = 1; i < 20; i++) {
      await one.applyDelta(timed(i % 3 === 0 ? offset("a", i) : scale("a", 1.5), 10 * i));
    }
    await two.applyDelta(timed(dense("a", 8, 9), 95));
    await two.applyDelta(timed(offset("a", 1), 105));
    same(await push(two, one), 2, "merged");
    same(await push(one, two), 19, "merged");
    await agree(one, two);
    for (const time of [0, 94, 95, 100, 105, 130, 300]) {
      same(
        await one.getVectorAt("a", new Date(T + time)),
        await two.getVectorAt("a", new Date(T + time)),
        `vector at ${time}`,
      );
    }
    same(await one.getVectorAt("a", new Date(T + 95)), Float32Array.of(8, 9));
    const chain = (await one.getDeltaChain("a")).deltas;
    same(
      chain.map(({ deltaId }) => deltaId),
      (await two.getDeltaChain("a")).deltas.map(({ deltaId }) => deltaId),
    );
    same(chain.filter(({ origin }) => origin === "merge").length, 2, "merged deltas in the chain");
  });

  test("a stream may come twice, and two streams in any order", async () => {
    const one = await replica(1);
    const two = await replica(2);
    await one.applyDeltas([timed(create("a", 1, 2), 0), timed(scale("a", 2), 1)]);
    const first = await one.deltasSince();
    const cursor = await one.cursor();
    await one.applyDeltas([timed(offset("a", 1), 2), timed(remove("a"), 3)]);
    await one.applyDelta(timed(create("a", 3, 4), 4));
    const second = await one.deltasSince(cursor);
    const result = async (bytes: Uint8Array): Promise<number[]> => {
      const { merged, duplicates, rejected } = await two.merge(bytes);
      return [merged, duplicates, rejected.count, rejected.bytes.length];
    };
    same(await result(second), [3, 0, 0, 0]);
    same(await result(first), [2, 0, 0, 0]);
    same(await result(second), [0, 3, 0, 0]);
    same(await result(await one.deltasSince()), [0, 5, 0, 0]);
    await agree(one, two);
    same(await two.position, 5, "position");
  });

  test("streams may be put one behind the other", async () => {
    const one = await replica(1);
    const two = await replica(2);
    const three = await replica(3);
    await one.applyDelta(create("a", 1, 2));
    await two.applyDelta(create("b", 1, 2));
    const streams = [await one.deltasSince(), await two.deltasSince(), await one.deltasSince()];
    const all = Uint8Array.from(streams.flatMap((stream) => [...stream]));
    const { merged, duplicates } = await three.merge(all);
    same([merged, duplicates], [2, 1]);
  });

  test("what one replica heard another can pass on", async () => {
    const one = await replica(1);
    const two = await replica(2);
    const three = await replica(3);
    await one.applyDelta(create("a", 1, 2));
    await push(one, two);
    await two.applyDelta(scale("a", 2));
    await push(two, three);
    await three.applyDelta(offset("a", 1));
    await push(three, one);
    await push(three, two);
    await agree(one, two, three);
    same(await one.getVector("a"), Float32Array.of(3, 5));
    const { deltas } = await one.getDeltaChain("a");
    same(
      deltas.map(({ deltaId }) => Number.parseInt(replicaOf(deltaId), 16)),
      [1, 2, 3],
    );
  });

  test("a change of what was deleted elsewhere before does nothing", async () => {
    const one = await replica(1);
    const two = await replica(2);
    await one.applyDelta(timed(create("a", 1, 2), 0));
    await push(one, two);
    await one.applyDelta(timed(remove("a"), 10));
    await two.applyDelta(timed(scale("a", 2), 20));
    await push(one, two);
    await push(two, one);
    await agree(one, two);
    same(await two.getVector("a"), null);
    same(await two.getVectorAt("a", new Date(T + 9)), Float32Array.of(1, 2));
  });

  test("a vector that two begin is one vector, with the values of the later", async () => {
    const one = await replica(1);
    const two = await replica(2);
    await one.applyDelta({ ...timed(create("a", 1, 2), 0), metadata: { one: 1 } });
    await two.applyDelta({ ...timed(create("a", 3, 4), 1), metadata: { two: 2 } });
    await push(one, two);
    await push(two, one);
    await agree(one, two);
    same(await one.getVector("a"), Float32Array.of(3, 4));
    same(await one.getMetadata("a"), { one: 1, two: 2 });
  });

  test("deltas from before the horizon come back, and another can merge them", async () => {
    const one = await replica(1);
    const two = await replica(2);
    const three = await replica(3);
    await one.applyDelta(timed(create("a", 1, 2), 0));
    await push(one, two);
    await push(one, three);
    await two.applyDelta({ ...timed(scale("a", 2), 5), metadata: { late: true } });
    await two.applyDelta(timed(offset("a", 1), 15));
    await one.applyDelta(timed(scale("a", 3), 10));
    await one.compact();
    const digest = await one.stateDigest();
    const { merged, duplicates, rejected } = await one.merge(await two.deltasSince());
    same([merged, duplicates, rejected.count], [1, 1, 1]);
    check((await one.stateDigest()) !== digest, "the newer delta was not merged");
    same(await one.getVector("a"), Float32Array.of(4, 7));
    same((await three.merge(rejected.bytes)).merged, 1, "merged elsewhere");
    same(await three.getVector("a"), Float32Array.of(2, 4));
    same(await three.getMetadata("a"), { late: true });
    const again = await one.merge(rejected.bytes);
    same([again.merged, again.rejected.count], [0, 1], "rejected again");
  });

  test("a replica that lacks what was compacted away is told so", async () => {
    const one = await replica(1);
    const two = await replica(2);
    await one.applyDeltas([timed(create("a", 1, 2), 0), timed(scale("a", 2), 1)]);
    await push(one, two);
    await one.compact();
    await one.applyDelta(timed(scale("a", 2), 2));
    await fails(() => one.deltasSince(), "HISTORY_COMPACTED", /\b2\b.*compacted/);
    same(await push(one, two), 1, "merged by who had the rest");
    await agree(one, two);
  });

  test("a delta from too far in the future is refused, with all that came along", async () => {
    const day = 86_400_000;
    const one = await replica(1);
    const two = await replica(2, { now: () => T });
    await one.applyDeltas([timed(create("a", 1, 2), 0), timed(scale("a", 2), day + 1)]);
    const digest = await two.stateDigest();
    await fails(() => push(one, two), "INVALID_ARGUMENT", /future/);
    same(await two.stateDigest(), digest, "digest");
    same(await two.position, 0, "position");
    const three = await replica(3, { now: () => T + 1 });
    same(await push(one, three), 2, "merged a millisecond later");
    const four = await replica(4, { now: () => T, maxClockAheadMs: day + 1 });
    same(await push(one, four), 2, "merged by who allows it");
    const five = await replica(5, { now: () => T, maxClockAheadMs: 0 });
    await fails(() => push(one, five), "INVALID_ARGUMENT", /future/);
  });

  test("what was merged moves the clock: what comes then is later", async () => {
    const one = await replica(1);
    const two = await replica(2, { now: () => T });
    await one.applyDelta(timed(create("a", 1, 2), 5000));
    await push(one, two);
    same(timeOf(await two.applyDelta(create("b", 1, 2))), T + 5000);
  });

  test("a replica that lost its memory gets its deltas back, and no id is given twice", async () => {
    const lost = await replica(1);
    const keeper = await replica(2);
    const ids = await lost.applyDeltas([create("a", 1, 2), scale("a", 2), scale("a", 3)]);
    await push(lost, keeper);
    await lost.close();
    const found = await replica(1);
    same(await push(keeper, found), 3, "merged");
    const id = await found.applyDelta(scale("a", 4));
    check(!ids.includes(id), "an id is given twice");
    same(sequenceOf(id), 4, "sequence");
    same(await push(found, keeper), 1, "merged");
    await agree(found, keeper);
  });

  test("merging past the capacity is refused, and nothing changes", async () => {
    const one = await replica(1);
    const two = await replica(2, { maxVectors: 2 });
    await one.applyDeltas(["a", "b", "c"].map((id) => create(id, 1, 2)));
    await two.applyDelta(create("d", 1, 2));
    const digest = await two.stateDigest();
    await fails(() => push(one, two), "CAPACITY_EXCEEDED", /\b2\b/);
    same(await two.stateDigest(), digest, "digest");
    same([await two.size, await two.position], [1, 1]);
    await one.applyDeltas([remove("a"), remove("b")]);
    same(await push(one, two), 5, "merged when there is room");
    same((await listed(two)).sort(), ["c", "d"]);
  });

  test("vectors of other dimensions are refused", async () => {
    const one = await replica(1, { dimensions: 3 });
    const two = await replica(2);
    await one.applyDelta(create("a", 1, 2, 3));
    await fails(() => push(one, two), "DIMENSION_MISMATCH", /"a".*\b3\b.*\b2\b/);
    same(await two.position, 0, "position");
  });

  test("values of another precision are refused", async () => {
    const plain = await replica(1);
    const coarse = await replica(2, { precision: { grid: 10 } });
    const fine = await replica(3, { precision: { grid: 1000 } });
    const alike = await replica(4, { precision: { grid: 10 } });
    await plain.applyDelta(create("a", 1, 2));
    await coarse.applyDeltas([create("b", 0.123, 2), scale("b", 0.5)]);
    await fails(() => push(plain, coarse), "INVALID_ARGUMENT", /grid of 10/);
    await fails(() => push(coarse, plain), "INVALID_ARGUMENT", /precision 10/);
    await fails(() => push(coarse, fine), "INVALID_ARGUMENT", /precision 10.*1000/);
    same(await push(coarse, alike), 2, "merged");
    await agree(coarse, alike);
    same(await alike.getVector("b"), Float32Array.of(0.1, 1));
  });

  test("merging nothing is nothing", async () => {
    const one = await replica(1);
    const { merged, duplicates, rejected } = await one.merge(new Uint8Array(0));
    same([merged, duplicates, rejected.count], [0, 0, 0]);
    same((await one.merge(await one.deltasSince())).merged, 0);
  });

  test("refused: what is no stream", async () => {
    const one = await replica(1);
    await one.applyDelta(create("a", 1, 2));
    const digest = await one.stateDigest();
    const cursor = await one.cursor();
    for (const bytes of [Uint8Array.of(0), cursor, new Uint8Array(9).fill(1)]) {
      await fails(() => one.merge(bytes), "CORRUPT_DATA", /at byte 0/);
    }
    const stream = await one.deltasSince();
    const newer = stream.slice();
    newer[3] = 2;
    await fails(() => one.merge(newer), "UNSUPPORTED_VERSION", /version 2/);
    same(await one.stateDigest(), digest, "digest");
    same(await one.position, 1, "position");
  });

  test("refused: what is no cursor", async () => {
    const one = await replica(1);
    await one.applyDelta(create("a", 1, 2));
    const cursor = await one.cursor();
    const newer = cursor.slice();
    newer[3] = 2;
    await fails(() => one.deltasSince(newer), "UNSUPPORTED_VERSION", /version 2/);
    for (const bytes of [new Uint8Array(0), Uint8Array.of(1, 2, 3), cursor.slice(1)]) {
      await fails(() => one.deltasSince(bytes), "CORRUPT_DATA", /cursor/);
    }
    same((await one.deltasSince(await (await replica(2)).cursor())).length > 20, true);
  });

  test("refused: what is no bytes", async () => {
    const one = await replica(1);
    for (const bytes of [undefined, null, "bytes", [1, 2], new Float32Array(2), {}] as never[]) {
      await fails(() => one.merge(bytes), "INVALID_ARGUMENT", /bytes must be a Uint8Array/);
      if (bytes !== undefined) {
        await fails(
          () => one.deltasSince(bytes),
          "INVALID_ARGUMENT",
          /cursor must be a Uint8Array/,
        );
      }
    }
  });

  test("thousands of deltas go over at once, and come out in any engine the same", async () => {
    const one = await replica(1, { dimensions: 16 });
    const two = await replica(2, { dimensions: 16 });
    const vector = Array.from({ length: 16 }, (_, i) => i);
    await one.applyDeltas(Array.from({ length: 300 }, (_, i) => create(`v${i}`, ...vector)));
    for (let round = 0; round < 10; round++) {
      await one.applyDeltas(
        Array.from({ length: 300 }, (_, i) =>
          round === i % 10 ? remove(`v${i}`) : round > i % 10 ? null : offset(`v${i}`, round),
        ).filter((delta) => delta !== null),
      );
    }
    await one.applyDeltas(Array.from({ length: 150 }, (_, i) => create(`v${2 * i}`, ...vector)));
    await push(one, two);
    await agree(one, two);
    same(await two.size, 150);
    const hits = await two.search(Float32Array.from(vector), 300);
    same(hits.length, 150, "hits");
  });
}
