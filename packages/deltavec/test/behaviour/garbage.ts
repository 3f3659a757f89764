import fc from "fast-check";
import { diff } from "../../src/diff.ts";
import type {
  CompactOptions,
  DeltaDBOptions,
  FollowOptions,
  MetadataFilter,
  RepairOptions,
  SearchOptions,
  VectorDelta,
} from "../../src/types.ts";
import { check, fails, same, show } from "./check.ts";
import { create, offset, scale, sparse } from "./deltas.ts";
import type { Bench, Face } from "./face.ts";

/** Runs something that may only succeed or fail with a DeltaError. Returns whether it succeeded. */
async function tame(run: () => unknown): Promise<boolean> {
  try {
    await run();
    return true;
  } catch (error) {
    const { name, code } = error as { name?: string; code?: string };
    check(name === "DeltaError", `not a DeltaError: ${(error as Error).stack ?? show(error)}`);
    check(code !== "CLOSED", `the database is gone: ${error}`);
    return false;
  }
}

const ANY = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withSparseArray: true,
  withTypedArray: true,
  maxDepth: 2,
});

/** Right deltas with one part replaced by anything. */
const NEARLY: fc.Arbitrary<unknown> = fc
  .record({
    delta: fc.constantFrom<VectorDelta>(
      { ...create("b", 1, 2), metadata: { n: 1 }, timestamp: new Date(0) },
      sparse("a", 0, 5),
      scale("a", 2),
      offset("a", 1),
    ),
    part: fc.constantFrom("vectorId", "operation", "metadata", "timestamp"),
    field: fc.constantFrom("type", "vector", "indices", "values", "factor", "amount"),
    inside: fc.boolean(),
    value: ANY,
  })
  .map(({ delta, part, field, inside, value }) =>
    inside
      ? { ...delta, operation: { ...delta.operation, [field]: value } }
      : { ...delta, [part]: value },
  );

/**
 * What no type checker lets through: any JavaScript value anywhere, and, where the face is beside the database, objects that
 * call back.
 */
