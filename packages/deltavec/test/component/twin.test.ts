// The second world beside the package: the same calls, the same answers, the same bytes. DELTAVEC_RUNS says how many random
// histories are tried.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { DeltaVectorDB, init } from "deltavec";
import { type Database, type Databases, instantiate } from "deltavec/component";
import fc from "fast-check";

const { DELTAVEC_RUNS = 60 } = process.env;
const DIMENSIONS = 5;

let time = 0;
let databases: Databases;

before(async () => {
  await init();
  databases = await instantiate({ now: () => time });
});

/** One database, twice. */
interface Twins {
  readonly own: DeltaVectorDB;
  readonly wit: Database;
}

interface Form {
  readonly compression: boolean;
  readonly grid: number | undefined;
  readonly quantization: "none" | "int8" | "int4";
  readonly checkpointInterval: number;
}

const anyForm: fc.Arbitrary<Form> = fc.record({
  compression: fc.boolean(),
  grid: fc.constantFrom(undefined, 1024),
  quantization: fc.constantFrom("none", "int8", "int4"),
  checkpointInterval: fc.constantFrom(1, 4, 100),
});

function twins(form: Form, replica: number): Twins {
  const { grid, ...rest } = form;
  const options = { ...rest, dimensions: DIMENSIONS, maxVectors: 6 };
  return {
    own: new DeltaVectorDB({
      ...options,
      ...(grid === undefined ? {} : { precision: { grid } }),
      replicaId: replica.toString(16).padStart(12, "0"),
      idleRepair: false,
      now: () => time,
    }),
    wit: databases.Database.open({
      ...options,
      ...(grid === undefined ? {} : { grid }),
      replica: BigInt(replica),
    }),
  };
}

/** Runs the same on both. Both must be refused with the same code, or both give something. */
function both<A, B>(own: () => A, wit: () => B): [A, B] | undefined {
  const first = outcome(own);
  const second = outcome(wit);
  assert.equal(second.code, first.code);
  return first.code === undefined ? [first.value as A, second.value as B] : undefined;
}

function outcome<T>(run: () => T): { value?: T; code?: string | undefined } {
  try {
    return { value: run() };
  } catch (error) {
    const { code, payload } = error as { code?: string; payload?: { tag: string } };
    if (payload === undefined && code === undefined) {
      throw error;
    }
    return { code: payload?.tag ?? code?.toLowerCase().replaceAll("_", "-") };
  }
}

const anyId = fc.constantFrom("a", "b", "é😀", "d", "e", "f", "g", "h");
const anyFloat = fc.float({ min: -100, max: 100, noNaN: true });
const anyVector = fc
  .array(anyFloat, { minLength: DIMENSIONS, maxLength: DIMENSIONS })
  .map((list) => Float32Array.from(list));
const anyMetadata = fc.option(
  fc.constantFrom<Record<string, unknown>>({ x: 1 }, { x: null, y: ["ß"] }, { y: { z: 0.5 } }),
  { nil: undefined },
);
const anySparse = fc.uniqueArray(fc.nat(DIMENSIONS), { maxLength: 4 }).chain((indices) =>
  fc.array(anyFloat, { minLength: indices.length, maxLength: indices.length }).map((values) => ({
    indices: Uint32Array.from(indices),
    values: Float32Array.from(values),
  })),
);

type Step = (here: Twins, there: Twins) => void;

