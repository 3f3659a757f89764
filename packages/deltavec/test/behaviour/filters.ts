import fc from "fast-check";
import type { FilterFunction, MetadataFilter, Scalar } from "../../src/types.ts";
import { Random } from "../support/random.ts";
import { check, fails, same, show } from "./check.ts";
import { exact, recalled, sound } from "./closest.ts";
import { create, scale, sparse } from "./deltas.ts";
import type { Bench, Face } from "./face.ts";

type Json = Record<string, unknown>;

/** Metadata of all kinds; undefined for none. */
const METADATA: readonly (Json | undefined)[] = [
  undefined,
  {},
  { n: 5 },
  { n: -0 },
  { n: 5.25 },
  { n: 1e300 },
  { n: -12 },
  { n: "5" },
  { n: null },
  { n: true },
  { n: false },
  { n: "" },
  { n: [] },
  { n: [5, 6, "x"] },
  { n: [null, false] },
  { n: [[5]] },
  { n: [{ n: 5 }] },
  { n: {} },
  { n: { m: 5 } },
  { n: { m: { o: "deep" } }, "n.m": 7 },
  { n: { m: [1, 2, 3] } },
  { m: 5 },
  { n: "straße" },
  { n: "Straße" },
  { n: 'quo"te\\' },
  { n: "\u0000\n\u2028" },
  { n: "\ue000" },
  { n: "😀" },
  { n: "\uffff" },
  JSON.parse('{"":1,"__proto__":{"n":"in it"},"n":"z"}') as Json,
  { 'k"ey': 1, ключ: "да" },
  { n: 1234567890123 },
  { n: 0.1 },
];

const FILTERS: readonly [string, MetadataFilter][] = [
  ["equals a number", { field: "n", equals: 5 }],
  ["equals 0, which is -0", { field: "n", equals: 0 }],
  ["equals a large number", { field: "n", equals: 1e300 }],
  ["equals a fraction", { field: "n", equals: 0.1 }],
  ["equals a number of many digits", { field: "n", equals: 1234567890123 }],
  ["equals a text", { field: "n", equals: "5" }],
  ["equals an empty text", { field: "n", equals: "" }],
  ["equals a text with quotes", { field: "n", equals: 'quo"te\\' }],
  ["equals a text with control characters", { field: "n", equals: "\u0000\n\u2028" }],
  ["equals a text of other letters", { field: "n", equals: "straße" }],
  ["equals null", { field: "n", equals: null }],
  ["equals true", { field: "n", equals: true }],
  ["equals false", { field: "n", equals: false }],
  ["in", { field: "n", in: [5, "x", null] }],
  ["in nothing", { field: "n", in: [] }],
  ["range of numbers", { field: "n", range: { gte: 5, lt: 6 } }],
  ["range above", { field: "n", range: { gt: 5 } }],
  ["range up to", { field: "n", range: { lte: 5 } }],
  ["range that is empty", { field: "n", range: { gt: 5, lt: 5 } }],
  ["range with all bounds", { field: "n", range: { gt: 4, gte: 5, lt: 7, lte: 5 } }],
  ["range of texts", { field: "n", range: { gte: "5", lt: "t" } }],
  ["range of texts by code points", { field: "n", range: { gt: "\uffff" } }],
  ["exists", { field: "n", exists: true }],
  ["does not exist", { field: "n", exists: false }],
  ["a path", { field: ["n", "m"], equals: 5 }],
  ["a path to an array", { field: ["n", "m"], in: [3] }],
  ["a path of three", { field: ["n", "m", "o"], range: { gte: "deep" } }],
  ["a name with a dot, which is no path", { field: "n.m", equals: 7 }],
  ["a path that exists", { field: ["n", "m"], exists: true }],
  ["a path that does not exist", { field: ["n", "m"], exists: false }],
  ["a name that is empty", { field: "", equals: 1 }],
  ["a name with a quote", { field: 'k"ey', equals: 1 }],
  ["a name of other letters", { field: "ключ", equals: "да" }],
  ["a name that objects have of themselves", { field: "constructor", exists: true }],
  ["a name that is more than a name", { field: ["__proto__", "n"], equals: "in it" }],
  [
    "and",
    {
      and: [
        { field: "n", exists: true },
        { field: "n", range: { gte: 0 } },
      ],
    },
  ],
  ["and of nothing", { and: [] }],
  [
    "or",
    {
      or: [
        { field: "n", equals: 5 },
        { field: "m", equals: 5 },
      ],
    },
  ],
  ["or of nothing", { or: [] }],
  ["not", { not: { field: "n", equals: 5 } }],
  [
    "all within each other",
    {
      and: [
        { or: [{ field: "n", in: [5, "z"] }, { not: { field: "n", exists: true } }] },
        { not: { and: [{ field: "m", equals: 5 }, { not: { or: [] } }] } },
      ],
    },
  ],
];

