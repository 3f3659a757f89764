import type { SearchOptions } from "../../src/types.ts";
import { Random } from "../support/random.ts";
import { check, fails, same } from "./check.ts";
import { exact, fill, METRICS, recalled, sound } from "./closest.ts";
import { create } from "./deltas.ts";
import type { Bench, Face } from "./face.ts";

const DIMENSIONS = 12;
/** So many that a search goes through the graph. */
const COUNT = 1500;

const WITH_FUNCTION: [string, SearchOptions] = [
  "with a function",
  { filter: (_, metadata) => (metadata as { even: boolean }).even },
];

/**
 * How a search is done, and many at a time.
 *
 * @param options - as of the suite
 */
export function searchOptions(
  { test, open }: Bench,
  { typed, callbacks, many }: Readonly<Record<"typed" | "callbacks" | "many", boolean>>,
): void {
  test("more candidates find more", async () => {
    const random = new Random(21);
    const db = await open({ dimensions: DIMENSIONS, hnswM: 4, hnswEfSearch: 1 });
    const vectors = await fill(db, random, COUNT, DIMENSIONS);
    let few = 0;
    let many = 0;
    for (let i = 0; i < 20; i++) {
      const query = random.vector(DIMENSIONS);
      const best = exact("cosine", vectors, query, 10);
      few += recalled("cosine", best, await db.search(query, 10));
      many += recalled("cosine", best, await db.search(query, 10, { efSearch: 10_000 }));
    }
    same(many, 200, "found with 10,000 candidates");
    check(few < many, `${few} were found with 1 candidate`);
  });

  test("an exact search misses nothing, however few candidates are kept", async () => {
    const random = new Random(22);
    const db = await open({ dimensions: DIMENSIONS, hnswM: 2, hnswEfSearch: 1 });
    const vectors = await fill(db, random, COUNT, DIMENSIONS);
    for (let i = 0; i < 20; i++) {
      const query = random.vector(DIMENSIONS);
      const hits = await db.search(query, 10, { exact: true });
      sound("cosine", vectors, query, hits);
      same(recalled("cosine", exact("cosine", vectors, query, 10), hits), 10, "found");
    }
  });

  for (const metric of METRICS) {
    for (const other of METRICS) {
      test(`a database of ${metric} searches by ${other}, if told`, async () => {
        const random = new Random(23);
        const db = await open({ dimensions: DIMENSIONS, metric });
        const vectors = await fill(db, random, 900, DIMENSIONS);
        const zero = new Float32Array(DIMENSIONS);
        await db.applyDelta(create("zero", ...zero));
        vectors.set("zero", zero);
        let found = 0;
        for (let i = 0; i < 10; i++) {
          const query = random.vector(DIMENSIONS);
          const hits = await db.search(query, 10, { metric: other, efSearch: 400 });
          sound(other, vectors, query, hits);
          found += recalled(other, exact(other, vectors, query, 10), hits);
        }
        check(found >= 98, `only ${found} of 100 were found`);
      });
    }
  }

  test("options go together", async () => {
    const random = new Random(24);
    const db = await open({ dimensions: 4, metric: "dot" });
    const vectors = await fill(db, random, 600, 4);
    const options: SearchOptions = {
      metric: "euclidean",
      exact: true,
      efSearch: 20,
      filter: { field: "no", exists: false },
    };
    const query = random.vector(4);
    const hits = await db.search(query, 600, options);
    sound("euclidean", vectors, query, hits);
    same(hits.length, 600, "number of hits");
  });

  test("no options, or none of their members, are a plain search", async () => {
    const random = new Random(25);
    const db = await open({ dimensions: 4 });
    await fill(db, random, 50, 4);
    const query = random.vector(4);
    const hits = await db.search(query, 5);
    same(await db.search(query, 5, {}), hits);
    const none = { filter: undefined, metric: undefined, exact: undefined, efSearch: undefined };
    same(await db.search(query, 5, none as object), hits);
  });

  const batches: [string, SearchOptions | undefined][] = [
    ["without options", undefined],
    ["with a filter", { filter: { field: "even", equals: true } }],
    ...(callbacks ? [WITH_FUNCTION] : []),
    ["exact, by another metric", { exact: true, metric: "euclidean" }],
  ];
  for (const [name, options] of batches) {
    test(`a batch of searches ${name} finds what they find one by one`, async () => {
      const random = new Random(26);
      const db = await open({ dimensions: DIMENSIONS });
      await filledWithMetadata(db, random);
      const queries = Array.from({ length: 20 }, () => random.vector(DIMENSIONS));
      const expected = [];
      for (const query of queries) {
        expected.push(await db.search(query, 7, options));
      }
      same(await db.searchBatch(queries, 7, options), expected);
      const rows = Float32Array.from(queries.flatMap((query) => [...query]));
      same(await db.searchBatch(rows, 7, options), expected, "hits of queries in one array");
    });
  }

  test("a batch of no searches finds nothing", async () => {
    const db = await open({ dimensions: 3 });
    same(await db.searchBatch([], 5), []);
    same(await db.searchBatch(new Float32Array(0), 5), []);
  });

  test("a batch of searches in an empty database finds nothing for each", async () => {
    const db = await open({ dimensions: 2 });
    same(await db.searchBatch(new Float32Array(6), 5), [[], [], []]);
  });

  const checkedFirst = async (): Promise<void> => {
    const db = await open({ dimensions: 2 });
    await db.applyDeltas([create("a", 1, 2), create("b", 2, 1)]);
    const right = Float32Array.of(1, 1);
    let calls = 0;
    const filter = (): boolean => {
      calls++;
      return true;
    };
    const options = callbacks ? { filter } : {};
    for (const [wrong, code, message] of [
      [Float32Array.of(1), "DIMENSION_MISMATCH", /query 2 has 1 values, not 2/],
      [Float32Array.of(1, 2, 3), "DIMENSION_MISMATCH", /query 2 has 3 values, not 2/],
      [Float32Array.of(1, Number.NaN), "NOT_FINITE", /query 2: value 1 is not finite/],
      [Float32Array.of(1 / 0, 1), "NOT_FINITE", /query 2: value 0 is not finite/],
    ] as const) {
      const queries = [right, right, wrong, right];
      await fails(() => db.searchBatch(queries, 1, options), code, message, 2);
    }
    const odd = Float32Array.of(1, 2, 3);
    await fails(() => db.searchBatch(odd, 1, options), "DIMENSION_MISMATCH", /\b3\b.*\b2\b/);
    const bad = Float32Array.of(1, 2, 3, Number.NaN);
    await fails(() => db.searchBatch(bad, 1), "NOT_FINITE", /query 1: value 1/, 1);
    await fails(() => db.searchBatch([right], 0, options), "INVALID_ARGUMENT", /\bk\b.*0/);
    same(calls, 0, "calls of the filter");
  };
  if (many) {
    test("a batch is checked before anything is searched for", checkedFirst);
  }

  if (callbacks) {
    test("queries are taken as they were when the batch was given", async () => {
      const db = await open({ dimensions: 2, metric: "euclidean" });
      await db.applyDeltas([create("a", 0, 0), create("b", 9, 9)]);
      const queries = [Float32Array.of(0, 0), Float32Array.of(0, 0)];
      const filter = (): boolean => {
        queries[1].fill(9);
        return true;
      };
      const hits = await db.searchBatch(queries, 1, { filter });
      same(
        hits.map(([{ id }]) => id),
        ["a", "a"],
      );
    });
  }

  test("a search with options changes nothing", async () => {
    const random = new Random(27);
    const db = await open({ dimensions: DIMENSIONS });
    await filledWithMetadata(db, random);
    const digest = await db.stateDigest();
    for (const [, options] of batches) {
      await db.search(random.vector(DIMENSIONS), 10, options);
    }
    same(await db.stateDigest(), digest, "digest");
    same(await db.position, 600, "position");
  });

  const options: [string, unknown, RegExp][] = [
    ["an efSearch of 0", { efSearch: 0 }, /options\.efSearch.*10000.*\b0\b/],
    ["an efSearch of 10,001", { efSearch: 10_001 }, /options\.efSearch.*10001/],
    ["half an efSearch", { efSearch: 1.5 }, /options\.efSearch.*1\.5/],
    ...(typed
      ? []
      : ([
          ["an unknown metric", { metric: "manhattan" }, /options\.metric.*cosine.*"manhattan"/],
          ["options that are none", 7, /options.*\b7\b/],
          ["options that are null", null, /options.*null/],
          ["an exact that is no boolean", { exact: 1 }, /options\.exact.*\b1\b/],
          ["an efSearch that is no number", { efSearch: "9" }, /options\.efSearch.*"9"/],
          ["a filter that is text", { filter: "x" }, /options\.filter.*"x"/],
          ["a filter that is null", { filter: null }, /options\.filter.*null/],
        ] as [string, unknown, RegExp][])),
  ];
  for (const [name, given, message] of options) {
    test(`refused: search with ${name}`, async () => {
      const db = await open({ dimensions: 1 });
      const query = Float32Array.of(1);
      const search = given as SearchOptions;
      await fails(() => db.search(query, 1, search), "INVALID_ARGUMENT", message);
      await fails(() => db.searchBatch([query], 1, search), "INVALID_ARGUMENT", message);
    });
  }
}

async function filledWithMetadata(db: Face, random: Random): Promise<void> {
  await db.applyDeltas(
    Array.from({ length: 600 }, (_, i) => ({
      ...create(`v${i}`, ...random.vector(DIMENSIONS)),
      metadata: { even: i % 2 === 0 },
    })),
  );
}