export function garbage(
  { test, open, synchronous }: Bench,
  runs: number,
  encodedElsewhere: boolean,
  typed: boolean,
): void {
  const filled = async (): Promise<Face> => {
    const db = await open({ dimensions: 2 });
    await db.applyDelta(create("a", 1, 2));
    return db;
  };

  const anything = (): void => {
    test("any value as delta, batch, id, query or k is taken or is a DeltaError", async () => {
      const db = await filled();
      const value = fc.oneof(ANY, NEARLY);
      const property = fc.asyncProperty(value, ANY, async (given, other) => {
        const digest = await db.stateDigest();
        const refused = [
          !(await tame(() => db.applyDelta(given as VectorDelta))),
          !(await tame(() => db.applyDeltas([scale("a", 1), given as VectorDelta]))),
          !(await tame(() => db.applyDeltas(other as VectorDelta[]))),
        ].every(Boolean);
        for (const query of [given, other]) {
          await tame(() => db.getVector(query as string));
          await tame(() => db.getMetadata(query as string));
          await tame(() => db.has(query as string));
          await tame(() => db.search(query as Float32Array, 3));
          await tame(() => db.search(Float32Array.of(1, 2), query as number));
        }
        if (refused) {
          same(await db.stateDigest(), digest, "digest");
        }
      });
      await fc.assert(property, { numRuns: 5 * runs });
      same((await db.search(Float32Array.of(1, 2), 1)).length, 1, "number of hits at the end");
    });

    test("any value as time, stream, cursor, options or delta id is taken or is a DeltaError", async () => {
      const db = await filled();
      const property = fc.asyncProperty(ANY, ANY, async (given, other) => {
        const digest = await db.stateDigest();
        const position = await db.position;
        await tame(() => db.getVectorAt("a", given as Date));
        await tame(() => db.getVectorAt(given as string, other as Date));
        await tame(() => db.getMetadataAt(given as string, other as Date));
        await tame(() => db.searchAt(given as Float32Array, 1, other as Date));
        await tame(() => db.searchAt(Float32Array.of(1, 2), given as number, new Date()));
        await tame(() => db.getDeltaChain(given as string));
        await tame(() => db.deltasSince(given as Uint8Array));
        await tame(() => db.compact(given as CompactOptions));
        await tame(() => db.rollbackTo("a", given as string));
        await tame(() => db.rollbackTo(given as string, other as string));
        const merged = await tame(() => db.merge(given as Uint8Array));
        check(!merged || (given as Uint8Array).length === 0, "bytes of anything were merged");
        for (const name of ["since", "origin", "signal"]) {
          const options = { [name]: given } as FollowOptions;
          await tame(async () => (await db.onDelta(() => {}, options))());
          await tame(() => db.deltas(options).return?.());
          await tame(() => db.addEventListener("delta", () => {}, options));
        }
        await tame(async () => (await db.onDelta(given as () => void))());
        await tame(() => db.deltas(given as FollowOptions).return?.());
        await tame(() => db.addEventListener(given as "delta", other as () => void));
        await tame(() => db.removeEventListener(given as "delta", other as () => void));
        await tame(() => diff(given as Float32Array, other as Float32Array));
        await tame(() =>
          diff(Float32Array.of(1), Float32Array.of(2), { tolerance: given as number }),
        );
        for (const name of ["before", "keepLast", "ids", "maxBytes"]) {
          await tame(() => db.compact({ [name]: given }));
        }
        same(
          [await db.stateDigest(), await db.position],
          [digest, position],
          "digest and position",
        );
      });
      await fc.assert(property, { numRuns: 2 * runs });
    });

    test("any value in a search is taken or is a DeltaError", async () => {
      const db = await filled();
      const query = Float32Array.of(1, 2);
      const property = fc.asyncProperty(ANY, ANY, async (given, other) => {
        const digest = await db.stateDigest();
        await tame(() => db.search(query, 1, given as SearchOptions));
        await tame(() => db.searchBatch(given as Float32Array, 1, other as SearchOptions));
        await tame(() => db.searchBatch([given as Float32Array, query], 1));
        await tame(() => db.repair(given as RepairOptions));
        await tame(() => db.repair({ budgetMs: given as number }));
        for (const name of ["efSearch", "filter", "metric", "exact"]) {
          await tame(() => db.search(query, 1, { [name]: given }));
        }
        for (const name of ["field", "equals", "in", "range", "exists", "and", "or", "not"]) {
          const filter = { field: "n", [name]: given } as MetadataFilter;
          await tame(() => db.search(query, 1, { filter }));
          await tame(() => db.search(query, 1, { filter: { [name]: other } as MetadataFilter }));
        }
        const filter = { field: other, equals: given } as MetadataFilter;
        await tame(() => db.search(query, 1, { filter }));
        same(await db.stateDigest(), digest, "digest");
      });
      await fc.assert(property, { numRuns: 2 * runs });
    });

    test("any value as options is taken or is a DeltaError", async () => {
      const names = [
        "dimensions",
        "maxVectors",
        "metric",
        "replicaId",
        "hnswM",
        "compression",
        "now",
        "history",
        "precision",
        "autoCompact",
        "maxClockAheadMs",
        "quantization",
        "keepFloats",
        "idleRepair",
        "recallSampleRate",
      ];
      const property = fc.asyncProperty(
        fc.oneof(ANY, fc.record({ name: fc.constantFrom(...names), value: ANY })),
        async (given) => {
          const { name, value } = (given ?? {}) as { name?: string; value?: unknown };
          const options = typeof name === "string" ? { [name]: value } : given;
          await tame(async () => (await open(options as DeltaDBOptions)).close());
        },
      );
      await fc.assert(property, { numRuns: runs });
    });
  };
  if (!typed) {
    anything();
  }

  const closing = async (): Promise<void> => {
    for (const name of ["before", "keepLast", "ids", "maxBytes", "since", "signal"]) {
      const db = await open({ dimensions: 2 });
      await db.applyDelta(create("a", 1, 2));
      const options = {
        get [name]() {
          db.close();
          return undefined;
        },
      };
      const call =
        name === "since" || name === "signal"
          ? () => db.deltas(options)
          : () => db.compact(options);
      await fails(call, "CLOSED", /closed/);
      await fails(() => db.getVector("a"), "CLOSED", /the database is closed/);
    }
    const db = await open({ dimensions: 2 });
    class Closing extends Date {
      override getTime(): number {
        db.close();
        return 0;
      }
    }
    await fails(() => db.getVectorAt("a", new Closing()), "CLOSED", /the database is closed/);
  };
  if (synchronous) {
    test("what options do while they are read cannot harm the database", closing);
  }

  const calls: [string, (db: Face) => unknown][] = [
    ["applyDelta", (db) => db.applyDelta(scale("a", 2))],
    ["getVector", (db) => db.getVector("a")],
    ["search", (db) => db.search(Float32Array.of(1, 2), 1)],
    ["close", (db) => db.close()],
  ];
  for (const [name, call] of encodedElsewhere ? [] : calls) {
    test(`a getter of a delta must not call ${name}`, async () => {
      const db = await filled();
      const digest = await db.stateDigest();
      const delta = {
        vectorId: "a",
        get operation() {
          call(db);
          return scale("a", 3).operation;
        },
      };
      await fails(() => db.applyDelta(delta), "INVALID_ARGUMENT", /getter/);
      await fails(() => db.applyDeltas([scale("a", 5), delta]), "INVALID_ARGUMENT", /getter/);
      same(await db.stateDigest(), digest, "digest");
      await db.applyDelta(scale("a", 3));
      same(await db.getVector("a"), Float32Array.of(3, 6));
    });
  }

  test("what a getter of a delta throws comes through, and all is as it was", async () => {
    const db = await filled();
    const digest = await db.stateDigest();
    const trouble = new Error("trouble");
    const delta = {
      get vectorId(): string {
        throw trouble;
      },
      operation: scale("a", 2).operation,
    };
    for (const run of [() => db.applyDelta(delta), () => db.applyDeltas([scale("a", 2), delta])]) {
      let thrown: unknown;
      try {
        await run();
      } catch (error) {
        thrown = error;
      }
      check(thrown === trouble, `${thrown} was thrown`);
    }
    same(await db.stateDigest(), digest, "digest");
    await db.applyDelta(scale("a", 2));
  });

  const noClock = async (): Promise<void> => {
    let time: unknown = 1_700_000_000_000;
    const db = await open({ dimensions: 2, now: () => time as number });
    await db.applyDelta(create("a", 1, 2));
    const digest = await db.stateDigest();
    for (time of [Number.NaN, -1, 2 ** 48, undefined, "now"]) {
      await fails(() => db.applyDelta(scale("a", 2)), "INVALID_ARGUMENT", /now/);
      await fails(() => db.applyDeltas([scale("a", 2)]), "INVALID_ARGUMENT", /now/);
    }
    same(await db.stateDigest(), digest, "digest");
  };
  if (!typed) {
    test("a clock that is no clock is refused, and all is as it was", noClock);
  }

  test("a clock that falls back does not take the ids with it", async () => {
    let time = 1_700_000_000_000;
    const db = await open({ dimensions: 2, now: () => time });
    const first = await db.applyDelta(create("a", 1, 2));
    time -= 5000;
    const second = await db.applyDelta(scale("a", 2));
    same(second.slice(0, 10), first.slice(0, 10), "time");
    check(second > first, "the ids do not ascend");
  });
}
