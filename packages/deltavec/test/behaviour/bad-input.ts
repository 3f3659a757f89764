import type { VectorDelta } from "../../src/types.ts";
import { fails, same } from "./check.ts";
import { create, dense, offset, remove, scale, sequenceOf, sparse, wrong } from "./deltas.ts";
import type { Bench, Face } from "./face.ts";

interface Case {
  readonly name: string;
  readonly delta: VectorDelta;
  readonly code: string;
  /** Must name the thing. */
  readonly message: RegExp;
  /** Whether the delta exists in typed languages; the others' types do not allow it. */
  readonly untyped?: true;
  /** Whether the delta has a text that is none in Unicode. */
  readonly illFormed?: true;
}

const nested = (depth: number): Record<string, unknown> =>
  depth === 0 ? {} : { deeper: nested(depth - 1) };

const cyclic: Record<string, unknown> = {};
Object.assign(cyclic, { self: cyclic });

/** The database holds "a", [1, 2, 3] with metadata, and "b", [3e38, 2, 1]. */
const CASES: readonly Case[] = [
  {
    name: "create with too few values",
    delta: create("c", 1, 2),
    code: "DIMENSION_MISMATCH",
    message: /"c".*\b2\b.*\b3\b/,
  },
  {
    name: "create with too many values",
    delta: create("c", 1, 2, 3, 4),
    code: "DIMENSION_MISMATCH",
    message: /"c".*\b4\b.*\b3\b/,
  },
  {
    name: "create with no values",
    delta: create("c"),
    code: "DIMENSION_MISMATCH",
    message: /"c".*\b0\b.*\b3\b/,
  },
  {
    name: "create with more values than any vector has",
    delta: {
      vectorId: "c",
      operation: { type: "create", vector: new Float32Array(5_000_000) },
    },
    code: "DIMENSION_MISMATCH",
    message: /"c".*\b5000000\b/,
  },
  {
    name: "dense with too few values",
    delta: dense("a", 1),
    code: "DIMENSION_MISMATCH",
    message: /"a".*\b1\b.*\b3\b/,
  },
  {
    name: "create with NaN",
    delta: create("c", 1, Number.NaN, 3),
    code: "NOT_FINITE",
    message: /value 1\b.*"c"/,
  },
  {
    name: "create with infinity",
    delta: create("c", 1, 2, Number.POSITIVE_INFINITY),
    code: "NOT_FINITE",
    message: /value 2\b.*"c"/,
  },
  {
    name: "dense with minus infinity",
    delta: dense("a", Number.NEGATIVE_INFINITY, 2, 3),
    code: "NOT_FINITE",
    message: /value 0\b.*"a"/,
  },
  {
    name: "sparse with NaN",
    delta: sparse("a", 0, 1, 2, Number.NaN),
    code: "NOT_FINITE",
    message: /value 1\b.*"a"/,
  },
  {
    name: "scale by NaN",
    delta: scale("a", Number.NaN),
    code: "NOT_FINITE",
    message: /scale.*"a"/,
  },
  {
    name: "scale by a factor beyond float32",
    delta: scale("a", 1e39),
    code: "NOT_FINITE",
    message: /scale.*"a"/,
  },
  {
    name: "offset by infinity",
    delta: offset("a", Number.POSITIVE_INFINITY),
    code: "NOT_FINITE",
    message: /offset.*"a"/,
  },
  {
    name: "scale that overflows a value",
    delta: scale("b", 2),
    code: "NOT_FINITE",
    message: /scale.*"b"/,
  },
  {
    name: "offset that overflows a value",
    delta: offset("b", 3e38),
    code: "NOT_FINITE",
    message: /offset.*"b"/,
  },
  {
    name: "sparse with an index that is out of range",
    delta: sparse("a", 0, 1, 3, 1),
    code: "INVALID_ARGUMENT",
    message: /index 3\b.*"a".*\b3\b/,
  },
  {
    name: "sparse with the largest index",
    delta: sparse("a", 4_294_967_295, 1),
    code: "INVALID_ARGUMENT",
    message: /index 4294967295\b.*"a"/,
  },
  {
    name: "sparse with a repeated index",
    delta: sparse("a", 0, 1, 1, 2, 1, 3),
    code: "INVALID_ARGUMENT",
    message: /"a".*index 1 is repeated/,
  },
  {
    name: "sparse with a repeated index, out of order",
    delta: sparse("a", 2, 1, 0, 2, 2, 3),
    code: "INVALID_ARGUMENT",
    message: /"a".*index 2 is repeated/,
  },
  {
    name: "sparse with more indices than the vector has values",
    delta: sparse("a", 0, 1, 1, 1, 2, 1, 3, 1),
    code: "INVALID_ARGUMENT",
    message: /\b4\b.*"a".*\b3\b/,
  },
  {
    name: "sparse with fewer values than indices",
    delta: {
      vectorId: "a",
      operation: { type: "sparse", indices: Uint32Array.of(0, 1), values: Float32Array.of(1) },
    },
    code: "INVALID_ARGUMENT",
    message: /"a".*2 indices.*1 values/,
  },
  {
    name: "an empty id",
    delta: create("", 1, 2, 3),
    code: "INVALID_ARGUMENT",
    message: /vectorId is empty/,
  },
  {
    name: "an id of 1,025 letters",
    delta: create("x".repeat(1025), 1, 2, 3),
    code: "INVALID_ARGUMENT",
    message: /(?=.*vectorId).*"xxx.*1024 bytes/,
  },
  {
    name: "an id of 1,026 bytes in 342 letters",
    delta: create("語".repeat(342), 1, 2, 3),
    code: "INVALID_ARGUMENT",
    message: /(?=.*vectorId).*"語.*1024 bytes/,
  },
  {
    name: "an id with a lone surrogate",
    delta: create("a\ud800b", 1, 2, 3),
    code: "INVALID_ARGUMENT",
    message: /vectorId "a\\ud800b".*surrogate/,
    illFormed: true,
  },
  {
    name: "create of a vector that exists",
    delta: create("a", 1, 2, 3),
    code: "VECTOR_EXISTS",
    message: /"a"/,
  },
  {
    name: "sparse of a vector that does not exist",
    delta: sparse("nobody", 0, 1),
    code: "VECTOR_NOT_FOUND",
    message: /"nobody"/,
  },
  {
    name: "dense of a vector that does not exist",
    delta: dense("nobody", 1, 2, 3),
    code: "VECTOR_NOT_FOUND",
    message: /"nobody"/,
  },
  {
    name: "scale of a vector that does not exist",
    delta: scale("nobody", 1),
    code: "VECTOR_NOT_FOUND",
    message: /"nobody"/,
  },
  {
    name: "offset of a vector that does not exist",
    delta: offset("nobody", 1),
    code: "VECTOR_NOT_FOUND",
    message: /"nobody"/,
  },
  {
    name: "delete of a vector that does not exist",
    delta: remove("nobody"),
    code: "VECTOR_NOT_FOUND",
    message: /"nobody"/,
  },
  {
    name: "a timestamp before the vector's newest delta",
    delta: { ...scale("a", 2), timestamp: new Date(1_600_000_000_000) },
    code: "OUT_OF_ORDER",
    message: /1600000000000.*"a".*1700000000000/,
  },
  {
    name: "a timestamp before 1970",
    delta: { ...scale("a", 2), timestamp: new Date(-1) },
    code: "INVALID_ARGUMENT",
    message: /"a".*timestamp/,
  },
  {
    name: "a timestamp beyond 48 bits",
    delta: { ...scale("a", 2), timestamp: new Date(2 ** 48) },
    code: "INVALID_ARGUMENT",
    message: /"a".*timestamp/,
  },
  {
    name: "a timestamp that is no time",
    delta: { ...scale("a", 2), timestamp: new Date(Number.NaN) },
    code: "INVALID_ARGUMENT",
    message: /"a".*timestamp/,
    untyped: true,
  },
  {
    name: "metadata of a delete",
    delta: { ...remove("a"), metadata: {} },
    code: "INVALID_ARGUMENT",
    message: /"a".*metadata/,
  },
  {
    name: "metadata that nests 100 levels deep",
    delta: { ...scale("a", 2), metadata: nested(100) },
    code: "INVALID_ARGUMENT",
    message: /metadata.*(deep|nest)/,
  },
  {
    name: "metadata that nests 2,000 lists deep",
    delta: {
      ...scale("a", 2),
      metadata: { list: JSON.parse("[".repeat(2000) + "]".repeat(2000)) },
    },
    code: "INVALID_ARGUMENT",
    message: /metadata.*(deep|nest)/,
  },
  {
    name: "metadata of 300 kilobytes",
    delta: { ...scale("a", 2), metadata: { text: "x".repeat(300_000) } },
    code: "INVALID_ARGUMENT",
    message: /metadata.*"a".*bytes|"a".*metadata.*bytes/,
  },
  {
    name: "metadata of 17 megabytes",
    delta: { ...scale("a", 2), metadata: { text: "x".repeat(17_000_000) } },
    code: "INVALID_ARGUMENT",
    message: /"a".*metadata.*bytes/,
  },
  {
    name: "metadata with NaN, which JSON would write as null",
    delta: { ...scale("a", 2), metadata: { deep: [{ n: Number.NaN }] } },
    code: "NOT_FINITE",
    message: /"a".*metadata\.deep\[0\]\.n/,
    untyped: true,
  },
  {
    name: "metadata that holds itself",
    delta: { ...scale("a", 2), metadata: cyclic },
    code: "INVALID_ARGUMENT",
    message: /"a".*metadata.*JSON/,
    untyped: true,
  },
  {
    name: "metadata with a bigint",
    delta: { ...scale("a", 2), metadata: { n: 1n } },
    code: "INVALID_ARGUMENT",
    message: /"a".*metadata.*JSON/,
    untyped: true,
  },
  {
    name: "metadata that is a list",
    delta: wrong({ ...scale("a", 2), metadata: [1] }),
    code: "INVALID_ARGUMENT",
    message: /"a".*metadata.*Array/,
    untyped: true,
  },
  {
    name: "metadata that is null",
    delta: wrong({ ...scale("a", 2), metadata: null }),
    code: "INVALID_ARGUMENT",
    message: /"a".*metadata.*null/,
    untyped: true,
  },
  {
    name: "metadata that turns into text",
    delta: wrong({ ...scale("a", 2), metadata: { toJSON: () => "text" } }),
    code: "INVALID_ARGUMENT",
    message: /"a".*metadata/,
    untyped: true,
  },
  {
    name: "an unknown operation",
    delta: wrong({ vectorId: "a", operation: { type: "rotate" } }),
    code: "INVALID_ARGUMENT",
    message: /"a".*operation "rotate"/,
    untyped: true,
  },
  {
    name: "an operation without a type",
    delta: wrong({ vectorId: "a", operation: {} }),
    code: "INVALID_ARGUMENT",
    message: /"a".*operation undefined/,
    untyped: true,
  },
  {
    name: "no operation",
    delta: wrong({ vectorId: "a" }),
    code: "INVALID_ARGUMENT",
    message: /"a".*operation.*undefined/,
    untyped: true,
  },
  {
    name: "no delta",
    delta: wrong(undefined),
    code: "INVALID_ARGUMENT",
    message: /delta.*undefined/,
    untyped: true,
  },
  {
    name: "a number as id",
    delta: wrong({ vectorId: 7, operation: { type: "delete" } }),
    code: "INVALID_ARGUMENT",
    message: /vectorId.*\b7\b/,
    untyped: true,
  },
  {
    name: "a text as vector",
    delta: wrong({ vectorId: "c", operation: { type: "create", vector: "123" } }),
    code: "INVALID_ARGUMENT",
    message: /"c".*vector.*Float32Array.*"123"/,
    untyped: true,
  },
  {
    name: "a list with a text in it as vector",
    delta: wrong({ vectorId: "c", operation: { type: "create", vector: [1, "2", 3] } }),
    code: "INVALID_ARGUMENT",
    message: /"c".*vector.*\[1\].*"2"/,
    untyped: true,
  },
  {
    name: "a negative index",
    delta: wrong({ vectorId: "a", operation: { type: "sparse", indices: [-1], values: [1] } }),
    code: "INVALID_ARGUMENT",
    message: /"a".*index -1/,
    untyped: true,
  },
  {
    name: "half an index",
    delta: wrong({ vectorId: "a", operation: { type: "sparse", indices: [0.5], values: [1] } }),
    code: "INVALID_ARGUMENT",
    message: /"a".*index 0\.5/,
    untyped: true,
  },
  {
    name: "sparse without values",
    delta: wrong({ vectorId: "a", operation: { type: "sparse", indices: [0] } }),
    code: "INVALID_ARGUMENT",
    message: /"a".*values.*undefined/,
    untyped: true,
  },
  {
    name: "a text as factor",
    delta: wrong({ vectorId: "a", operation: { type: "scale", factor: "2" } }),
    code: "INVALID_ARGUMENT",
    message: /"a".*factor.*"2"/,
    untyped: true,
  },
  {
    name: "no amount",
    delta: wrong({ vectorId: "a", operation: { type: "offset" } }),
    code: "INVALID_ARGUMENT",
    message: /"a".*amount.*undefined/,
    untyped: true,
  },
  {
    name: "a number as timestamp",
    delta: wrong({ ...scale("a", 2), timestamp: 1_800_000_000_000 }),
    code: "INVALID_ARGUMENT",
    message: /"a".*timestamp.*1800000000000/,
    untyped: true,
  },
];

