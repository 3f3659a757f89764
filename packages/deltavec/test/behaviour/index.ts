import type { DeltaDBOptions, DeltaMetric, VectorDelta } from "../../src/types.ts";
import { Random } from "../support/random.ts";
import { check, fails, near, same, show } from "./check.ts";
import { exact, fill, METRICS, recalled, score, sound } from "./closest.ts";
import { create, dense, offset, remove, scale, sparse } from "./deltas.ts";
import type { Bench, Face } from "./face.ts";

type Vectors = Map<string, Float32Array>;

/** Checks that the search graph is as it should be, with as many vectors as there are. */
export async function healthy(db: Face, what = "index"): Promise<void> {
  const report = await db.checkIndex();
  check(report.ok && report.firstBad === null, `${what}: ${show(report)}`);
  const { live, linked, duplicates, zero, pending } = report;
  same(live, await db.size, `${what}: live vectors`);
  same(linked + duplicates + zero + pending, live, `${what}: vectors in some place`);
}

async function pendingOf(db: Face): Promise<number> {
  return (await db.stats()).index.pendingRepairs;
}

/** Gives vectors new values by dense deltas, in batches. */
async function move(db: Face, vectors: Vectors, moved: Iterable<string>, random: Random) {
  const deltas: VectorDelta[] = [];
  for (const id of moved) {
    const vector = random.vector((vectors.get(id) as Float32Array).length);
    vectors.set(id, vector);
    deltas.push(dense(id, ...vector));
  }
  for (let i = 0; i < deltas.length; i += 100) {
    await db.applyDeltas(deltas.slice(i, i + 100));
  }
}

/** Searches for random queries; returns the share of the nearest that was found. */
async function recallOf(
  db: Face,
  vectors: Vectors,
  random: Random,
  metric: DeltaMetric = "cosine",
): Promise<number> {
  const dimensions = (vectors.values().next().value as Float32Array).length;
  let found = 0;
  for (let i = 0; i < 30; i++) {
    const query = random.vector(dimensions);
    const hits = await db.search(query, 10);
    sound(metric, vectors, query, hits);
    found += recalled(metric, exact(metric, vectors, query, 10), hits);
  }
  return found / 300;
}

/**
 * An index that lives: what becomes of the search graph while vectors come, move and go.
 *
 * @param idle - whether idle time is used for repair
 */
export function index(bench: Bench, idle: boolean): void {
  repairs(bench, idle);
  storms(bench);
  equals(bench);
  deletions(bench);
  quantizations(bench);
}

