import fc from "fast-check";
import type { DeltaOperation, VectorDelta } from "../../src/types.ts";
import { check, same, show } from "./check.ts";
import { type Bench, type Face, listed } from "./face.ts";

const DIMENSIONS = 3;
const IDS = ["a", "b", "größe", "d"];
/** Long ago: what has no timestamp is later. */
const EPOCH = 1_700_000_000_000;

interface Vector {
  values: number[];
  metadata: Record<string, unknown>;
}

interface State {
  readonly vectors: Map<string, Vector>;
  /** Time of each id's newest delta, also of what was deleted; infinite if it came without a timestamp. */
  readonly newest: Map<string, number>;
}

/** A delta that the model refuses: at this position, for one of these reasons. */
interface Refusal {
  readonly index: number;
  readonly codes: readonly string[];
}

type Json = Record<string, unknown>;

/** What RFC 7396 says. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) {
    return patch;
  }
  const result: Json =
    typeof target === "object" && target !== null && !Array.isArray(target)
      ? { ...(target as Json) }
      : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      delete result[key];
    } else {
      const before = Object.hasOwn(result, key) ? result[key] : undefined;
      // Not by assignment, to which "__proto__" is more than a key.
      Object.defineProperty(result, key, {
        value: mergePatch(before, value),
        configurable: true,
        enumerable: true,
        writable: true,
      });
    }
  }
  return result;
}

/** What is wrong with a delta whatever the state. */
function malformed(operation: DeltaOperation): string[] {
  if (operation.type !== "sparse") {
    return [];
  }
  const { indices, values } = operation;
  const wrong = indices.length !== values.length || new Set(indices).size !== indices.length;
  return wrong ? ["INVALID_ARGUMENT"] : [];
}

/** What is wrong with a delta in a state. */
function refused(
  { operation, timestamp }: VectorDelta,
  vector: Vector | undefined,
  newest: number,
): string[] {
  const codes: string[] = [];
  if (operation.type === "create" && vector !== undefined) {
    codes.push("VECTOR_EXISTS");
  }
  if (operation.type !== "create" && vector === undefined) {
    codes.push("VECTOR_NOT_FOUND");
  }
  if (timestamp !== undefined && timestamp.getTime() < newest) {
    codes.push("OUT_OF_ORDER");
  }
  const { values: given = [], vector: whole } = operation as {
    values?: Float32Array;
    vector?: Float32Array;
  };
  if (whole !== undefined && whole.length !== DIMENSIONS) {
    codes.push("DIMENSION_MISMATCH");
  }
  if (operation.type === "sparse" && operation.indices.some((index) => index >= DIMENSIONS)) {
    codes.push("INVALID_ARGUMENT");
  }
  const after = vector === undefined ? [] : result(operation, vector.values);
  if (![...given, ...(whole ?? []), ...after].every(Number.isFinite)) {
    codes.push("NOT_FINITE");
  }
  return codes;
}

function result(operation: DeltaOperation, values: readonly number[]): number[] {
  switch (operation.type) {
    case "create":
    case "dense":
      return [...operation.vector];
    case "sparse": {
      const { indices, values: given } = operation;
      return values.map((value, i) => (indices.includes(i) ? given[indices.indexOf(i)] : value));
    }
    case "scale":
      return values.map((value) => Math.fround(value * Math.fround(operation.factor)));
    case "offset":
      return values.map((value) => Math.fround(value + Math.fround(operation.amount)));
    default:
      return [];
  }
}

/** Applies a batch to a copy of the state; or says by which deltas, and why, it may be refused. */
function apply(state: State, batch: readonly VectorDelta[]): State | Refusal[] {
  const refusals: Refusal[] = batch
    .map(({ operation }, index) => ({ index, codes: malformed(operation) }))
    .filter(({ codes }) => codes.length > 0);
  const next: State = { vectors: new Map(state.vectors), newest: new Map(state.newest) };
  for (const [index, delta] of batch.entries()) {
    const { vectorId, operation, metadata, timestamp } = delta;
    const vector = next.vectors.get(vectorId);
    const newest = next.newest.get(vectorId) ?? 0;
    const codes = [...malformed(operation), ...refused(delta, vector, newest)];
    if (codes.length > 0) {
      return [...refusals, { index, codes }];
    }
    next.newest.set(vectorId, timestamp?.getTime() ?? Number.POSITIVE_INFINITY);
    if (operation.type === "delete") {
      next.vectors.delete(vectorId);
    } else {
      next.vectors.set(vectorId, {
        values: result(operation, vector?.values ?? []),
        metadata: mergePatch(vector?.metadata ?? {}, metadata ?? {}) as Json,
      });
    }
  }
  return next;
}

const float: fc.Arbitrary<number> = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: -3, max: 3 }) },
  { weight: 10, arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 3e38, -0) },
);

const floats = (length: fc.Arbitrary<number>): fc.Arbitrary<Float32Array> =>
  length.chain((n) =>
    fc.array(float, { minLength: n, maxLength: n }).map((values) => Float32Array.from(values)),
  );

const vector: fc.Arbitrary<Float32Array> = floats(
  fc.oneof({ weight: 12, arbitrary: fc.constant(DIMENSIONS) }, fc.nat(DIMENSIONS + 2)),
);