const LONE_SURROGATE: [string, unknown, RegExp] = [
  "an id with a lone surrogate",
  "\udc00",
  /surrogate/,
];

async function filled({ open }: Bench): Promise<Face> {
  const db = await open({ dimensions: 3 });
  const timestamp = new Date(1_700_000_000_000);
  await db.applyDelta({ ...create("a", 1, 2, 3), metadata: { n: 1 }, timestamp });
  await db.applyDelta({ ...create("b", 3e38, 2, 1), timestamp });
  return db;
}

/**
 * What is refused: each with its code, a message that names the thing, and the database as it was.
 *
 * @param options - as of the suite
 */
export function badInput(
  bench: Bench,
  { typed, unsigned, lenient }: Readonly<Record<"typed" | "unsigned" | "lenient", boolean>>,
): void {
  const { test } = bench;
  for (const { name, delta, code, message, untyped, illFormed } of CASES) {
    if ((typed && untyped === true) || (unsigned && illFormed === true)) {
      continue;
    }
    test(`refused: ${name}`, async () => {
      const db = await filled(bench);
      const digest = await db.stateDigest();
      await fails(() => db.applyDelta(delta), code, message);
      same(await db.stateDigest(), digest, "digest");
      same(await db.size, 2, "size");
      await db.applyDelta(scale("a", 2));
      same(await db.getVector("a"), Float32Array.of(2, 4, 6), "vector after the next delta");
    });

    test(`refused with its whole batch: ${name}`, async () => {
      const db = await filled(bench);
      const digest = await db.stateDigest();
      const batch = [
        { ...create("new", 7, 8, 9), metadata: { new: true } },
        { ...sparse("b", 1, 5), metadata: { n: 2 } },
        delta,
        create("newer", 1, 1, 1),
      ];
      await fails(() => db.applyDeltas(batch), code, message, 2);
      same(await db.stateDigest(), digest, "digest");
      same(await db.size, 2, "size");
      same(await db.has("new"), false, "there is what the batch created");
      same(await db.getVector("b"), Float32Array.of(3e38, 2, 1), "vector");
      same((await db.search(Float32Array.of(7, 8, 9), 10)).length, 2, "number of hits");
      batch.splice(2, 1);
      same((await db.applyDeltas(batch)).length, 3, "number of deltas without it");
    });
  }

  test("a refused batch undoes deletes, creates and changes of one vector", async () => {
    const db = await filled(bench);
    const digest = await db.stateDigest();
    await fails(
      () =>
        db.applyDeltas([
          scale("a", 2),
          remove("a"),
          { ...create("a", 9, 9, 9), metadata: { other: 1 } },
          offset("a", 1),
          remove("b"),
          remove("a"),
          remove("a"),
        ]),
      "VECTOR_NOT_FOUND",
      /delta 6.*"a"/,
      6,
    );
    same(await db.stateDigest(), digest, "digest");
    same(await db.getVector("a"), Float32Array.of(1, 2, 3));
    same(await db.getMetadata("a"), { n: 1 });
    const [hit] = await db.search(Float32Array.of(1, 2, 3), 1);
    same(hit.id, "a", "closest");
  });

  test("a refused batch issues no delta ids", async () => {
    const db = await bench.open({ dimensions: 1 });
    same(sequenceOf(await db.applyDelta(create("a", 1))), 1, "sequence");
    await fails(() => db.applyDeltas([scale("a", 1), remove("b")]), "VECTOR_NOT_FOUND", /"b"/, 1);
    same(sequenceOf(await db.applyDelta(scale("a", 1))), 2, "sequence");
  });

  const queries: [string, unknown, unknown, string, RegExp][] = [
    [
      "a query that is too short",
      Float32Array.of(1),
      1,
      "DIMENSION_MISMATCH",
      /query.*\b1\b.*\b3\b/,
    ],
    ["a query that is too long", new Float32Array(9999), 1, "DIMENSION_MISMATCH", /query.*9999/],
    ["an empty query", new Float32Array(0), 1, "DIMENSION_MISMATCH", /query.*\b0\b/],
    ["a query with NaN", Float32Array.of(1, Number.NaN, 1), 1, "NOT_FINITE", /query/],
    ["a query with infinity", Float32Array.of(1, 1, -1 / 0), 1, "NOT_FINITE", /query/],
    ["k of 0", Float32Array.of(1, 1, 1), 0, "INVALID_ARGUMENT", /\bk\b.*\b0\b/],
  ];
  const negative: typeof queries = [
    ["a negative k", Float32Array.of(1, 1, 1), -1, "INVALID_ARGUMENT", /\bk\b.*-1/],
  ];
  const untypedQueries: typeof queries = [
    ["half a k", Float32Array.of(1, 1, 1), 1.5, "INVALID_ARGUMENT", /\bk\b.*1\.5/],
    ["no k", Float32Array.of(1, 1, 1), undefined, "INVALID_ARGUMENT", /\bk\b.*undefined/],
    ["an infinite k", Float32Array.of(1, 1, 1), 1 / 0, "INVALID_ARGUMENT", /\bk\b.*Infinity/],
    ["no query", undefined, 1, "INVALID_ARGUMENT", /query.*undefined/],
    ["a query of text", ["1", 2, 3], 1, "INVALID_ARGUMENT", /query.*\[0\].*"1"/],
  ];
  for (const [name, query, k, code, message] of [
    ...queries,
    ...(unsigned ? [] : negative),
    ...(typed ? [] : untypedQueries),
  ]) {
    test(`refused: search with ${name}`, async () => {
      const db = await filled(bench);
      const digest = await db.stateDigest();
      await fails(() => db.search(query as Float32Array, k as number), code, message);
      same(await db.stateDigest(), digest, "digest");
    });
  }

  if (!typed) {
    test("refused: a batch that is no list", async () => {
      const db = await filled(bench);
      const batch = { length: 1, 0: scale("a", 2) } as unknown as VectorDelta[];
      await fails(() => db.applyDeltas(batch), "INVALID_ARGUMENT", /deltas.*Object/);
    });

    test("refused: a batch with a hole", async () => {
      const db = await filled(bench);
      const batch = [scale("a", 2)];
      batch[2] = scale("a", 2);
      await fails(() => db.applyDeltas(batch), "INVALID_ARGUMENT", /delta.*undefined/, 1);
    });
  }

  const ids: [string, unknown, RegExp][] = [
    ["an empty id", "", /vectorId is empty/],
    ["an id of 1,025 letters", "x".repeat(1025), /vectorId.*"xxx.*1024/],
    ...(unsigned ? [] : [LONE_SURROGATE]),
    ...(typed ? [] : ([["a number as id", 7, /vectorId.*7/]] as [string, unknown, RegExp][])),
  ];
  for (const [name, id, message] of ids) {
    test(`refused by getVector, getMetadata and has: ${name}`, async () => {
      const db = await filled(bench);
      await fails(() => db.getMetadata(id as string), "INVALID_ARGUMENT", message);
      if (lenient) {
        same([await db.getVector(id as string), await db.has(id as string)], [null, false]);
        return;
      }
      await fails(() => db.getVector(id as string), "INVALID_ARGUMENT", message);
      await fails(() => db.has(id as string), "INVALID_ARGUMENT", message);
    });
  }

  const options: [string, Record<string, unknown>][] = [
    ["dimensions", { dimensions: 0 }],
    ["dimensions", { dimensions: 65_537 }],
    ["dimensions", { dimensions: -1 }],
    ["maxVectors", { maxVectors: 0 }],
    ["maxVectors", { maxVectors: 268_435_457 }],
    ["checkpointInterval", { checkpointInterval: 0 }],
    ["hnswM", { hnswM: 1 }],
    ["hnswM", { hnswM: 65 }],
    ["hnswEfConstruction", { hnswEfConstruction: 0 }],
    ["hnswEfConstruction", { hnswEfConstruction: 10_001 }],
    ["hnswEfSearch", { hnswEfSearch: 0 }],
    ["hnswEfSearch", { hnswEfSearch: 10_001 }],
    ["replicaId", { replicaId: "123" }],
    ["replicaId", { replicaId: "0123456789abc" }],
    ["replicaId", { replicaId: "0123456789ag" }],
  ];
  const untypedOptions: typeof options = [
    ["dimensions", { dimensions: 1.5 }],
    ["dimensions", { dimensions: 2 ** 32 + 1 }],
    ["dimensions", { dimensions: "3" }],
    ["dimensions", { dimensions: Number.NaN }],
    ["compression", { compression: 1 }],
    ["metric", { metric: "manhattan" }],
    ["replicaId", { replicaId: 12 }],
    ["onError", { onError: "log" }],
    ["now", { now: 5 }],
  ];
  for (const [name, given] of [...options, ...(typed ? [] : untypedOptions)]) {
    const value = JSON.stringify(Object.values(given)[0]);
    test(`refused: option ${name} of ${value}`, async () => {
      await fails(() => bench.open(given), "INVALID_ARGUMENT", new RegExp(`\\b${name}\\b`));
    });
  }
}