/** Whether metadata passes a filter, said as plainly as can be. */
export function passes(filter: MetadataFilter, metadata: Json | undefined): boolean {
  if ("and" in filter) {
    return filter.and.every((part) => passes(part, metadata));
  }
  if ("or" in filter) {
    return filter.or.some((part) => passes(part, metadata));
  }
  if ("not" in filter) {
    return !passes(filter.not, metadata);
  }
  let value: unknown = metadata;
  for (const name of [filter.field].flat()) {
    const inside = typeof value === "object" && value !== null && !Array.isArray(value);
    value = inside && Object.hasOwn(value as Json, name) ? (value as Json)[name] : undefined;
  }
  if ("exists" in filter) {
    return filter.exists === (value !== undefined);
  }
  const one = (test: (v: unknown) => boolean): boolean =>
    Array.isArray(value) ? value.some(test) : test(value);
  if ("equals" in filter) {
    return one((v) => v === filter.equals);
  }
  if ("in" in filter) {
    return one((v) => filter.in.some((w) => w === v));
  }
  const { gt, gte, lt, lte } = filter.range;
  const type = typeof (gt ?? gte ?? lt ?? lte);
  return one(
    (v) =>
      typeof v === type &&
      (gt === undefined || compare(v, gt) > 0) &&
      (gte === undefined || compare(v, gte) >= 0) &&
      (lt === undefined || compare(v, lt) < 0) &&
      (lte === undefined || compare(v, lte) <= 0),
  );
}

/** Compares two numbers, or two texts by code points. */
function compare(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") {
    return a - b;
  }
  const [x, y] = [a, b].map((text) => Array.from(text as string, (c) => c.codePointAt(0) ?? 0));
  const at = x.findIndex((c, i) => c !== y[i]);
  return at < 0 ? x.length - y.length : at < y.length ? x[at] - y[at] : 1;
}

const scalar: fc.Arbitrary<Scalar> = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string({ unit: "grapheme", maxLength: 3 }),
  fc.constantFrom("a", "b", "ß", "😀", "\uffff"),
  fc.boolean(),
  fc.constant(null),
);
const name = fc.constantFrom("x", "y", "größe", 'q"', "__proto__");
const bounds = <T extends number | string>(one: fc.Arbitrary<T>): fc.Arbitrary<object> =>
  fc
    .record({ gt: one, gte: one, lt: one, lte: one }, { requiredKeys: [] })
    .filter((range) => Object.keys(range).length > 0);
const { filter: anyFilter } = fc.letrec<{ filter: MetadataFilter; leaf: MetadataFilter }>(
  (tie) => ({
    leaf: fc
      .record({
        field: fc.oneof(name, fc.array(name, { minLength: 1, maxLength: 2 })),
        test: fc.oneof(
          scalar.map((equals) => ({ equals })),
          fc.array(scalar, { maxLength: 3 }).map((values) => ({ in: values })),
          bounds(fc.integer({ min: -3, max: 3 })).map((range) => ({ range })),
          bounds(fc.constantFrom("", "a", "b", "ß", "😀", "\uffff")).map((range) => ({ range })),
          fc.boolean().map((exists) => ({ exists })),
        ),
      })
      .map(({ field, test }) => ({ field, ...test }) as MetadataFilter),
    filter: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      tie("leaf"),
      fc.array(tie("filter"), { maxLength: 3 }).map((and) => ({ and })),
      fc.array(tie("filter"), { maxLength: 3 }).map((or) => ({ or })),
      tie("filter").map((not) => ({ not })),
    ),
  }),
);
const anyMetadata: fc.Arbitrary<Json> = fc.letrec<{ object: Json; value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2 },
    scalar.filter((value) => value !== null),
    fc.array(fc.oneof(scalar, tie("object")), { maxLength: 3 }),
    tie("object"),
  ),
  object: fc.dictionary(name, tie("value"), { maxKeys: 3, noNullPrototype: true }),
})).object;