function repairs({ test, open }: Bench, idle: boolean): void {
  const filled = async (
    options: DeltaDBOptions,
    count = 1000,
  ): Promise<[Face, Vectors, Random]> => {
    const random = new Random(count);
    const db = await open({ dimensions: 12, ...options });
    const vectors = await fill(db, random, count, 12);
    return [db, vectors, random];
  };

  test("an empty index is healthy and has nothing to repair", async () => {
    const db = await open({ dimensions: 3 });
    await healthy(db);
    same(await db.repair(), { repaired: 0, pending: 0 });
    same(await pendingOf(db), 0);
  });

  test("repair links what has moved, and then nothing waits", async () => {
    const [db, vectors, random] = await filled({ idleRepair: false });
    await db.repair();
    await healthy(db, "before");
    await move(db, vectors, [...vectors.keys()].slice(0, 60), random);
    const waiting = await pendingOf(db);
    check(waiting > 0, "nothing waits after 60 vectors have moved");
    const { queued, pending } = await db.checkIndex();
    same(queued + pending, waiting, "vectors that wait, in the report");
    await healthy(db, "while vectors wait");
    same(await db.repair(), { repaired: waiting, pending: 0 });
    same(await pendingOf(db), 0, "waiting afterwards");
    await healthy(db, "afterwards");
    check((await recallOf(db, vectors, random)) >= 0.97, "recall is low after the repair");
  });

  test("repair in steps comes to an end, and each step says what is left", async () => {
    const [db, vectors, random] = await filled({ idleRepair: false });
    await db.repair();
    await move(db, vectors, [...vectors.keys()].slice(0, 60), random);
    let waiting = await pendingOf(db);
    for (let steps = 0; waiting > 0; steps++) {
      check(steps < 1000, `${waiting} still wait`);
      const { repaired, pending } = await db.repair({ budgetMs: 1 });
      same(repaired + pending, waiting, "repaired and left");
      same(await pendingOf(db), pending, "waiting");
      await healthy(db, `step ${steps}`);
      waiting = pending;
    }
  });

  test("a repair of no time does nothing", async () => {
    const [db, vectors, random] = await filled({ idleRepair: false });
    await db.repair();
    await move(db, vectors, [...vectors.keys()].slice(0, 20), random);
    const waiting = await pendingOf(db);
    same(await db.repair({ budgetMs: 0 }), { repaired: 0, pending: waiting });
  });

  test("a repair changes neither state nor what is found", async () => {
    const [db, vectors, random] = await filled({ idleRepair: false }, 400);
    await move(db, vectors, [...vectors.keys()].slice(0, 100), random);
    const query = random.vector(12);
    const [digest, position] = [await db.stateDigest(), await db.position];
    const hits = await db.search(query, 20, { exact: true });
    await db.repair();
    same([await db.stateDigest(), await db.position], [digest, position], "digest and position");
    same(await db.search(query, 20, { exact: true }), hits, "hits");
  });

  if (idle) {
    test("idle time is used for repair", async () => {
      const [db, vectors, random] = await filled({});
      await move(db, vectors, [...vectors.keys()].slice(0, 60), random);
      for (let turns = 0; (await pendingOf(db)) > 0; turns++) {
        check(turns < 1000, "nothing is repaired in idle time");
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await healthy(db);
      check((await recallOf(db, vectors, random)) >= 0.97, "recall is low after the repair");
    });
  }

  test("idle time is left alone if so told", async () => {
    const [db, vectors, random] = await filled({ idleRepair: false });
    await db.repair();
    await move(db, vectors, [...vectors.keys()].slice(0, 60), random);
    const waiting = await pendingOf(db);
    await new Promise((resolve) => setTimeout(resolve, 60));
    same(await pendingOf(db), waiting, "waiting after a while");
  });

  test("a database can be closed while repair is to come", async () => {
    const [db, vectors, random] = await filled({});
    await move(db, vectors, [...vectors.keys()].slice(0, 60), random);
    await db.close();
    await new Promise((resolve) => setTimeout(resolve, 40));
    await fails(() => db.size, "CLOSED", /the database is closed/);
  });

  for (const [what, options, message] of [
    ["negative", { budgetMs: -1 }, /options\.budgetMs.*-1/],
    ["not a number", { budgetMs: Number.NaN }, /options\.budgetMs.*NaN/],
  ] as const) {
    test(`refused: repair with a budget that is ${what}`, async () => {
      const db = await open({ dimensions: 1 });
      await fails(() => db.repair(options), "INVALID_ARGUMENT", message);
    });
  }

  test("stats tell how far vectors have moved since they were linked", async () => {
    const [db, vectors] = await filled({ idleRepair: false });
    await db.repair();
    const still = (await db.stats()).index;
    same([still.meanDrift, still.maxDrift, still.pendingRepairs], [0, 0, 0], "before");
    same([still.linked, still.duplicates, still.zero], [1000, 0, 0], "counts");
    await db.applyDeltas([...vectors].map(([id, [first]]) => sparse(id, 0, first + 0.05)));
    const { meanDrift, maxDrift } = (await db.stats()).index;
    check(meanDrift > 0 && maxDrift >= meanDrift, `drift is ${meanDrift}, at most ${maxDrift}`);
  });

  test("searches are checked against exact ones, if so told, and stats say what they found", async () => {
    const [db, , random] = await filled({ recallSampleRate: 1 });
    for (let i = 0; i < 20; i++) {
      await db.search(random.vector(12), 10);
    }
    const { estimatedRecall, recallSamples } = (await db.stats()).index;
    check(recallSamples > 0, "no search was checked");
    check(estimatedRecall !== null && estimatedRecall > 0.9, `recall is ${estimatedRecall}`);
    check(estimatedRecall <= 1, `recall is ${estimatedRecall}`);
    const none = await open({ dimensions: 1 });
    const { index: unchecked } = await none.stats();
    same([unchecked.estimatedRecall, unchecked.recallSamples], [null, 0], "without samples");
  });
}

function storms({ test, open }: Bench): void {
  for (const metric of METRICS) {
    test(`${metric}: vectors that were moved are found at once, without a repair`, async () => {
      const random = new Random(31);
      const dimensions = 12;
      const db = await open({ dimensions, metric, idleRepair: false });
      const vectors = await fill(db, random, 2000, dimensions);
      const moved = Array.from({ length: 500 }, (_, i) => `v${3 * i}`);
      await move(db, vectors, moved, random);
      let found = 0;
      for (const id of moved.filter((_, i) => i % 5 === 0)) {
        const query = vectors.get(id) as Float32Array;
        const hits = await db.search(query, 1);
        found += recalled(metric, exact(metric, vectors, query, 1), hits);
      }
      check(found >= 99, `only ${found} of 100 were found`);
      await healthy(db, "without a repair");
      const recall = await recallOf(db, vectors, random, metric);
      check(recall >= 0.95, `recall is ${recall} without a repair`);
      await db.repair();
      await healthy(db, "repaired");
      const after = await recallOf(db, vectors, random, metric);
      check(after >= 0.95, `recall is ${after} after the repair`);
    });
  }

  test("recall stays while all vectors move, again and again", async () => {
    const random = new Random(32);
    const db = await open({ dimensions: 12 });
    const vectors = await fill(db, random, 1000, 12);
    for (let round = 0; round < 3; round++) {
      await move(db, vectors, vectors.keys(), random);
      const recall = await recallOf(db, vectors, random);
      check(recall >= 0.95, `recall is ${recall} in round ${round}`);
      await healthy(db, `round ${round}`);
    }
  });

  test("recall stays while vectors go to one place and away again", async () => {
    const random = new Random(33);
    const db = await open({ dimensions: 8, metric: "euclidean" });
    const vectors = await fill(db, random, 1000, 8);
    const ids = [...vectors.keys()];
    const place = random.vector(8);
    for (const id of ids.slice(0, 500)) {
      const vector = place.map((x) => x + random.normal() / 1000);
      vectors.set(id, vector);
      await db.applyDelta(dense(id, ...vector));
    }
    await healthy(db, "together");
    await move(db, vectors, ids.slice(0, 500), random);
    await healthy(db, "apart");
    const recall = await recallOf(db, vectors, random, "euclidean");
    check(recall >= 0.95, `recall is ${recall}`);
  });

  test("scaling does not move vectors under cosine, and does under euclidean", async () => {
    for (const metric of ["cosine", "euclidean"] as const) {
      const random = new Random(34);
      const db = await open({ dimensions: 8, metric, idleRepair: false });
      const vectors = await fill(db, random, 800, 8);
      await db.repair();
      const moved = [...vectors.keys()].slice(0, 50);
      await db.applyDeltas(moved.map((id) => scale(id, 16)));
      for (const id of moved) {
        vectors.set(
          id,
          (vectors.get(id) as Float32Array).map((x) => 16 * x),
        );
      }
      const { queued, pending } = await db.checkIndex();
      same(queued + pending > 0, metric === "euclidean", `vectors wait under ${metric}`);
      check((await recallOf(db, vectors, random, metric)) >= 0.95, `recall is low: ${metric}`);
    }
  });
}

function equals({ test, open }: Bench): void {
  test("10,000 identical vectors are all found, and part again when they change", async () => {
    const db = await open({ dimensions: 4, metric: "euclidean" });
    for (let i = 0; i < 10_000; i += 1000) {
      await db.applyDeltas(Array.from({ length: 1000 }, (_, j) => create(`v${i + j}`, 1, 2, 3, 4)));
    }
    await healthy(db, "identical");
    await db.repair();
    const { linked, duplicates, zero } = await db.checkIndex();
    same([linked, duplicates, zero], [1, 9999, 0], "linked, duplicates, zero");
    const hits = await db.search(Float32Array.of(1, 2, 3, 4), 10_000);
    same(new Set(hits.map(({ id }) => id)).size, 10_000, "number of different hits");
    check(
      hits.every(({ score }) => score === 0),
      "a distance is not 0",
    );
    same((await db.search(Float32Array.of(1, 2, 3, 4), 7)).length, 7, "number of hits of 7");
    const random = new Random(40);
    const parted: Vectors = new Map();
    for (let i = 0; i < 800; i++) {
      parted.set(`v${i * 3}`, random.vector(4));
    }
    await db.applyDeltas([...parted].map(([id, vector]) => dense(id, ...vector)));
    await db.repair();
    await healthy(db, "parted");
    same((await db.checkIndex()).duplicates, 9199, "duplicates that are left");
    for (const [id, vector] of parted) {
      const [hit] = await db.search(vector, 1);
      same([hit.id, hit.score], [id, 0], "closest to one that parted");
    }
  });

  test("vectors that part by next to nothing are told apart all the same", async () => {
    const db = await open({ dimensions: 4, metric: "euclidean" });
    await db.applyDeltas(Array.from({ length: 1000 }, (_, i) => create(`v${i}`, 1, 2, 3, 4)));
    await db.applyDeltas(Array.from({ length: 1000 }, (_, i) => offset(`v${i}`, i / 1024)));
    for (const step of ["before", "after"]) {
      await healthy(db, `${step} the repair`);
      for (let i = 0; i < 1000; i += 25) {
        const query = Float32Array.of(1, 2, 3, 4).map((x) => x + i / 1024);
        const [hit] = await db.search(query, 1);
        same([hit.id, hit.score], [`v${i}`, 0], `closest ${step} the repair`);
      }
      await db.repair();
    }
  });

  test("5,000 identical vectors among 5,000 distinct ones hide none of these", async () => {
    const random = new Random(41);
    const db = await open({ dimensions: 8 });
    const vectors = await fill(db, random, 5000, 8);
    const same8 = random.vector(8);
    for (let i = 0; i < 5000; i += 1000) {
      await db.applyDeltas(
        Array.from({ length: 1000 }, (_, j) => create(`same${i + j}`, ...same8)),
      );
    }
    await db.repair();
    await healthy(db);
    same((await db.checkIndex()).duplicates, 4999, "duplicates");
    for (let i = 0; i < 5000; i++) {
      vectors.set(`same${i}`, same8);
    }
    const recall = await recallOf(db, vectors, random);
    check(recall >= 0.95, `recall is ${recall}`);
    let found = 0;
    for (let i = 0; i < 5000; i += 50) {
      const query = vectors.get(`v${i}`) as Float32Array;
      found += (await db.search(query, 1))[0].id === `v${i}` ? 1 : 0;
    }
    check(found >= 99, `only ${found} of 100 distinct vectors were found`);
    const hits = await db.search(same8, 50);
    check(
      hits.every(({ score }) => score > 0.99999),
      "not all of the closest are the identical ones",
    );
  });

  test("equal vectors can be deleted one by one", async () => {
    const db = await open({ dimensions: 3 });
    await db.applyDeltas(Array.from({ length: 200 }, (_, i) => create(`v${i}`, 1, 2, 3)));
    for (let i = 0; i < 200; i++) {
      await db.applyDelta(remove(`v${(i * 77) % 200}`));
      if (i % 20 === 0) {
        await healthy(db, `after ${i + 1}`);
        same((await db.search(Float32Array.of(1, 1, 1), 200)).length, 199 - i, "number of hits");
      }
    }
    await healthy(db, "at the end");
  });

  test("vectors become equal and part, and are counted rightly", async () => {
    const random = new Random(42);
    const db = await open({ dimensions: 6, idleRepair: false });
    const vectors = await fill(db, random, 700, 6);
    for (let i = 0; i < 100; i++) {
      await db.applyDelta(dense(`v${i}`, 1, 2, 3, 4, 5, 6));
    }
    await db.repair();
    await healthy(db, "equal");
    same((await db.checkIndex()).duplicates, 99, "duplicates");
    await move(db, vectors, [...vectors.keys()].slice(0, 100), random);
    await db.repair();
    await healthy(db, "apart");
    same((await db.checkIndex()).duplicates, 0, "duplicates");
    check((await recallOf(db, vectors, random)) >= 0.95, "recall is low");
  });

  test("1,000 zero vectors have a cosine similarity of 0 to everything", async () => {
    const random = new Random(43);
    const db = await open({ dimensions: 4 });
    await db.applyDeltas(Array.from({ length: 1000 }, (_, i) => create(`z${i}`, 0, 0, 0, 0)));
    await healthy(db, "only zeros");
    const query = Float32Array.of(1, 2, 3, 4);
    const hits = await db.search(query, 1000);
    same(hits.length, 1000, "number of hits");
    check(
      hits.every(({ score }) => score === 0),
      "a similarity is not 0",
    );
    const vectors = await fill(db, random, 1000, 4);
    await healthy(db, "zeros and others");
    same((await db.stats()).index.zero, 1000, "zero vectors");
    for (let i = 0; i < 1000; i++) {
      vectors.set(`z${i}`, new Float32Array(4));
    }
    const all = await db.search(query, 2000, { efSearch: 2000 });
    sound("cosine", vectors, query, all);
    same(all.length, 2000, "number of hits");
    // Vectors with less than no similarity come behind those of length 0.
    const positive = all.filter(({ score }) => score > 0).length;
    same(
      all.slice(positive, positive + 1000).filter(({ id }) => id.startsWith("z")).length,
      1000,
      "zeros behind the positive ones",
    );
  });

  test("a vector can become zero and be something again", async () => {
    const random = new Random(44);
    const db = await open({ dimensions: 4, idleRepair: false });
    const vectors = await fill(db, random, 600, 4);
    const some = [...vectors.keys()].slice(0, 50);
    await db.applyDeltas(some.map((id) => scale(id, 0)));
    await healthy(db, "zero");
    same((await db.checkIndex()).zero, 50, "zero vectors");
    await db.applyDeltas(some.map((id) => offset(id, 1)));
    await db.repair();
    await healthy(db, "one");
    same((await db.checkIndex()).zero, 0, "zero vectors");
    const ones = await db.search(Float32Array.of(1, 1, 1, 1), 50);
    same(ones.map(({ id }) => id).sort(), [...some].sort(), "closest to ones");
  });
}

function deletions({ test, open }: Bench): void {
  test("everything can be deleted, and the index begins anew", async () => {
    const random = new Random(51);
    const db = await open({ dimensions: 8 });
    for (let round = 0; round < 2; round++) {
      const vectors = await fill(db, random, 1000, 8);
      await healthy(db, `filled, round ${round}`);
      check((await recallOf(db, vectors, random)) >= 0.95, "recall is low");
      for (const id of vectors.keys()) {
        await db.applyDelta(remove(id));
      }
      await healthy(db, `deleted, round ${round}`);
      same(await db.search(random.vector(8), 10), [], "hits");
      same(await pendingOf(db), 0, "vectors that wait");
    }
  });

  test("clusters can be deleted one after the other, whichever search begins in", async () => {
    const random = new Random(52);
    const db = await open({ dimensions: 6, metric: "euclidean" });
    const vectors: Vectors = new Map();
    for (let cluster = 0; cluster < 4; cluster++) {
      const centre = random.vector(6).map((x) => 20 * x);
      for (let i = 0; i < 300; i++) {
        vectors.set(
          `c${cluster}-${i}`,
          centre.map((x) => x + random.normal()),
        );
      }
    }
    await db.applyDeltas([...vectors].map(([id, vector]) => create(id, ...vector)));
    for (let cluster = 0; cluster < 3; cluster++) {
      const gone = [...vectors.keys()].filter((id) => id.startsWith(`c${cluster}-`));
      await db.applyDeltas(gone.map((id) => remove(id)));
      for (const id of gone) {
        vectors.delete(id);
      }
      await healthy(db, `without cluster ${cluster}`);
      let found = 0;
      for (const [id, vector] of [...vectors].filter((_, i) => i % 10 === 0)) {
        found += (await db.search(vector, 1))[0].id === id ? 1 : 0;
      }
      check(found >= vectors.size / 10 - 1, `only ${found} of ${vectors.size / 10} were found`);
    }
  });
}

function quantizations({ test, open }: Bench): void {
  for (const quantization of ["int8", "int4", "none"] as const) {
    for (const metric of METRICS) {
      test(`${quantization}, ${metric}: vectors of any length are found while they change`, async () => {
        const random = new Random(61);
        const dimensions = 24;
        const db = await open({ dimensions, metric, quantization, hnswEfSearch: 100 });
        const vectors: Vectors = new Map();
        for (let i = 0; i < 1200; i++) {
          const length = 2 ** (random.normal() / 2);
          vectors.set(
            `v${i}`,
            random.vector(dimensions).map((x) => length * x),
          );
        }
        await db.applyDeltas([...vectors].map(([id, vector]) => create(id, ...vector)));
        const before = await recallOf(db, vectors, random, metric);
        check(before >= 0.95, `recall is ${before}`);
        for (let i = 0; i < 300; i++) {
          const id = `v${random.below(1200)}`;
          const vector = vectors.get(id) as Float32Array;
          const value = random.normal();
          vector[i % dimensions] = value;
          await db.applyDelta(sparse(id, i % dimensions, value));
        }
        await healthy(db);
        const after = await recallOf(db, vectors, random, metric);
        check(after >= 0.95, `recall is ${after} after changes`);
        same((await db.stats()).index.quantization, quantization);
      });
    }
  }

  test("codes take a quarter and an eighth of what floats take", async () => {
    const sizes: number[] = [];
    for (const quantization of ["int8", "int4", "none"] as const) {
      const db = await open({ dimensions: 384, quantization });
      await fill(db, new Random(62), 512, 384);
      const { index } = await db.stats();
      check(index.bytes >= index.codeBytes, `${index.codeBytes} bytes of codes`);
      sizes.push(index.codeBytes / 512 / 384);
    }
    near(sizes[0], 1, 0.1, "bytes of a value in 8 bits");
    near(sizes[1], 0.5, 0.1, "bytes of a value in 4 bits");
    same(sizes[2], 0, "bytes of codes without codes");
  });

  for (const [quantization, most] of [
    ["int8", 0.0005],
    ["int4", 0.03],
  ] as const) {
    test(`without floats a vector reads as its code of ${quantization}`, async () => {
      const random = new Random(63);
      const db = await open({ dimensions: 32, quantization, keepFloats: false });
      const vectors = await fill(db, random, 100, 32);
      for (const [id, vector] of vectors) {
        const read = (await db.getVector(id)) as Float32Array;
        const off = vector.map((x, i) => read[i] - x);
        const error = score("dot", off, off) / score("dot", vector, vector);
        check(error < most, `${id} is off by ${error} of its squared length`);
        same(await db.getVector(id), read, "read again");
      }
      same(await db.has("v1"), true);
      same(await db.getVector("nobody"), null);
    });

    test(`without floats deltas change the values of the ${quantization} code`, async () => {
      const db = await open({ dimensions: 4, quantization, keepFloats: false });
      await db.applyDelta({ ...create("a", 7, -7, 0, 3.5), metadata: { n: 1 } });
      await db.applyDelta(scale("a", 2));
      await db.applyDelta(sparse("a", 2, 14));
      const read = (await db.getVector("a")) as Float32Array;
      [14, -14, 14, 7].forEach((x, i) => {
        near(read[i], x, quantization === "int8" ? 0.3 : 2, `value ${i}`);
      });
      same(await db.getMetadata("a"), { n: 1 });
      await db.applyDelta(remove("a"));
      same(await db.getVector("a"), null);
      await healthy(db);
    });
  }

  test("without floats the closest are found all the same", async () => {
    for (const metric of METRICS) {
      const random = new Random(64);
      const db = await open({ dimensions: 32, metric, keepFloats: false });
      await fill(db, random, 1500, 32);
      // What can be found is what can be read.
      const decoded: Vectors = new Map();
      for await (const id of await db.ids()) {
        decoded.set(id, (await db.getVector(id)) as Float32Array);
      }
      let found = 0;
      for (let i = 0; i < 30; i++) {
        const query = random.vector(32);
        const hits = await db.search(query, 10);
        const best = exact(metric, decoded, query, 15);
        const ids = new Set(best.map(({ id }) => id));
        found += hits.filter(({ id }) => ids.has(id)).length;
      }
      check(found >= 285, `${metric}: only ${found} of 300 were found`);
      await healthy(db, metric);
    }
  });

  test("without floats there is no history, and memory is small", async () => {
    const lean = await open({ dimensions: 384, keepFloats: false });
    const full = await open({ dimensions: 384, history: false });
    await fill(lean, new Random(65), 256, 384);
    await fill(full, new Random(65), 256, 384);
    const [small, large] = [await lean.stats(), await full.stats()];
    same([small.index.keepFloats, large.index.keepFloats], [false, true], "keepFloats");
    const saved = large.usedBytes - small.usedBytes;
    check(saved > 0.8 * 256 * 384 * 4, `only ${saved} bytes are saved`);
    await fails(() => lean.cursor(), "INVALID_ARGUMENT", /history/);
    await fails(() => lean.getVectorAt("v0", new Date()), "INVALID_ARGUMENT", /history/);
  });

  const refused: [string, DeltaDBOptions, RegExp][] = [
    ["keepFloats without floats and with history", { keepFloats: false, history: true }, /history/],
    ["neither codes nor floats", { keepFloats: false, quantization: "none" }, /quantization/],
    ["a grid without floats", { keepFloats: false, precision: { grid: 8 } }, /precision/],
    ["a sample rate above 1", { recallSampleRate: 1.5 }, /recallSampleRate.* 1/],
    ["a negative sample rate", { recallSampleRate: -1 }, /recallSampleRate.*from 0/],
  ];
  for (const [name, options, message] of refused) {
    test(`refused: ${name}`, async () => {
      await fails(() => open({ dimensions: 2, ...options }), "INVALID_ARGUMENT", message);
    });
  }
}
