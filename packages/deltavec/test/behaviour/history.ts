import type { ChainDelta } from "../../src/types.ts";
import { check, fails, near, same } from "./check.ts";
import { create, dense, offset, remove, scale, sparse, timeOf } from "./deltas.ts";
import type { Bench, Face } from "./face.ts";

const T = 1_700_000_000_000;

function at(time: number): Date {
  return new Date(T + time);
}

/**
 * The past, compaction, rollback, precision.
 *
 * @param options - as of the suite
 */
export function history(
  { test, open }: Bench,
  { typed, unsigned }: Readonly<Record<"typed" | "unsigned", boolean>>,
): void {
  /** One vector that is created at 0, changed at 10 and 20, deleted at 30, created again at 40. */
  const lived = async (checkpointInterval = 100): Promise<Face> => {
    const db = await open({ dimensions: 2, checkpointInterval });
    await db.applyDeltas([
      { ...create("a", 1, 2), metadata: { n: 1 }, timestamp: at(0) },
      { ...sparse("a", 1, 5), timestamp: at(10) },
      { ...scale("a", 2), metadata: { n: null, m: "x" }, timestamp: at(20) },
      { ...remove("a"), timestamp: at(30) },
      { ...create("a", 7, 8), timestamp: at(40) },
    ]);
    return db;
  };
  const states: [number, number[] | null, Record<string, unknown> | null][] = [
    [-1, null, null],
    [0, [1, 2], { n: 1 }],
    [9, [1, 2], { n: 1 }],
    [10, [1, 5], { n: 1 }],
    [19, [1, 5], { n: 1 }],
    [20, [2, 10], { m: "x" }],
    [30, null, null],
    [39, null, null],
    [40, [7, 8], {}],
    [1e12, [7, 8], {}],
  ];

  for (const interval of [1, 2, 100]) {
    test(`a vector can be read as it was at any time, checkpoints every ${interval}`, async () => {
      const db = await lived(interval);
      for (const [time, values, metadata] of states) {
        const expected = values === null ? null : Float32Array.from(values);
        same(await db.getVectorAt("a", at(time)), expected, `vector at ${time}`);
        same(await db.getMetadataAt("a", at(time)), metadata, `metadata at ${time}`);
      }
    });
  }

  test("all deltas of a millisecond count", async () => {
    const db = await open({ dimensions: 1 });
    for (const delta of [create("a", 1), scale("a", 2), offset("a", 1)]) {
      await db.applyDelta({ ...delta, timestamp: at(5) });
    }
    same(await db.getVectorAt("a", at(5)), Float32Array.of(3));
    same(await db.getVectorAt("a", at(4)), null);
  });

  test("what was never there had no past", async () => {
    const db = await lived();
    same(await db.getVectorAt("b", at(50)), null);
    same(await db.getMetadataAt("b", at(50)), null);
    if (!unsigned) {
      same(await db.getVectorAt("a", new Date(-1)), null);
    }
  });

  test("a vector that was read from the past is the caller's own", async () => {
    const db = await lived();
    const past = await db.getVectorAt("a", at(10));
    past?.fill(0);
    same(await db.getVectorAt("a", at(10)), Float32Array.of(1, 5));
  });

  test("search sees the state of a time, exactly, also what lives no more", async () => {
    const db = await open({ dimensions: 1, metric: "euclidean" });
    for (let i = 0; i < 40; i++) {
      await db.applyDelta({ ...create(`v${i}`, i), timestamp: at(0) });
    }
    await db.applyDelta({ ...remove("v7"), timestamp: at(10) });
    await db.applyDelta({ ...dense("v8", 100), timestamp: at(20) });
    const closest = async (time: number): Promise<[string, number][]> =>
      (await db.searchAt(Float32Array.of(7.25), 2, at(time))).map(({ id, score }) => [id, score]);
    same(await closest(-1), []);
    same(await closest(5), [
      ["v7", 0.25],
      ["v8", 0.75],
    ]);
    same(await closest(10), [
      ["v8", 0.75],
      ["v6", 1.25],
    ]);
    same(await closest(20), [
      ["v6", 1.25],
      ["v9", 1.75],
    ]);
    same((await db.searchAt(Float32Array.of(0), 100, at(5))).length, 40, "hits");
    same((await db.searchAt(Float32Array.of(0), 100, at(20))).length, 39, "hits");
  });

  test("search in the past refuses what search refuses", async () => {
    const db = await lived();
    await fails(() => db.searchAt(Float32Array.of(1), 1, at(0)), "DIMENSION_MISMATCH", /\b1\b/);
    await fails(() => db.searchAt(Float32Array.of(1, Number.NaN), 1, at(0)), "NOT_FINITE", /query/);
    await fails(() => db.searchAt(Float32Array.of(1, 2), 0, at(0)), "INVALID_ARGUMENT", /k must/);
  });

  test("refused: what is no time", async () => {
    const db = await lived();
    for (const time of [new Date(Number.NaN), T, "now", undefined, null] as Date[]) {
      await fails(() => db.getVectorAt("a", time), "INVALID_ARGUMENT", /timestamp/);
      await fails(() => db.getMetadataAt("a", time), "INVALID_ARGUMENT", /timestamp/);
      await fails(
        () => db.searchAt(Float32Array.of(1, 2), 1, time),
        "INVALID_ARGUMENT",
        /timestamp/,
      );
    }
    await fails(() => db.getVectorAt("", at(0)), "INVALID_ARGUMENT", /vectorId/);
  });

  test("without history the past is refused, and says why", async () => {
    const db = await open({ dimensions: 1, history: false });
    const id = await db.applyDelta(create("a", 1));
    const calls: (() => unknown)[] = [
      () => db.getVectorAt("a", at(0)),
      () => db.getMetadataAt("a", at(0)),
      () => db.searchAt(Float32Array.of(1), 1, at(0)),
      () => db.getDeltaChain("a"),
      () => db.merge(new Uint8Array(0)),
      () => db.cursor(),
      () => db.deltasSince(),
      () => db.compact(),
      () => db.compact({ ids: ["a"] }),
      () => db.rollbackTo("a", id),
    ];
    for (const call of calls) {
      await fails(call, "INVALID_ARGUMENT", /history/);
    }
    same(await db.position, 1, "position");
    same((await db.stats()).historyBytes, 0, "historyBytes");
  });

  test("a chain has all deltas of a vector, oldest first", async () => {
    const db = await open({ dimensions: 2, checkpointInterval: 2 });
    const deltas = [
      { ...create("a", 1, 2), metadata: { n: { m: [1] } }, timestamp: at(0) },
      { ...sparse("a", 0, 3, 1, 4), timestamp: at(1) },
      { ...dense("a", 5, 6), timestamp: at(2) },
      { ...offset("a", 0.5), metadata: { n: null }, timestamp: at(2) },
      { ...scale("a", -2), timestamp: at(3) },
      { ...remove("a"), timestamp: at(4) },
    ];
    await db.applyDelta(create("b", 1, 2));
    const ids = await db.applyDeltas(deltas);
    const chain = await db.getDeltaChain("a");
    same(
      chain.deltas,
      deltas.map((delta, i) => ({
        ...delta,
        deltaId: ids[i],
        origin: "local",
        checkpoint: i === 1 || i === 3,
      })),
      "deltas",
    );
    same([chain.vectorId, chain.checkpoints, chain.alive], ["a", 2, false]);
    same(chain.horizon, null, "horizon");
    const stats = await db.stats();
    check(chain.bytes > 0 && chain.bytes < stats.historyBytes, `bytes are ${chain.bytes}`);
  });

  test("the chain of what was never there is empty", async () => {
    const db = await lived();
    same(await db.getDeltaChain("b"), {
      vectorId: "b",
      deltas: [],
      checkpoints: 0,
      horizon: null,
      bytes: 0,
      alive: false,
    });
  });

  const idsOf = (deltas: readonly ChainDelta[]): string[] => deltas.map(({ deltaId }) => deltaId);

  test("compact moves the horizon: the present stays, the past before it is refused", async () => {
    const db = await lived();
    await db.applyDelta({ ...create("b", 1, 1), timestamp: at(35) });
    const digest = await db.stateDigest();
    const before = (await db.stats()).historyBytes;
    const stats = await db.compact({ before: at(20) });
    same([stats.chains, stats.deltas], [1, 2], "chains and deltas");
    same(stats.horizon, at(10), "horizon");
    same(stats.bytesBefore, before, "bytesBefore");
    same(stats.bytesAfter, (await db.stats()).historyBytes, "bytesAfter");
    same(await db.stateDigest(), digest, "digest");
    for (const [time, values, metadata] of states.filter(([each]) => each >= 10)) {
      const expected = values === null ? null : Float32Array.from(values);
      same(await db.getVectorAt("a", at(time)), expected, `vector at ${time}`);
      same(await db.getMetadataAt("a", at(time)), metadata, `metadata at ${time}`);
    }
    for (const time of [-1, 0, 9]) {
      await fails(() => db.getVectorAt("a", at(time)), "HISTORY_COMPACTED", /compacted/);
      await fails(() => db.getMetadataAt("a", at(time)), "HISTORY_COMPACTED", /compacted/);
      await fails(
        () => db.searchAt(Float32Array.of(1, 2), 1, at(time)),
        "HISTORY_COMPACTED",
        /compacted/,
      );
    }
    const chain = await db.getDeltaChain("a");
    same(
      chain.deltas.map(({ timestamp }) => timestamp),
      [at(20), at(30), at(40)],
    );
    same([chain.horizon, chain.checkpoints], [at(10), 1]);
  });

  test("compact without options merges everything", async () => {
    const db = await lived();
    const digest = await db.stateDigest();
    const stats = await db.compact();
    same([stats.chains, stats.deltas, stats.horizon], [1, 5, at(40)]);
    same(await db.stateDigest(), digest, "digest");
    same(await db.getVectorAt("a", at(40)), Float32Array.of(7, 8));
    same((await db.stats()).historyDeltas, 0, "deltas");
    same(await db.compact(), { ...stats, ...NOTHING, bytesBefore: stats.bytesAfter }, "again");
    await db.applyDelta({ ...scale("a", 2), timestamp: at(50) });
    same(await db.getVectorAt("a", at(50)), Float32Array.of(14, 16));
    same(await db.getVectorAt("a", at(49)), Float32Array.of(7, 8));
  });

  test("compact keeps the newest deltas of each vector if told", async () => {
    const db = await lived();
    await db.applyDeltas([create("b", 1, 1), scale("b", 2)]);
    const ids = idsOf((await db.getDeltaChain("a")).deltas);
    const stats = await db.compact({ keepLast: 2 });
    same([stats.chains, stats.deltas, stats.horizon], [1, 3, at(20)]);
    same(idsOf((await db.getDeltaChain("a")).deltas), ids.slice(3));
    same((await db.getDeltaChain("b")).deltas.length, 2);
    same((await db.compact({ keepLast: 1, before: at(40) })).deltas, 1);
    same((await db.getDeltaChain("a")).deltas.length, 1);
  });

  test("compact takes only the vectors it is told, dead ones too", async () => {
    const db = await open({ dimensions: 1 });
    for (const id of ["a", "b", "c"]) {
      await db.applyDeltas([
        { ...create(id, 1), timestamp: at(0) },
        { ...scale(id, 2), timestamp: at(10) },
      ]);
    }
    await db.applyDelta({ ...remove("c"), timestamp: at(20) });
    const { historyBytes } = await db.stats();
    const stats = await db.compact({ ids: ["a", "c"] });
    same([stats.chains, stats.deltas, stats.horizon], [2, 5, at(20)]);
    same(stats.bytesBefore, historyBytes, "bytesBefore");
    same(stats.bytesAfter, (await db.stats()).historyBytes, "bytesAfter");
    same((await db.getDeltaChain("b")).deltas.length, 2);
    same(await db.compact({ ids: [] }), { ...NOTHING, ...bytes(stats.bytesAfter) });
  });

  test("compact brings the log down to a size by giving up the oldest", async () => {
    const db = await open({ dimensions: 8, checkpointInterval: 10 });
    const vector = Array<number>(8).fill(1);
    await db.applyDeltas([create("a", ...vector), create("b", ...vector)]);
    for (let i = 0; i < 300; i++) {
      await db.applyDelta({ ...sparse("ab"[i % 2], i % 8, i), timestamp: at(1e12 + i) });
    }
    const digest = await db.stateDigest();
    const maxBytes = Math.floor((await db.stats()).historyBytes / 3);
    const stats = await db.compact({ maxBytes });
    check(stats.bytesAfter <= maxBytes, `${stats.bytesAfter} bytes are left, not ${maxBytes}`);
    check(
      stats.bytesAfter > maxBytes / 4,
      `only ${stats.bytesAfter} bytes are left of ${maxBytes}`,
    );
    same(await db.stateDigest(), digest, "digest");
    same((await db.getVectorAt("b", at(1e12 + 299)))?.[3], 299);
    const again = await db.compact({ maxBytes });
    same([again.chains, again.deltas], [0, 0]);
  });

  test("refused: compacting what was never there, and nothing is compacted", async () => {
    const db = await lived();
    const { historyBytes } = await db.stats();
    await fails(() => db.compact({ ids: ["a", "b"] }), "VECTOR_NOT_FOUND", /"b"/);
    same((await db.stats()).historyBytes, historyBytes, "historyBytes");
  });

  const badCompactions: [string, unknown, RegExp][] = [
    ["a bound that is no Date", { before: T }, /before/],
    ["a bound without a time", { before: new Date(Number.NaN) }, /before/],
    ["a negative number of deltas", { keepLast: -1 }, /keepLast/],
    ["half a delta", { keepLast: 0.5 }, /keepLast/],
    ["a negative size", { maxBytes: -1 }, /maxBytes/],
    ["a size that is no number", { maxBytes: "1" }, /maxBytes/],
    ["ids and a size", { ids: ["a"], maxBytes: 1 }, /maxBytes.*ids/],
    ...(typed
      ? []
      : ([
          ["options that are no object", 3, /options/],
          ["ids that are no list", { ids: "a" }, /ids/],
          ["an id that is no text", { ids: ["a", 7] }, /vectorId/],
        ] as [string, unknown, RegExp][])),
  ];
  for (const [name, options, message] of badCompactions) {
    test(`compact refuses ${name}`, async () => {
      const db = await lived();
      const { historyBytes } = await db.stats();
      await fails(() => db.compact(options as never), "INVALID_ARGUMENT", message);
      same((await db.stats()).historyBytes, historyBytes, "historyBytes");
    });
  }

  test("autoCompact keeps the history small, and the present as it is", async () => {
    const maxBytes = 20_000;
    const db = await open({ dimensions: 8, checkpointInterval: 10, autoCompact: { maxBytes } });
    const plain = await open({ dimensions: 8 });
    const vector = Array<number>(8).fill(1);
    let most = 0;
    for (const each of [db, plain]) {
      await each.applyDeltas([create("a", ...vector), create("b", ...vector)]);
      for (let i = 0; i < 3000; i++) {
        await each.applyDelta(sparse("ab"[i % 2], i % 8, i));
        if (each === db && i % 10 === 0) {
          most = Math.max(most, (await each.stats()).historyBytes);
        }
      }
    }
    check(most < 2 * maxBytes, `the history took ${most} bytes`);
    check(most > maxBytes / 2, `the history took no more than ${most} bytes`);
    same(await db.stateDigest(), await plain.stateDigest(), "digest");
    check((await db.getDeltaChain("a")).deltas.length > 0, "no delta is left");
  });

  test("rollbackTo brings back the state behind a delta, by new deltas", async () => {
    const db = await open({ dimensions: 2 });
    const first = await db.applyDelta({ ...create("a", 1, 2), metadata: { n: 1, m: { x: 2 } } });
    await db.applyDelta({ ...dense("a", 3, 4), metadata: { n: null, m: { y: 3 }, k: 4 } });
    const [id, ...more] = await db.rollbackTo("a", first);
    same(more, []);
    check(id > first, "the new delta is not newer");
    same(await db.getVector("a"), Float32Array.of(1, 2));
    same(await db.getMetadata("a"), { n: 1, m: { x: 2 } });
    same((await db.getDeltaChain("a")).deltas.length, 3, "deltas in the chain");
    same(await db.position, 3, "position");
    same(await db.rollbackTo("a", id), [], "to where it is");
    same(await db.position, 3, "position");
  });

  test("rollbackTo raises what was deleted, and deletes what was", async () => {
    const db = await open({ dimensions: 1 });
    const [first, , end] = await db.applyDeltas([
      { ...create("a", 1), metadata: { n: 1 } },
      scale("a", 5),
      remove("a"),
    ]);
    await db.rollbackTo("a", first);
    same(await db.getVector("a"), Float32Array.of(1));
    same(await db.getMetadata("a"), { n: 1 });
    await db.rollbackTo("a", end);
    same(await db.getVector("a"), null);
    same(await db.rollbackTo("a", end), []);
  });

  test("rollbackTo refuses what it does not find", async () => {
    const db = await open({ dimensions: 1 });
    const [first, second] = await db.applyDeltas([create("a", 1), scale("a", 2)]);
    const other = await db.applyDelta(create("b", 1));
    const digest = await db.stateDigest();
    await fails(() => db.rollbackTo("c", first), "VECTOR_NOT_FOUND", /"c"/);
    await fails(() => db.rollbackTo("a", other), "INVALID_ARGUMENT", new RegExp(other));
    const wrong = ["", "8".repeat(26), first.slice(1), `${first.slice(0, 25)}U`];
    for (const id of typed ? wrong : [...wrong, 7 as never]) {
      await fails(() => db.rollbackTo("a", id), "INVALID_ARGUMENT", /delta ?id/i);
    }
    await db.compact({ ids: ["a"], keepLast: 1 });
    await fails(() => db.rollbackTo("a", first), "HISTORY_COMPACTED", /compacted/);
    same(await db.rollbackTo("a", second), []);
    same(await db.stateDigest(), digest, "digest");
    same(await db.position, 3, "position");
  });

  test("a position counts what has come in, not what was refused", async () => {
    const db = await open({ dimensions: 1 });
    same(await db.position, 0);
    await db.applyDeltas([create("a", 1), scale("a", 2)]);
    await fails(() => db.applyDelta(create("a", 1)), "VECTOR_EXISTS", /"a"/);
    await fails(() => db.applyDeltas([create("b", 1), create("a", 1)]), "VECTOR_EXISTS", /"a"/, 1);
    same(await db.position, 2);
    await db.compact();
    same(await db.position, 2);
  });

  test("with compression runs take less of the log, and the state is the same", async () => {
    const dimensions = 256;
    const digests: string[] = [];
    const sizes: number[] = [];
    for (const compression of [true, false]) {
      const db = await open({ dimensions, compression, checkpointInterval: 1000 });
      await db.applyDelta(create("a", ...Array<number>(dimensions).fill(0)));
      for (let start = 0; start < 128; start += 8) {
        const pairs = Array.from({ length: 100 }, (_, i) => [start + i, i]).flat();
        await db.applyDelta(sparse("a", ...pairs));
      }
      digests.push(await db.stateDigest());
      sizes.push((await db.stats()).historyBytes);
      const { deltas } = await db.getDeltaChain("a");
      const last = deltas[16].operation as { indices: Uint32Array; values: Float32Array };
      same([last.indices[0], last.indices[99], last.values[99]], [120, 219, 99]);
    }
    same(digests[0], digests[1], "digest");
    same(sizes[1] - sizes[0], 16 * 98, "bytes saved");
  });

  test("on a grid values are off by at most half a step, and nothing drifts", async () => {
    const grid = 100;
    const db = await open({ dimensions: 3, precision: { grid }, checkpointInterval: 5 });
    await db.applyDelta({ ...create("a", 0.123, -0.987, 5.4321), timestamp: at(0) });
    same(await db.getVector("a"), Float32Array.of(0.12, -0.99, 5.43));
    let expected = [0, 0, 0];
    for (let i = 1; i <= 50; i++) {
      expected = [Math.sin(i), Math.cos(3 * i), i / 7];
      await db.applyDelta({ ...dense("a", ...expected), timestamp: at(i) });
    }
    const vector = await db.getVector("a");
    for (const [i, value] of expected.entries()) {
      near(vector?.[i] ?? Number.NaN, value, 0.5 / grid + 1e-6);
    }
    same(await db.getVectorAt("a", at(50)), vector);
    const past = await db.getVectorAt("a", at(17));
    near(past?.[0] ?? Number.NaN, Math.sin(17), 0.5 / grid + 1e-6);
  });

  test("on a grid small steps of many values in a row can be read again", async () => {
    const dimensions = 64;
    const db = await open({ dimensions, precision: { grid: 128 } });
    await db.applyDelta(create("a", ...Array<number>(dimensions).fill(0.5)));
    const pairs = Array.from({ length: 60 }, (_, i) => [i, 0.5 + (i % 3) / 128]).flat();
    await db.applyDelta(sparse("a", ...pairs));
    const { deltas } = await db.getDeltaChain("a");
    same(deltas[1].operation, sparse("a", ...pairs).operation);
    const merged = await open({ dimensions, precision: { grid: 128 } });
    await merged.merge(await db.deltasSince());
    const imported = await open({ dimensions, precision: { grid: 128 } });
    await imported.import(await db.export());
    same(await merged.stateDigest(), await db.stateDigest());
    same(await imported.stateDigest(), await db.stateDigest());
  });

  test("on a grid a chain shows the values that the vector got", async () => {
    const db = await open({ dimensions: 4, precision: { grid: 10 }, checkpointInterval: 2 });
    await db.applyDeltas([
      { ...create("a", 0.11, 0.26, -0.34, 9), metadata: { n: 1 } },
      { ...sparse("a", 1, 0.77, 3, -0.25), metadata: { n: 2 } },
      dense("a", 1, 2, 3, 4.04),
      sparse("a", 0, 0.5, 1, 0.6, 2, 0.7),
      scale("a", 0.5),
    ]);
    const { deltas } = await db.getDeltaChain("a");
    same(
      deltas.map(({ operation }) => operation),
      [
        create("a", 0.1, 0.3, -0.3, 9).operation,
        sparse("a", 1, 0.8, 3, -0.2).operation,
        dense("a", 1, 2, 3, 4).operation,
        sparse("a", 0, 0.5, 1, 0.6, 2, 0.7).operation,
        scale("a", 0.5).operation,
      ],
    );
    same(
      deltas.map(({ metadata }) => metadata),
      [{ n: 1 }, { n: 2 }, undefined, undefined, undefined],
    );
    same(await db.getVector("a"), Float32Array.of(0.3, 0.3, 0.3, 2));
  });

  test("a value beyond the grid is refused, not cut off", async () => {
    const db = await open({ dimensions: 1, precision: { grid: 1000 } });
    await db.applyDelta(create("a", 4194));
    const digest = await db.stateDigest();
    await fails(() => db.applyDelta(dense("a", 4195)), "INVALID_ARGUMENT", /grid/);
    await fails(() => db.applyDelta(sparse("a", 0, -4195)), "INVALID_ARGUMENT", /grid/);
    await fails(() => db.applyDelta(create("b", 5000)), "INVALID_ARGUMENT", /"b".*grid/);
    await fails(() => db.applyDelta(scale("a", 2)), "INVALID_ARGUMENT", /grid/);
    await fails(() => db.applyDelta(offset("a", 100)), "INVALID_ARGUMENT", /grid/);
    same(await db.stateDigest(), digest, "digest");
  });

  test("a delta's id keeps its time in the chain and in the past", async () => {
    const db = await open({ dimensions: 1 });
    const id = await db.applyDelta(create("a", 1));
    const time = timeOf(id);
    same((await db.getDeltaChain("a")).deltas[0].timestamp, new Date(time));
    same(await db.getVectorAt("a", new Date(time)), Float32Array.of(1));
    same(await db.getVectorAt("a", new Date(time - 1)), null);
  });

  const badOptions: [string, object, RegExp][] = [
    ...(typed
      ? []
      : ([["history that is no boolean", { history: 1 }, /history/]] as [
          string,
          object,
          RegExp,
        ][])),
    ["a grid of no steps", { precision: { grid: 0 } }, /precision\.grid/],
    ["a grid too fine", { precision: { grid: 2 ** 20 + 1 } }, /precision\.grid/],
    ["a grid of half a step", { precision: { grid: 0.5 } }, /precision\.grid/],
    ["precision that is no object", { precision: 256 }, /precision/],
    ["a budget of nothing", { autoCompact: { maxBytes: 0 } }, /autoCompact\.maxBytes/],
    ["a budget that is no object", { autoCompact: true }, /autoCompact/],
    ["a budget without history", { autoCompact: { maxBytes: 1 }, history: false }, /history/],
    ["a clock behind the clock", { maxClockAheadMs: -1 }, /maxClockAheadMs/],
    ["a clock that is no number", { maxClockAheadMs: "1" }, /maxClockAheadMs/],
  ];
  for (const [name, options, message] of badOptions) {
    test(`refused as options: ${name}`, async () => {
      await fails(() => open({ dimensions: 2, ...options }), "INVALID_ARGUMENT", message);
    });
  }
}

const NOTHING = { chains: 0, deltas: 0, horizon: null };

function bytes(n: number): { bytesBefore: number; bytesAfter: number } {
  return { bytesBefore: n, bytesAfter: n };
}