/** Opens a database of points around, each with metadata; returns the vectors by their ids. */
async function filled(
  db: Face,
  count: number,
  dimensions: number,
  metadata: (i: number, vector: Float32Array) => Json | undefined,
): Promise<Map<string, Float32Array>> {
  const random = new Random(count + dimensions);
  const vectors = new Map<string, Float32Array>();
  for (let i = 0; i < count; i++) {
    vectors.set(`v${i}`, random.vector(dimensions));
  }
  const deltas = [...vectors].map(([id, vector], i) => {
    const given = metadata(i, vector);
    return { ...create(id, ...vector), ...(given === undefined ? {} : { metadata: given }) };
  });
  for (let i = 0; i < count; i += 500) {
    await db.applyDeltas(deltas.slice(i, i + 500));
  }
  return vectors;
}

async function idsOf(db: Face, filter: MetadataFilter | FilterFunction): Promise<string[]> {
  const hits = await db.search(Float32Array.of(1, 2), 10_000, { filter });
  return hits.map(({ id }) => id).sort();
}

/** Searches among vectors that pass: by metadata as data, and by functions. */
export function filters(
  { test, open, synchronous }: Bench,
  runs: number,
  typed: boolean,
  callbacks: boolean,
): void {
  for (const [what, filter] of FILTERS) {
    test(`filter: ${what}`, async () => {
      const db = await open({ dimensions: 2 });
      await filled(db, METADATA.length, 2, (i) => METADATA[i]);
      // A member that is null in a patch is no member afterwards: as the database has it.
      const expected: string[] = [];
      for (let i = 0; i < METADATA.length; i++) {
        const metadata = (await db.getMetadata(`v${i}`)) ?? undefined;
        if (passes(filter, metadata)) {
          expected.push(`v${i}`);
        }
      }
      same(await idsOf(db, filter), expected.sort());
    });
  }

  test("a filter sees null within an array, and a member that was set to null is gone", async () => {
    const db = await open({ dimensions: 2 });
    await filled(db, 2, 2, (i) => (i === 0 ? { n: [null] } : { n: 1 }));
    same(await idsOf(db, { field: "n", equals: null }), ["v0"]);
    await db.applyDelta({ ...scale("v1", 2), metadata: { n: null } });
    same(await idsOf(db, { field: "n", equals: null }), ["v0"]);
    same(await idsOf(db, { field: "n", exists: false }), ["v1"]);
  });

  test("random filters on random metadata do what a naive model does", async () => {
    const property = fc.asyncProperty(
      fc.array(fc.option(anyMetadata), { minLength: 1, maxLength: 8 }),
      fc.array(anyFilter, { minLength: 1, maxLength: 4 }),
      async (metadata, given) => {
        const db = await open({ dimensions: 2 });
        await filled(db, metadata.length, 2, (i) => metadata[i] ?? undefined);
        for (const filter of given) {
          const expected: string[] = [];
          for (let i = 0; i < metadata.length; i++) {
            if (passes(filter, (await db.getMetadata(`v${i}`)) ?? undefined)) {
              expected.push(`v${i}`);
            }
          }
          same(await idsOf(db, filter), expected.sort(), `what passes ${show(filter)}`);
        }
        await db.close();
      },
    );
    await fc.assert(property, { numRuns: runs });
  });

  test("a filter follows changes of the metadata", async () => {
    const db = await open({ dimensions: 2 });
    await db.applyDeltas([create("a", 1, 1), create("b", 1, 2)]);
    const filter: MetadataFilter = { field: "tag", equals: "x" };
    same(await idsOf(db, filter), []);
    await db.applyDelta({ ...scale("a", 2), metadata: { tag: "x" } });
    same(await idsOf(db, filter), ["a"]);
    await db.applyDeltas([
      { ...sparse("a"), metadata: { tag: "y" } },
      { ...sparse("b"), metadata: { tag: ["w", "x"] } },
    ]);
    same(await idsOf(db, filter), ["b"]);
  });

  const kinds: [string, (step: number) => MetadataFilter | FilterFunction][] = [
    ["data", (step) => ({ field: "part", range: { lt: step } })],
    ["a function", (step) => (_, metadata) => (metadata as { part: number }).part < step],
  ];
  for (const [kind, filterOf] of callbacks ? kinds : kinds.slice(0, 1)) {
    for (const percent of [1, 10, 50]) {
      test(`a filter that is ${kind} and lets ${percent} % through finds the closest of these`, async () => {
        const dimensions = 16;
        const db = await open({ dimensions });
        const all = await filled(db, 3000, dimensions, (i) => ({ part: (i * 7919) % 100 }));
        const vectors = new Map([...all].filter((_, i) => (i * 7919) % 100 < percent));
        const random = new Random(percent);
        let found = 0;
        for (let i = 0; i < 20; i++) {
          const query = random.vector(dimensions);
          const hits = await db.search(query, 10, { filter: filterOf(percent) });
          same(hits.length, 10, "number of hits");
          sound("cosine", vectors, query, hits);
          found += recalled("cosine", exact("cosine", vectors, query, 10), hits);
        }
        check(found >= 192, `only ${found} of 200 were found`);
      });
    }

    test(`a filter that is ${kind} and lets only those far away through finds them`, async () => {
      const dimensions = 8;
      const db = await open({ dimensions, metric: "euclidean" });
      const all = await filled(db, 2000, dimensions, (_, vector) => ({
        part: vector[0] < -1 ? 0 : 1,
      }));
      const vectors = new Map([...all].filter(([, vector]) => vector[0] < -1));
      const random = new Random(77);
      let found = 0;
      for (let i = 0; i < 20; i++) {
        const query = random.vector(dimensions);
        query[0] = 3;
        const hits = await db.search(query, 10, { filter: filterOf(1) });
        same(hits.length, 10, "number of hits");
        sound("euclidean", vectors, query, hits);
        found += recalled("euclidean", exact("euclidean", vectors, query, 10), hits);
      }
      check(found >= 190, `only ${found} of 200 were found`);
    });

    test(`a filter that is ${kind} and lets fewer than k through finds all of these`, async () => {
      const db = await open({ dimensions: 4 });
      await filled(db, 2000, 4, (i) => ({ part: i % 500 === 3 ? 0 : 1 }));
      const hits = await db.search(Float32Array.of(1, 2, 3, 4), 10, { filter: filterOf(1) });
      same(hits.map(({ id }) => id).sort(), ["v1003", "v1503", "v3", "v503"]);
      const none = await db.search(Float32Array.of(1, 2, 3, 4), 10, { filter: filterOf(0) });
      same(none, []);
    });

    test(`a filter that is ${kind} goes with exact and with another metric`, async () => {
      const db = await open({ dimensions: 4 });
      const all = await filled(db, 1000, 4, (i) => ({ part: i % 10 }));
      const vectors = new Map([...all].filter((_, i) => i % 10 < 3));
      const query = Float32Array.of(1, -2, 3, 4);
      for (const metric of ["dot", "euclidean"] as const) {
        const options = { filter: filterOf(3), exact: true, metric };
        const hits = await db.search(query, 20, options);
        sound(metric, vectors, query, hits);
        same(recalled(metric, exact(metric, vectors, query, 20), hits), 20, "found");
      }
    });
  }

  wrongFilters({ test, open, synchronous }, typed);
  if (callbacks) {
    functions({ test, open, synchronous });
  }
  if (callbacks && synchronous) {
    reentrance({ test, open, synchronous });
  }
}

