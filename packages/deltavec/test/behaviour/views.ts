import type { DeltaDBOptions } from "../../src/types.ts";
import { Random } from "../support/random.ts";
import { check, fails, same } from "./check.ts";
import { create, remove, scale } from "./deltas.ts";
import type { Bench, Face } from "./face.ts";

/** A face in the same process as its database. */
type Near = Required<Pick<Face, "getVectorView" | "getVectorPtr" | "getMemory">> & Face;

/** Views on the database's memory. Only for faces in the same process. */
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
    const floats = new Float32Array(db.getMemory().buffer, at, 3);
    same(floats, Float32Array.of(1, 2, 3));
    same(db.getVectorView("a")?.byteOffset, at);
    same(db.getVectorPtr("b"), 0);
    same(await db.getDimensions(), 3);
  });

  test("a target in the database's own memory is refused", async () => {
    const db = await open({ dimensions: 3 });
    await db.applyDelta(create("a", 1, 2, 3));
    const own = db.getVectorView("a") as Float32Array;
    await fails(() => db.getVectorInto("a", own), "INVALID_ARGUMENT", /target.*own memory/);
  });

  test("addresses and memory are refused after close", async () => {
    const db = await open({ dimensions: 3 });
    await db.close();
    await fails(() => db.getVectorPtr("a"), "CLOSED", /closed/);
    await fails(() => db.getMemory(), "CLOSED", /closed/);
  });

  test("views stay valid while others are looked up", async () => {
    const db = await open({ dimensions: 2 });
    await db.applyDelta(create("a", 1, 2));
    await db.applyDelta(create("b", 3, 4));
    const [a, b] = [db.getVectorView("a"), db.getVectorView("b")];
    await db.has("a");
    await db.getVector("b");
    await db.getVectors(["a", "b"]);
    same([a, b], [Float32Array.of(1, 2), Float32Array.of(3, 4)]);
  });
}
