import { Random } from "../support/random.ts";
import { check, same } from "./check.ts";
import {
  create,
  dense,
  offset,
  remove,
  replicaOf,
  scale,
  sequenceOf,
  sparse,
  timeOf,
} from "./deltas.ts";
import { type Bench, listed } from "./face.ts";

const floats = (...values: number[]): Float32Array => Float32Array.from(values);

/** The six operations, delta ids and time. */
export function operations({ test, open }: Bench): void {
  test("create makes a vector that can be read", async () => {
    const db = await open({ dimensions: 3 });
    await db.applyDelta(create("a", 1, 2.5, -3));
    same(await db.getVector("a"), floats(1, 2.5, -3));
    same(await db.has("a"), true);
    same(await db.size, 1);
  });

  test("what does not exist is null, not there, and not listed", async () => {
    const db = await open({ dimensions: 3 });
    same(await db.getVector("a"), null);
    same(await db.getMetadata("a"), null);
    same(await db.has("a"), false);
    same(await db.size, 0);
    same(await listed(db), []);
  });

  test("sparse assigns values at indices", async () => {
    const db = await open({ dimensions: 4 });
    await db.applyDelta(create("a", 1, 2, 3, 4));
    await db.applyDelta(sparse("a", 1, 20, 3, 40));
    same(await db.getVector("a"), floats(1, 20, 3, 40));
  });

  test("sparse takes its indices in any order", async () => {
    const db = await open({ dimensions: 4 });
    await db.applyDelta(create("a", 1, 2, 3, 4));
    await db.applyDelta(sparse("a", 3, 40, 0, 10, 2, 30));
    same(await db.getVector("a"), floats(10, 2, 30, 40));
  });

  test("sparse without indices changes nothing", async () => {
    const db = await open({ dimensions: 2 });
    await db.applyDelta(create("a", 1, 2));
    const digest = await db.stateDigest();
    await db.applyDelta(sparse("a"));
    same(await db.stateDigest(), digest, "digest");
  });

  test("dense replaces all values", async () => {
    const db = await open({ dimensions: 3 });
    await db.applyDelta(create("a", 1, 2, 3));
    await db.applyDelta(dense("a", 7, 8, 9));
    same(await db.getVector("a"), floats(7, 8, 9));
  });

  test("scale multiplies in float32", async () => {
    const db = await open({ dimensions: 2 });
    await db.applyDelta(create("a", 0.1, 3));
    await db.applyDelta(scale("a", 1.1));
    const factor = Math.fround(1.1);
    same(await db.getVector("a"), floats(Math.fround(0.1) * factor, 3 * factor));
  });

  test("offset adds in float32", async () => {
    const db = await open({ dimensions: 2 });
    await db.applyDelta(create("a", 0.1, 3));
    await db.applyDelta(offset("a", 0.7));
    const amount = Math.fround(0.7);
    same(await db.getVector("a"), floats(Math.fround(0.1) + amount, 3 + amount));
  });

  test("delete removes the vector, and create can use its id again", async () => {
    const db = await open({ dimensions: 2 });
    await db.applyDelta(create("a", 1, 2));
    await db.applyDelta(remove("a"));
    same(await db.getVector("a"), null);
    same(await db.has("a"), false);
    same(await db.size, 0);
    await db.applyDelta(create("a", 3, 4));
    same(await db.getVector("a"), floats(3, 4));
  });

  test("a copied vector is not changed by a later delta", async () => {
    const db = await open({ dimensions: 2 });
    await db.applyDelta(create("a", 1, 2));
    const copy = await db.getVector("a");
    await db.applyDelta(dense("a", 5, 6));
    same(copy, floats(1, 2));
  });

  test("the caller's arrays are not kept", async () => {
    const db = await open({ dimensions: 2 });
    const vector = floats(1, 2);
    await db.applyDelta({ vectorId: "a", operation: { type: "create", vector } });
    vector.fill(9);
    same(await db.getVector("a"), floats(1, 2));
  });

  for (const dimensions of [1, 3, 384, 1000, 1536, 65_536]) {
    test(`${dimensions} dimensions: create, sparse and dense are read back exactly`, async () => {
      const random = new Random(dimensions);
      const db = await open({ dimensions });
      const vector = random.vector(dimensions);
      await db.applyDelta({ vectorId: "a", operation: { type: "create", vector } });
      same(await db.getVector("a"), vector, "created");
      const indices = Uint32Array.from({ length: Math.ceil(dimensions / 3) }, (_, i) => 3 * i);
      const values = random.vector(indices.length);
      await db.applyDelta({ vectorId: "a", operation: { type: "sparse", indices, values } });
      indices.forEach((index, i) => {
        vector[index] = values[i];
      });
      same(await db.getVector("a"), vector, "after sparse");
      const other = random.vector(dimensions);
      await db.applyDelta({ vectorId: "a", operation: { type: "dense", vector: other } });
      same(await db.getVector("a"), other, "after dense");
    });
  }

  test("a batch applies its deltas in order, each after those before it", async () => {
    const db = await open({ dimensions: 2 });
    const ids = await db.applyDeltas([
      create("a", 1, 2),
      scale("a", 3),
      create("b", 5, 5),
      remove("a"),
      create("a", 7, 7),
      offset("a", 1),
    ]);
    same(ids.length, 6);
    same(await db.getVector("a"), floats(8, 8));
    same(await db.getVector("b"), floats(5, 5));
    same(await db.size, 2);
  });

  test("an empty batch does nothing", async () => {
    const db = await open({ dimensions: 2 });
    same(await db.applyDeltas([]), []);
    same(await db.size, 0);
  });

  test("a batch of 3,000 deltas is applied as a whole", async () => {
    const db = await open({ dimensions: 40 });
    const random = new Random(7);
    const vectors = Array.from({ length: 1500 }, () => random.vector(40));
    const batch = vectors.map((vector, i) => ({
      vectorId: `v${i}`,
      operation: { type: "create" as const, vector },
    }));
    const changes = vectors.map((_, i) => sparse(`v${i}`, 1, i, 39, -i));
    same((await db.applyDeltas([...batch, ...changes])).length, 3000);
    for (const i of [0, 1, 127, 128, 1023, 1499]) {
      vectors[i][1] = i;
      vectors[i][39] = -i;
      same(await db.getVector(`v${i}`), vectors[i], `v${i}`);
    }
  });

  const names: [string, string][] = [
    ["one letter", "x"],
    ["127 letters", "y".repeat(127)],
    ["128 letters", "z".repeat(128)],
    ["1,024 letters", "w".repeat(1024)],
    ["a few letters beyond ASCII", "größe-жук"],
    ["43 ideographs, 129 bytes", "語".repeat(43)],
    ["256 emoji, 1,024 bytes", "🦀".repeat(256)],
    ["control characters and quotes", '\u0000\n"\\\u007f'],
    ["a byte order mark", "\ufeffa"],
  ];
  for (const [what, id] of names) {
    test(`an id of ${what} is found, listed and searched`, async () => {
      const db = await open({ dimensions: 2 });
      await db.applyDelta(create(id, 1, 2));
      await db.applyDelta(create("other", -1, 2));
      same(await db.getVector(id), floats(1, 2));
      same(new Set(await listed(db)).has(id), true, "listed");
      same((await db.search(floats(1, 2), 1))[0].id, id, "searched");
    });
  }

  test("ids lists all live vectors, more than one page of them", async () => {
    const db = await open({ dimensions: 1 });
    await db.applyDeltas(Array.from({ length: 1000 }, (_, i) => create(`v${i}`, i)));
    await db.applyDeltas(Array.from({ length: 500 }, (_, i) => remove(`v${2 * i}`)));
    const ids = await listed(db);
    same(ids.length, 500);
    same(ids.sort(), Array.from({ length: 500 }, (_, i) => `v${2 * i + 1}`).sort());
  });

  test("delta ids have 26 digits of base32, ascend, and end with the replica", async () => {
    const db = await open({ dimensions: 1, replicaId: "0123456789ab" });
    const ids = [
      await db.applyDelta(create("a", 1)),
      ...(await db.applyDeltas([scale("a", 2), scale("a", 3)])),
      await db.applyDelta(remove("a")),
    ];
    for (const id of ids) {
      check(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id), `${id} is not base32`);
      same(replicaOf(id), "0123456789ab", "replica");
    }
    same([...ids].sort(), ids, "order");
    same(ids.map(sequenceOf), [1, 2, 3, 4], "sequence");
  });

  test("a given timestamp becomes the time of the delta's id", async () => {
    const db = await open({ dimensions: 1 });
    for (const time of [0, 1, 1_700_000_000_123, 2 ** 48 - 1]) {
      const id = await db.applyDelta({ ...create(`at ${time}`, 1), timestamp: new Date(time) });
      same(timeOf(id), time, "time");
    }
  });

  test("without a timestamp the id's time never falls behind one that was issued", async () => {
    const db = await open({ dimensions: 1 });
    const later = Date.now() + 3_600_000;
    await db.applyDelta({ ...create("a", 1), timestamp: new Date(later) });
    same(timeOf(await db.applyDelta(create("b", 1))), later, "time");
  });

  test("two timestamps that are equal are in order", async () => {
    const db = await open({ dimensions: 1 });
    const timestamp = new Date(1_700_000_000_000);
    await db.applyDelta({ ...create("a", 1), timestamp });
    await db.applyDelta({ ...scale("a", 2), timestamp });
    same(await db.getVector("a"), floats(2));
  });
}