function functions({ test, open }: Bench): void {
  test("a function gets the id, and the metadata if there is any", async () => {
    const db = await open({ dimensions: 2 });
    const given = { n: 1, deep: { list: [1, "größe"] } };
    await db.applyDeltas([{ ...create("ä", 1, 2), metadata: given }, create("b", 2, 1)]);
    const seen = new Map<string, unknown>();
    const filter: FilterFunction = (id, metadata) => {
      seen.set(id, metadata);
      return false;
    };
    same(await db.search(Float32Array.of(1, 1), 5, { filter }), []);
    same([...seen.keys()].sort(), ["b", "ä"]);
    same(seen.get("ä"), given);
    same(seen.get("b"), undefined);
  });

  test("what a function does to the metadata changes nothing", async () => {
    const db = await open({ dimensions: 2 });
    await db.applyDelta({ ...create("a", 1, 2), metadata: { n: 1 } });
    const digest = await db.stateDigest();
    const filter = (_: string, metadata: unknown): boolean => {
      Object.assign(metadata as Json, { n: 2, more: true });
      return true;
    };
    same((await db.search(Float32Array.of(1, 1), 5, { filter })).length, 1);
    same(await db.getMetadata("a"), { n: 1 });
    same(await db.stateDigest(), digest, "digest");
  });

  test("a function is asked at most once for each vector, in a batch, too", async () => {
    const db = await open({ dimensions: 4 });
    await filled(db, 1200, 4, (i) => ({ i }));
    const asked: string[] = [];
    const filter: FilterFunction = (id, metadata) => {
      asked.push(id);
      return (metadata as { i: number }).i % 30 === 0;
    };
    const random = new Random(5);
    await db.search(random.vector(4), 10, { filter });
    same(new Set(asked).size, asked.length, "number of vectors asked for");
    asked.length = 0;
    await db.searchBatch(
      Array.from({ length: 30 }, () => random.vector(4)),
      10,
      { filter },
    );
    same(new Set(asked).size, asked.length, "number of vectors asked for by a batch");
  });

  test("a function that lets all through finds what no filter finds", async () => {
    const random = new Random(6);
    const db = await open({ dimensions: 4, hnswEfSearch: 400 });
    await filled(db, 300, 4, () => undefined);
    const query = random.vector(4);
    same(await db.search(query, 9, { filter: () => true }), await db.search(query, 9));
  });

  test("anything that counts as true does", async () => {
    const db = await open({ dimensions: 1 });
    await db.applyDeltas([create("a", 1), create("b", 1)]);
    const filter = ((id: string) => (id === "a" ? 1 : undefined)) as unknown as FilterFunction;
    const hits = await db.search(Float32Array.of(1), 5, { filter });
    same(
      hits.map(({ id }) => id),
      ["a"],
    );
  });

  test("a function that promises is refused", async () => {
    const db = await open({ dimensions: 1 });
    await db.applyDelta(create("a", 1));
    const filter = (async () => true) as unknown as FilterFunction;
    const query = Float32Array.of(1);
    await fails(
      () => db.search(query, 5, { filter }),
      "INVALID_ARGUMENT",
      /options\.filter.*Promise/,
    );
  });

  for (const count of [3, 2000]) {
    test(`what a function throws comes out, and all is as it was: ${count} vectors`, async () => {
      const db = await open({ dimensions: 4 });
      await filled(db, count, 4, () => undefined);
      const digest = await db.stateDigest();
      const trouble = new Error("trouble");
      let calls = 0;
      const filter = (): boolean => {
        if (++calls === 3) {
          throw trouble;
        }
        return false;
      };
      let thrown: unknown;
      try {
        await db.search(Float32Array.of(1, 2, 3, 4), 2, { filter });
      } catch (error) {
        thrown = error;
      }
      check(thrown === trouble, `${thrown} was thrown`);
      same(await db.stateDigest(), digest, "digest");
      same((await db.search(Float32Array.of(1, 2, 3, 4), 2)).length, 2, "number of hits");
      await db.applyDelta(scale("v0", 2));
    });
  }
}

