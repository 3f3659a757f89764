import { Random } from "../support/random.ts";
import { check, near, same } from "./check.ts";
import { exact, fill, METRICS, recalled, sound } from "./closest.ts";
import { create, dense, offset, remove, scale, sparse } from "./deltas.ts";
import type { Bench } from "./face.ts";

/** Search against comparing with all vectors, and how it follows changes. */
export function search({ test, open }: Bench): void {
  for (const metric of METRICS) {
    for (const dimensions of [1, 3, 384, 1000, 1536]) {
      test(`${metric}, ${dimensions} dimensions: finds what comparing with all finds`, async () => {
        const random = new Random(dimensions + metric.length);
        const db = await open({ dimensions, metric, hnswEfSearch: 400 });
        const vectors = await fill(db, random, 400, dimensions);
        let found = 0;
        for (let i = 0; i < 20; i++) {
          const query = random.vector(dimensions);
          const hits = await db.search(query, 10);
          same(hits.length, 10, "number of hits");
          sound(metric, vectors, query, hits);
          found += recalled(metric, exact(metric, vectors, query, 10), hits);
        }
        check(found >= 196, `only ${found} of 200 were found`);
      });
    }

    test(`${metric}: a search after any change sees the new values`, async () => {
      const dimensions = 8;
      const random = new Random(5);
      const db = await open({ dimensions, metric, hnswEfSearch: 300 });
      const vectors = await fill(db, random, 200, dimensions);
      const fround = Math.fround;
      let found = 0;
      for (let i = 0; i < 100; i++) {
        const id = `v${random.below(200)}`;
        const vector = vectors.get(id) as Float32Array;
        switch (i % 4) {
          case 0:
            await db.applyDelta(sparse(id, 2, i / 50, 5, -2));
            vector[2] = i / 50;
            vector[5] = -2;
            break;
          case 1:
            vectors.set(id, random.vector(dimensions));
            await db.applyDelta(dense(id, ...(vectors.get(id) as Float32Array)));
            break;
          case 2:
            await db.applyDelta(scale(id, -0.75));
            vectors.set(
              id,
              vector.map((x) => fround(x * fround(-0.75))),
            );
            break;
          default:
            await db.applyDelta(offset(id, 0.5));
            vectors.set(
              id,
              vector.map((x) => fround(x + 0.5)),
            );
        }
        const query = vectors.get(id) as Float32Array;
        const hits = await db.search(query, 5);
        sound(metric, vectors, query, hits);
        found += recalled(metric, exact(metric, vectors, query, 5), hits);
      }
      check(found >= 475, `only ${found} of 500 were found`);
    });
  }

  test("a vector that was moved is found at its new place and not at its old one", async () => {
    const db = await open({ dimensions: 2, metric: "euclidean" });
    await db.applyDeltas([create("a", 0, 0), create("b", 10, 0), create("c", 20, 0)]);
    await db.applyDelta(dense("a", 30, 0));
    same(
      (await db.search(Float32Array.of(0, 0), 3)).map(({ id, score: s }) => [id, s]),
      [
        ["b", 10],
        ["c", 20],
        ["a", 30],
      ],
    );
    same((await db.search(Float32Array.of(31, 0), 1))[0].id, "a");
  });

  test("a deleted vector is never found again", async () => {
    const random = new Random(11);
    const db = await open({ dimensions: 6 });
    const vectors = await fill(db, random, 300, 6);
    const gone = new Set<string>();
    for (let i = 0; i < 250; i++) {
      await db.applyDelta(remove(`v${i}`));
      gone.add(`v${i}`);
      if (i % 10 === 9) {
        const hits = await db.search(vectors.get(`v${i}`) as Float32Array, 300);
        check(
          hits.every(({ id }) => !gone.has(id)),
          `a deleted vector was found after ${i + 1} deletes`,
        );
      }
    }
    const left = await db.search(random.vector(6), 300);
    check(left.length >= 48, `only ${left.length} of 50 vectors are still found`);
  });

  test("a vector created again under a deleted id is found with its new values only", async () => {
    const db = await open({ dimensions: 2, metric: "euclidean" });
    await db.applyDelta(create("b", 5, 5));
    for (let i = 0; i < 50; i++) {
      await db.applyDelta(create("a", i, 1));
      const hits = await db.search(Float32Array.of(i, 1), 5);
      same(hits.length, 2, "number of hits");
      const hit = hits.find(({ id }) => id === "a");
      same(hit?.score, 0, "distance");
      await db.applyDelta(remove("a"));
      same((await db.search(Float32Array.of(i, 1), 5)).length, 1, "number of hits without it");
    }
  });

  test("a vector created and deleted in one batch is never found", async () => {
    const db = await open({ dimensions: 2 });
    await db.applyDeltas([create("a", 1, 0), create("b", 1, 1), remove("a")]);
    same(
      (await db.search(Float32Array.of(1, 0), 5)).map(({ id }) => id),
      ["b"],
    );
  });

  test("an empty database finds nothing", async () => {
    const db = await open({ dimensions: 2 });
    same(await db.search(Float32Array.of(1, 2), 10), []);
    await db.applyDelta(create("a", 1, 2));
    await db.applyDelta(remove("a"));
    same(await db.search(Float32Array.of(1, 2), 10), []);
  });

  test("a k above the size gives what there is", async () => {
    const db = await open({ dimensions: 2 });
    await db.applyDeltas([create("a", 1, 2), create("b", 2, 1)]);
    for (const k of [2, 3, 1000, 2 ** 31 - 1, 2 ** 31, 2 ** 40]) {
      same((await db.search(Float32Array.of(1, 2), k)).length, 2, `number of hits for k ${k}`);
    }
  });

  test("many equal vectors are all found", async () => {
    const db = await open({ dimensions: 3 });
    await db.applyDeltas(Array.from({ length: 100 }, (_, i) => create(`v${i}`, 1, 2, 3)));
    const hits = await db.search(Float32Array.of(1, 2, 3), 100);
    check(hits.length >= 95, `only ${hits.length} of 100 were found`);
    for (const { score: s } of hits) {
      near(s, 1, 1e-6, "score");
    }
  });

  test("cosine of a zero vector or a zero query is 0", async () => {
    const db = await open({ dimensions: 2 });
    await db.applyDeltas([create("zero", 0, 0), create("a", 1, 0), create("b", -1, 0)]);
    same(
      (await db.search(Float32Array.of(2, 0), 3)).map(({ id, score: s }) => [id, s]),
      [
        ["a", 1],
        ["zero", 0],
        ["b", -1],
      ],
    );
    same(
      (await db.search(Float32Array.of(0, 0), 3)).map(({ score: s }) => Math.abs(s)),
      [0, 0, 0],
    );
  });

  test("very large and very small values are compared rightly", async () => {
    const db = await open({ dimensions: 2 });
    await db.applyDeltas([create("large", 1e18, 1e18), create("small", 1e-18, -1e-18)]);
    const hits = await db.search(Float32Array.of(1, 1), 2);
    same(
      hits.map(({ id }) => id),
      ["large", "small"],
    );
    near(hits[0].score, 1, 1e-5, "score");
    near(hits[1].score, 0, 1e-5, "score");
  });

  test("search changes nothing", async () => {
    const random = new Random(3);
    const db = await open({ dimensions: 4 });
    await fill(db, random, 100, 4);
    const digest = await db.stateDigest();
    const query = random.vector(4);
    const hits = await db.search(query, 10);
    same(await db.search(query, 10), hits, "hits of the second search");
    same(await db.stateDigest(), digest, "digest");
  });
}
