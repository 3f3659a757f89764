import { Random } from "../support/random.ts";
import { fails, same } from "./check.ts";
import { create, scale } from "./deltas.ts";
import type { Bench } from "./face.ts";

/** Copies of vectors: into an array, and many in one block. */
export function copies({ test, open }: Bench): void {
  test("a vector is copied into an array, which stays as it is if there is none", async () => {
    const db = await open({ dimensions: 3 });
    await db.applyDelta(create("a", 1, 2, 3));
    const rows = new Float32Array(9).fill(7);
    same(await db.getVectorInto("a", rows.subarray(3, 6)), true);
    same(await db.getVectorInto("b", rows.subarray(6, 9)), false);
    same(rows, Float32Array.of(7, 7, 7, 1, 2, 3, 7, 7, 7));
    await db.applyDelta(scale("a", 2));
    same([...rows.subarray(3, 6)], [1, 2, 3]);
  });

  test("a target of another length or kind is refused", async () => {
    const db = await open({ dimensions: 3 });
    await db.applyDelta(create("a", 1, 2, 3));
    for (const length of [0, 2, 4]) {
      const target = new Float32Array(length);
      await fails(() => db.getVectorInto("a", target), "DIMENSION_MISMATCH", /target.*not 3/);
    }
    for (const target of [undefined, null, [1, 2, 3], new Float64Array(3)]) {
      const call = (): unknown => db.getVectorInto("a", target as never);
      await fails(call, "INVALID_ARGUMENT", /target must be a Float32Array/);
    }
    await fails(() => db.getVectorInto("", new Float32Array(3)), "INVALID_ARGUMENT", /vectorId/);
  });

  test("many vectors come in one block, zeros where there is none", async () => {
    const db = await open({ dimensions: 2 });
    await db.applyDelta(create("a", 1, 2));
    await db.applyDelta(create("größe", 3, 4));
    const { values, missing } = await db.getVectors(["größe", "x", "a", "größe", "y"]);
    same(values, Float32Array.of(3, 4, 0, 0, 1, 2, 3, 4, 0, 0));
    same(missing, [1, 4]);
    same(values.byteLength, values.buffer.byteLength);
    const none = await db.getVectors([]);
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
    await fails(() => db.getDimensions(), "CLOSED", /closed/);
  });

  test("copies of one vector and of many are the same, with floats and without", async () => {
    for (const keepFloats of [true, false]) {
      const db = await open({ dimensions: 70, keepFloats, history: false });
      const random = new Random(5);
      const ids = Array.from({ length: 300 }, (_, i) => `v${i}`);
      await db.applyDeltas(ids.map((id) => create(id, ...random.vector(70))));
      const { values, missing } = await db.getVectors(ids);
      same(missing, []);
      const one = new Float32Array(70);
      for (const [i, id] of ids.entries()) {
        const row = values.subarray(70 * i, 70 * i + 70);
        await db.getVectorInto(id, one);
        same(one, row, id);
        same(await db.getVector(id), row, id);
      }
    }
  });
}