/** What a function does with databases while it is asked. */
function reentrance({ test, open }: Bench): void {
  const calls: [string, (db: Face) => unknown][] = [
    ["applyDelta", (db) => db.applyDelta(scale("v0", 2))],
    ["search", (db) => db.search(Float32Array.of(1, 2), 1)],
    ["getVector", (db) => db.getVector("v0")],
    ["getMetadata", (db) => db.getMetadata("v0")],
    ["ids", (db) => db.ids()],
    ["repair", (db) => db.repair()],
    ["checkIndex", (db) => db.checkIndex()],
    ["stats", (db) => db.stats()],
    ["close", (db) => db.close()],
  ];
  for (const [name, call] of calls) {
    test(`a function must not call ${name} of the database that asks it`, async () => {
      const db = await open({ dimensions: 2 });
      await filled(db, 20, 2, (i) => ({ i }));
      const digest = await db.stateDigest();
      const filter = (): boolean => {
        call(db);
        return true;
      };
      const query = Float32Array.of(1, 2);
      await fails(() => db.search(query, 2, { filter }), "INVALID_ARGUMENT", /filter function/);
      const caught = (): boolean => {
        try {
          call(db);
        } catch {
          return true;
        }
        return false;
      };
      same(
        (await db.search(query, 20, { filter: caught })).length,
        20,
        "number of hits where the error is caught",
      );
      same(await db.stateDigest(), digest, "digest");
    });
  }

  test("a function may call another database", async () => {
    const db = await open({ dimensions: 2 });
    const other = await open({ dimensions: 1 });
    await filled(db, 40, 2, () => undefined);
    await other.applyDeltas([create("v3", 1), create("v30", 1)]);
    const filter: FilterFunction = (id) => other.has(id) as boolean;
    const hits = await db.search(Float32Array.of(1, 2), 9, { filter });
    same(hits.map(({ id }) => id).sort(), ["v3", "v30"]);
  });

  test("what search options do while they are read cannot harm the database", async () => {
    const closings: ((close: () => void) => object)[] = [
      (close) => ({
        get filter() {
          close();
          return undefined;
        },
      }),
      (close) => ({
        filter: {
          field: "n",
          get equals() {
            close();
            return 1;
          },
        },
      }),
    ];
    for (const closing of closings) {
      const db = await open({ dimensions: 1 });
      await db.applyDelta(create("a", 1));
      const options = closing(() => db.close());
      await fails(() => db.search(Float32Array.of(1), 1, options), "CLOSED", /closed/);
      await fails(() => db.searchBatch([Float32Array.of(1)], 1, options), "CLOSED", /closed/);
    }
  });
}

