import type { DeltaDBOptions } from "../../src/types.ts";
import { Random } from "../support/random.ts";
import { check, fails, same } from "./check.ts";
import { create, remove, scale } from "./deltas.ts";
import type { Bench, Face } from "./face.ts";

/** A face in the same process as its database. */
type Near = Required<
  Pick<
    Face,
    | "getVectorView"
    | "getVectorPtr"
    | "getDimensions"
    | "getMemory"
    | "getVectorInto"
    | "getVectors"
  >
> &
  Face;

/** Views on the database's memory, and copies from it. Only for faces in the same process. */
export function views({ test, open: openAny }: Bench): void {
  const open = async (options: DeltaDBOptions): Promise<Near> => {
    const db = await openAny(options);
    check(db.getVectorView !== undefined, "the face has no getVectorView");
    return db as Near;
  };
  const view = (db: Face, id: string): Float32Array | null => {
    check(db.getVectorView !== undefined, "the face has no getVectorView");
    return db.getVectorView(id);
  };

  test("a view shows the vector without copying it", async () => {
    const db = await open({ dimensions: 3 });
    await db.applyDelta(create("a", 1, 2, 3));
    const seen = view(db, "a");
    same(seen, Float32Array.of(1, 2, 3));
    check(seen !== null && seen.buffer.byteLength > seen.byteLength, "it is a copy");
  });

  test("a view of what does not exist is null", async () => {
    const db = await open({ dimensions: 3 });
    same(view(db, "a"), null);
  });

  test("a view is refused after close, and for what cannot be an id", async () => {
    const db = await open({ dimensions: 3 });
    await fails(() => view(db, ""), "INVALID_ARGUMENT", /vectorId is empty/);
    await db.close();
    await fails(() => view(db, "a"), "CLOSED", /closed/);
  });

  test("a view can be given to applyDelta, also when that grows the memory", async () => {
    const dimensions = 4000;
    const db = await open({ dimensions });
    const vector = new Random(1).vector(dimensions);
    await db.applyDelta({ vectorId: "v0", operation: { type: "create", vector } });
    for (let i = 1; i < 200; i++) {
      const last = view(db, `v${i - 1}`) as Float32Array;
      await db.applyDelta({ vectorId: `v${i}`, operation: { type: "create", vector: last } });
    }
    same(await db.getVector("v199"), vector);
  });

  test("a view can be given with metadata for which the input has to grow", async () => {
    const db = await open({ dimensions: 3 });
    await db.applyDelta(create("a", 1, 2, 3));
    for (let length = 1000; length < 200_000; length *= 3) {
      const operation = { type: "dense" as const, vector: view(db, "a") as Float32Array };
      const metadata = { text: "x".repeat(length) };
      await db.applyDelta({ vectorId: "a", operation, metadata });
      same(await db.getVector("a"), Float32Array.of(1, 2, 3));
    }
  });

  test("a view can be given to search", async () => {
    const db = await open({ dimensions: 3000 });
    const vector = new Random(2).vector(3000);
    await db.applyDelta({ vectorId: "a", operation: { type: "create", vector } });
    same((await db.search(view(db, "a") as Float32Array, 1))[0].id, "a");
  });

  test("a view that a growing memory cut off is refused", async () => {
    const dimensions = 4000;
    const db = await open({ dimensions });
    const vector = new Random(3).vector(dimensions);
    await db.applyDelta({ vectorId: "v", operation: { type: "create", vector } });
    const old = view(db, "v") as Float32Array;
    for (let i = 0; old.length > 0; i++) {
      await db.applyDelta({ vectorId: `v${i}`, operation: { type: "create", vector } });
    }
    const delta = { vectorId: "v", operation: { type: "dense" as const, vector: old } };
    await fails(() => db.applyDelta(delta), "INVALID_ARGUMENT", /"v".*vector.*view/);
    await fails(() => db.search(old, 1), "INVALID_ARGUMENT", /query.*view/);
  });

  test("copies and views stay right while the memory grows many times", async () => {
    const dimensions = 256;
    const db = await open({ dimensions });
    const random = new Random(9);
    const vectors = Array.from({ length: 3000 }, () => random.vector(dimensions));
    for (const [i, vector] of vectors.entries()) {
      await db.applyDelta({ vectorId: `v${i}`, operation: { type: "create", vector } });
      if (i % 100 === 0) {
        const other = random.below(i + 1);
        same(await db.getVector(`v${other}`), vectors[other], `copy of v${other}`);
        same(view(db, `v${other}`), vectors[other], `view of v${other}`);
      }
    }
    await db.applyDelta(scale("v0", 2));
    await db.applyDelta(remove("v1"));
    same(
      view(db, "v0"),
      vectors[0].map((x) => 2 * x),
    );
    same(view(db, "v1"), null);
  });

  test("an address is that of the vector's floats in the memory, 0 if there is none", async () => {
    const db = await open({ dimensions: 3 });
    await db.applyDelta(create("a", 1, 2, 3));
    const at = db.getVectorPtr("a");
    check(at > 0 && at % 64 === 0, `the address is ${at}`);
    const floats = new Float32Array(db.getMemory().buffer, at, db.getDimensions());
    same(floats, Float32Array.of(1, 2, 3));
    same(db.getVectorView("a")?.byteOffset, at);
    same(db.getVectorPtr("b"), 0);
    same(db.getDimensions(), 3);
  });

  test("a vector is copied into an array, which stays as it is if there is none", async () => {
    const db = await open({ dimensions: 3 });
    await db.applyDelta(create("a", 1, 2, 3));
    const rows = new Float32Array(9).fill(7);
    same(db.getVectorInto("a", rows.subarray(3, 6)), true);
    same(db.getVectorInto("b", rows.subarray(6, 9)), false);
    same(rows, Float32Array.of(7, 7, 7, 1, 2, 3, 7, 7, 7));
    await db.applyDelta(scale("a", 2));
    same([...rows.subarray(3, 6)], [1, 2, 3]);
  });

  test("a target of another length or kind is refused, and one in the database's memory", async () => {
    const db = await open({ dimensions: 3 });
    await db.applyDelta(create("a", 1, 2, 3));
    for (const length of [0, 2, 4]) {
      const target = new Float32Array(length);
      await fails(() => db.getVectorInto("a", target), "DIMENSION_MISMATCH", /target.*not 3/);
    }
    for (const target of [undefined, null, [1, 2, 3], new Float64Array(3)]) {
      const call = (): boolean => db.getVectorInto("a", target as never);
      await fails(call, "INVALID_ARGUMENT", /target must be a Float32Array/);
    }
    const own = db.getVectorView("a") as Float32Array;
    await fails(() => db.getVectorInto("a", own), "INVALID_ARGUMENT", /target.*own memory/);
    await fails(() => db.getVectorInto("", new Float32Array(3)), "INVALID_ARGUMENT", /vectorId/);
  });

  test("many vectors come in one block, zeros where there is none", async () => {
    const db = await open({ dimensions: 2 });
    await db.applyDelta(create("a", 1, 2));
    await db.applyDelta(create("größe", 3, 4));
    const { values, missing } = db.getVectors(["größe", "x", "a", "größe", "y"]);
    same(values, Float32Array.of(3, 4, 0, 0, 1, 2, 3, 4, 0, 0));
    same(missing, [1, 4]);
    same(values.byteLength, values.buffer.byteLength);
    const none = db.getVectors([]);
    same([none.values.length, none.missing.length], [0, 0]);
  });

  test("a block of vectors is refused for what are no ids, and after close", async () => {
    const db = await open({ dimensions: 2 });
    await db.applyDelta(create("a", 1, 2));
    for (const ids of [undefined, null, "a", new Set(["a"])]) {
      const call = (): unknown => db.getVectors(ids as never);
      await fails(call, "INVALID_ARGUMENT", /ids must be an array/);
    }
    await fails(() => db.getVectors(["a", ""]), "INVALID_ARGUMENT", /vectorId is empty/);
    await fails(() => db.getVectors(["a", 5 as never]), "INVALID_ARGUMENT", /vectorId must be/);
    await db.close();
    await fails(() => db.getVectors([]), "CLOSED", /closed/);
    await fails(() => db.getVectorInto("a", new Float32Array(2)), "CLOSED", /closed/);
    await fails(() => db.getVectorPtr("a"), "CLOSED", /closed/);
    await fails(() => db.getDimensions(), "CLOSED", /closed/);
    await fails(() => db.getMemory(), "CLOSED", /closed/);
  });

  test("copies of one vector and of many are the same, with floats and without", async () => {
    for (const keepFloats of [true, false]) {
      const db = await open({ dimensions: 70, keepFloats, history: false });
      const random = new Random(5);
      const ids = Array.from({ length: 300 }, (_, i) => `v${i}`);
      await db.applyDeltas(ids.map((id) => create(id, ...random.vector(70))));
      const { values, missing } = db.getVectors(ids);
      same(missing, []);
      const one = new Float32Array(70);
      for (const [i, id] of ids.entries()) {
        const row = values.subarray(70 * i, 70 * i + 70);
        db.getVectorInto(id, one);
        same(one, row, id);
        same(await db.getVector(id), row, id);
        same(db.getVectorView(id), row, id);
      }
    }
  });

  test("views stay valid while others are looked up", async () => {
    const db = await open({ dimensions: 2 });
    await db.applyDelta(create("a", 1, 2));
    await db.applyDelta(create("b", 3, 4));
    const [a, b] = [db.getVectorView("a"), db.getVectorView("b")];
    await db.has("a");
    await db.getVector("b");
    db.getVectors(["a", "b"]);
    same([a, b], [Float32Array.of(1, 2), Float32Array.of(3, 4)]);
  });
}