const steps: readonly fc.Arbitrary<Step>[] = [
  fc
    .record({
      id: anyId,
      kind: fc.constantFrom("create", "create", "sparse", "dense", "scale", "delete"),
      vector: anyVector,
      sparse: anySparse,
      factor: anyFloat,
      metadata: anyMetadata,
    })
    .map(
      ({ id: vectorId, kind, vector, sparse, factor, metadata }): Step =>
        ({ own, wit }) => {
          const given = kind === "delete" ? undefined : metadata;
          const rest = given === undefined ? {} : { metadata: given };
          const witRest = given === undefined ? {} : { metadata: JSON.stringify(given) };
          const [operation, witOperation] =
            kind === "create" || kind === "dense"
              ? ([
                  { type: kind, vector },
                  { tag: kind, val: vector.slice() },
                ] as const)
              : kind === "sparse"
                ? ([
                    { type: kind, ...sparse },
                    {
                      tag: kind,
                      val: { indices: sparse.indices.slice(), values: sparse.values.slice() },
                    },
                  ] as const)
                : kind === "scale"
                  ? ([
                      { type: "scale", factor },
                      { tag: "scale", val: factor },
                    ] as const)
                  : ([{ type: "delete" }, { tag: "delete" }] as const);
          const ids = both(
            () => own.applyDeltas([{ vectorId, operation, ...rest }]),
            () => wit.apply([{ vectorId, operation: witOperation, ...witRest }]),
          );
          assert.deepEqual(ids?.[1], ids?.[0]);
        },
    ),
  anyVector.map(
    (query): Step =>
      ({ own, wit }) => {
        assert.deepEqual(wit.search(query, 3, {}), own.search(query, 3));
        const hits = wit.search(query, 3, {
          filter: '{"exists":[["y"]]}',
          metric: "dot",
          exact: true,
        });
        const filter = { field: "y", exists: true } as const;
        assert.deepEqual(hits, own.search(query, 3, { filter, metric: "dot", exact: true }));
      },
  ),
  fc.tuple(anyId, fc.nat(3000)).map(
    ([id, ago]): Step =>
      ({ own, wit }) => {
        const then = Math.max(0, time - ago);
        assert.deepEqual(wit.getVector(id) ?? null, own.getVector(id));
        const vectors = both(
          () => own.getVectorAt(id, new Date(then)),
          () => wit.getVectorAt(id, BigInt(then)) ?? null,
        );
        assert.deepEqual(vectors?.[1], vectors?.[0]);
        const chain = own.getDeltaChain(id);
        const witChain = wit.chain(id);
        assert.deepEqual(
          witChain?.deltas.map(({ deltaId, timestamp, origin }) => [deltaId, timestamp, origin]) ??
            [],
          chain.deltas.map((d) => [d.deltaId, BigInt(d.timestamp.getTime()), d.origin]),
        );
        assert.deepEqual(
          [...(witChain?.checkpoints ?? [])],
          chain.deltas.flatMap((d, i) => (d.checkpoint ? [i] : [])),
        );
        const [first] = chain.deltas;
        if (first !== undefined) {
          const issued = both(
            () => own.rollbackTo(id, first.deltaId)[0],
            () => wit.rollbackTo(id, first.deltaId),
          );
          assert.equal(issued?.[1], issued?.[0]);
        }
      },
  ),
  fc.constant<Step>((here, there) => {
    const streams = both(
      () => there.own.deltasSince(here.own.cursor()),
      () => there.wit.deltasSince(here.wit.cursor()),
    );
    if (streams !== undefined) {
      assert.deepEqual(streams[1], streams[0]);
      // What the one gives, the other takes.
      const result = here.own.merge(streams[1]);
      const { merged, duplicates, rejected, rejectedFrames } = here.wit.merge(streams[0]);
      assert.deepEqual(
        { merged, duplicates, rejected: { count: rejected, bytes: rejectedFrames } },
        result,
      );
    }
  }),
  fc.nat(4).map(
    (keepLast): Step =>
      ({ own, wit }) => {
        const { chains, deltas, bytesAfter } = own.compact({ keepLast });
        const stats = wit.compact({ keepLast });
        assert.deepEqual(
          [stats.chains, stats.deltas, Number(stats.bytesAfter)],
          [chains, deltas, bytesAfter],
        );
      },
  ),
  fc.record({ index: fc.boolean(), history: fc.boolean() }).map(
    (options): Step =>
      (here, there) => {
        const bytes = here.own.export(options);
        assert.deepEqual(here.wit.export(options), bytes);
        // Each takes the other's, into a database that goes no further: what it draws from now on differs.
        const form = { compression: true, quantization: "int8", checkpointInterval: 100 } as const;
        const { precision } = here.own.options;
        const fresh = twins({ ...form, grid: precision?.grid }, 99);
        const taken = fresh.own.import(here.wit.export(options));
        const { vectors, deltas, index, history } = fresh.wit.import(bytes);
        assert.deepEqual(
          { vectors, deltas, index, history },
          {
            vectors: taken.vectors,
            deltas: taken.deltas,
            index: taken.index,
            history: taken.history,
          },
        );
        assert.equal(fresh.wit.stateDigest(), here.own.stateDigest());
        assert.equal(there.wit.stateDigest(), there.own.stateDigest());
        fresh.own.close();
        fresh.wit[Symbol.dispose]();
      },
  ),
];

test("answers as the package does, to the byte, whatever is called", () => {
  const anyStep = fc.oneof(
    { arbitrary: steps[0] as fc.Arbitrary<Step>, weight: 6 },
    ...steps.slice(1).map((arbitrary) => ({ arbitrary, weight: 1 })),
  );
  const anyHistory = fc.array(fc.record({ step: anyStep, side: fc.nat(1), pass: fc.nat(900) }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(anyForm, anyHistory, (form, history) => {
      time = 1_000_000;
      const pairs = [twins(form, 0x123456789abc), twins(form, 7)] as const;
      try {
        for (const { step, side, pass } of history) {
          time += pass;
          step(pairs[side] as Twins, pairs[1 - side] as Twins);
        }
        for (const { own, wit } of pairs) {
          assert.equal(wit.stateDigest(), own.stateDigest());
          assert.equal(wit.position(), own.position);
          assert.deepEqual(wit.ids(0, 100).ids, [...own.ids()]);
        }
      } finally {
        for (const { own, wit } of pairs) {
          own.close();
          wit[Symbol.dispose]();
        }
      }
    }),
    { numRuns: Number(DELTAVEC_RUNS) },
  );
});