function nested(depth: number): MetadataFilter {
  return depth === 1 ? { field: "n", exists: true } : { not: nested(depth - 1) };
}

function wrongFilters({ test, open }: Bench, typed: boolean): void {
  test("32 filters may lie within each other", async () => {
    const db = await open({ dimensions: 2 });
    await filled(db, 3, 2, (i) => (i === 0 ? undefined : { n: i }));
    same(await idsOf(db, nested(31)), ["v1", "v2"]);
    same(await idsOf(db, nested(32)), ["v0"]);
  });

  test("a filter may have 64 KiB", async () => {
    const db = await open({ dimensions: 2 });
    await filled(db, 3, 2, (i) => ({ n: `${i}` }));
    // {"in":[["n"],["1","…"]]}
    const long = "x".repeat(65_536 - 23);
    same(await idsOf(db, { field: "n", in: ["1", long] }), ["v1"]);
    const longer: MetadataFilter = { field: "n", in: ["1", `${long}x`] };
    await fails(() => idsOf(db, longer), "INVALID_ARGUMENT", /options\.filter.*65536 bytes/);
    const other: MetadataFilter = { field: "n", equals: "ß".repeat(40_000) };
    await fails(() => idsOf(db, other), "INVALID_ARGUMENT", /options\.filter.*65536 bytes/);
  });

  const deep = `options\\.filter${"\\.not".repeat(32)}`;
  const twice = (depth: number): unknown => {
    let filter: unknown = { and: [] };
    for (let i = 0; i < depth; i++) {
      filter = { and: [filter, filter] };
    }
    return filter;
  };
  const cases: [string, unknown, RegExp][] = [
    ["33 filters within each other", nested(33), new RegExp(`${deep} .*31`)],
    ["an empty path", { field: [], exists: true }, /options\.filter\.field .*path/],
    ["NaN", { field: "n", equals: Number.NaN }, /options\.filter\.equals .*finite.*NaN/],
    [
      "an infinite bound",
      {
        and: [
          { field: "n", exists: true },
          { field: "n", range: { lt: 1 / 0 } },
        ],
      },
      /options\.filter\.and\[1\]\.range\.lt .*finite.*Infinity/,
    ],
    ["a range without bounds", { field: "n", range: {} }, /options\.filter\.range .*gte/],
    [
      "bounds of two types",
      { not: { field: "n", range: { gt: 1, lt: "2" } } },
      /options\.filter\.not\.range\.lt .*number.*"2"/,
    ],
  ];
  const untyped: typeof cases = [
    ["a filter that is a list", [], /options\.filter must be a filter.*Array/],
    ["a filter of nothing", {}, /options\.filter must have one of equals, in, range/],
    ["a filter with only a field", { field: "n" }, /options\.filter must have one of equals/],
    ["an unknown kind", { field: "n", like: "x" }, /options\.filter .*"like"/],
    ["two kinds", { field: "n", equals: 1, in: [1] }, /options\.filter .*equals.*"in"/],
    ["a field beside and", { field: "n", and: [] }, /options\.filter .*field.*and/],
    ["no field", { equals: 1 }, /options\.filter\.field .*undefined/],
    ["a field that is a number", { field: 7, equals: 1 }, /options\.filter\.field .*\b7\b/],
    ["a path with a number", { field: ["a", 1], equals: 1 }, /options\.filter\.field\[1\] .*\b1\b/],
    ["an object to equal", { field: "n", equals: {} }, /options\.filter\.equals .*Object/],
    ["nothing to equal", { field: "n", equals: undefined }, /options\.filter\.equals .*undefined/],
    ["a bigint to equal", { field: "n", equals: 1n }, /options\.filter\.equals .*bigint/],
    ["in of no list", { field: "n", in: "abc" }, /options\.filter\.in .*array.*"abc"/],
    ["in with a list in it", { field: "n", in: [1, [2]] }, /options\.filter\.in\[1\] .*Array/],
    ["a range that is a list", { field: "n", range: [1, 2] }, /options\.filter\.range .*Array/],
    ["an unknown bound", { field: "n", range: { above: 1 } }, /options\.filter\.range .*"above"/],
    [
      "a bound that is a boolean",
      { field: "n", range: { gt: true } },
      /options\.filter\.range\.gt .*true/,
    ],
    ["exists of text", { field: "n", exists: "yes" }, /options\.filter\.exists .*"yes"/],
    ["and of no list", { and: {} }, /options\.filter\.and .*array.*Object/],
    [
      "a hole in or",
      { or: Object.assign(Array(3), { 0: { and: [] }, 2: { and: [] } }) },
      /options\.filter\.or\[1\] .*undefined/,
    ],
    ["not of nothing", { not: undefined }, /options\.filter\.not .*undefined/],
    ["a function within", { and: [() => true] }, /options\.filter\.and\[0\] .*function/],
    ["one that doubles 30 times", twice(30), /options\.filter.*65536/],
    ["a list of a million", { or: Array(1e6) }, /options\.filter.*65536/],
  ];
  for (const [name, filter, message] of [...cases, ...(typed ? [] : untyped)]) {
    test(`refused: a filter with ${name}`, async () => {
      const db = await open({ dimensions: 2 });
      await filled(db, 3, 2, (i) => ({ n: i }));
      const given = filter as MetadataFilter;
      await fails(() => idsOf(db, given), "INVALID_ARGUMENT", message);
      same((await idsOf(db, { field: "n", exists: true })).length, 3, "number of hits afterwards");
    });
  }

  test("a filter that holds itself is refused", async () => {
    const db = await open({ dimensions: 2 });
    const filter = { not: {} as unknown };
    filter.not = filter;
    await fails(() => idsOf(db, filter as MetadataFilter), "INVALID_ARGUMENT", /options\.filter/);
  });
}