const indices: fc.Arbitrary<Uint32Array> = fc
  .oneof(
    {
      weight: 8,
      arbitrary: fc.shuffledSubarray([0, 1, 2]),
    },
    { weight: 1, arbitrary: fc.array(fc.nat(DIMENSIONS), { maxLength: 4 }) },
  )
  .map((list) => Uint32Array.from(list));

const sparse: fc.Arbitrary<DeltaOperation> = indices.chain((list) =>
  floats(fc.oneof({ weight: 12, arbitrary: fc.constant(list.length) }, fc.nat(DIMENSIONS))).map(
    (values) => ({ type: "sparse", indices: list, values }),
  ),
);

const operation: fc.Arbitrary<DeltaOperation> = fc.oneof(
  { weight: 3, arbitrary: vector.map((v): DeltaOperation => ({ type: "create", vector: v })) },
  { weight: 3, arbitrary: sparse },
  { weight: 2, arbitrary: vector.map((v): DeltaOperation => ({ type: "dense", vector: v })) },
  { weight: 2, arbitrary: float.map((factor): DeltaOperation => ({ type: "scale", factor })) },
  { weight: 2, arbitrary: float.map((amount): DeltaOperation => ({ type: "offset", amount })) },
  { weight: 2, arbitrary: fc.constant<DeltaOperation>({ type: "delete" }) },
);

const patch: fc.Arbitrary<Json> = fc.letrec<{ patch: Json }>((tie) => ({
  patch: fc.dictionary(
    fc.constantFrom("x", "y", "__proto__", "ключ", 'q"'),
    fc.oneof(
      { maxDepth: 3 },
      fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), fc.string({ unit: "binary" })),
      fc.array(fc.oneof(fc.constant(null), fc.integer()), { maxLength: 2 }),
      tie("patch"),
    ),
    { maxKeys: 3, noNullPrototype: true },
  ),
})).patch;

const delta: fc.Arbitrary<VectorDelta> = fc
  .record({
    vectorId: fc.constantFrom(...IDS),
    operation,
    metadata: fc.option(patch, { nil: undefined, freq: 2 }),
    timestamp: fc.option(fc.nat(9), { nil: undefined, freq: 1 }),
  })
  .map(({ vectorId, operation: op, metadata, timestamp }) => ({
    vectorId,
    operation: op,
    ...(metadata === undefined || op.type === "delete" ? {} : { metadata }),
    ...(timestamp === undefined ? {} : { timestamp: new Date(EPOCH + timestamp) }),
  }));

const history: fc.Arbitrary<VectorDelta[][]> = fc.array(fc.array(delta, { maxLength: 5 }), {
  maxLength: 15,
});

async function compare(db: Face, { vectors }: State): Promise<void> {
  same(await db.size, vectors.size, "size");
  same((await listed(db)).sort(), [...vectors.keys()].sort(), "ids");
  for (const id of IDS) {
    const expected = vectors.get(id);
    same(await db.has(id), expected !== undefined, `has ${id}`);
    same(
      await db.getVector(id),
      expected === undefined ? null : Float32Array.from(expected.values),
      `vector ${id}`,
    );
    same(await db.getMetadata(id), expected?.metadata ?? null, `metadata of ${id}`);
  }
  const hits = await db.search(Float32Array.of(1, 2, 3), IDS.length);
  same(hits.map(({ id }) => id).sort(), [...vectors.keys()].sort(), "found");
}

/** The digest of a database that was given the state at once. */
async function digestOf(db: Face, { vectors }: State): Promise<string> {
  await db.applyDeltas(
    [...vectors].map(([vectorId, { values, metadata }]) => ({
      vectorId,
      operation: { type: "create", vector: Float32Array.from(values) },
      metadata,
    })),
  );
  return db.stateDigest();
}

/** Random histories, right and wrong, against a naive model; seed and smallest case are in the error. */
export function model({ test, open }: Bench, runs: number): void {
  test("random batches do what a naive model does", async () => {
    const property = fc.asyncProperty(history, async (batches) => {
      const db = await open({ dimensions: DIMENSIONS });
      const fresh = await open({ dimensions: DIMENSIONS });
      let state: State = { vectors: new Map(), newest: new Map() };
      for (const batch of batches) {
        const expected = apply(state, batch);
        const digest = await db.stateDigest();
        try {
          await db.applyDeltas(batch);
          check(!Array.isArray(expected), `applied what ${show(expected)} should refuse`);
          state = expected;
        } catch (error) {
          const { code, index } = error as { code?: string; index?: number };
          if (code === undefined) {
            throw error;
          }
          check(
            Array.isArray(expected) &&
              expected.some((r) => r.index === index && r.codes.includes(code)),
            `${error} at ${index}, expected ${Array.isArray(expected) ? show(expected) : "none"}`,
          );
          same(await db.stateDigest(), digest, "digest after a refusal");
        }
        await compare(db, state);
      }
      same(await db.stateDigest(), await digestOf(fresh, state), "digest of the same state");
      await db.close();
      await fresh.close();
    });
    await fc.assert(property, { numRuns: runs });
  });
}
