import { check, fails, same } from "./check.ts";
import { create, remove, sparse } from "./deltas.ts";
import type { Bench } from "./face.ts";

/** Metadata: JSON merge patch (RFC 7396). */
export function metadata({ test, open }: Bench): void {
  test("a vector without metadata has an empty object", async () => {
    const db = await open({ dimensions: 1 });
    await db.applyDelta(create("a", 1));
    same(await db.getMetadata("a"), {});
  });

  test("create carries metadata", async () => {
    const db = await open({ dimensions: 1 });
    const given = { title: "größe 🦀", tags: ["x", 1, true, null], deep: { er: { n: 1.5e-7 } } };
    await db.applyDelta({ ...create("a", 1), metadata: given });
    same(await db.getMetadata("a"), given);
  });

  test("a delta may change only metadata", async () => {
    const db = await open({ dimensions: 1 });
    await db.applyDelta(create("a", 4));
    await db.applyDelta({ ...sparse("a"), metadata: { seen: 3 } });
    same(await db.getMetadata("a"), { seen: 3 });
    same(await db.getVector("a"), Float32Array.of(4));
  });

  test("every operation but delete carries metadata", async () => {
    const db = await open({ dimensions: 1 });
    await db.applyDelta(create("a", 1));
    const operations = [
      sparse("a", 0, 1).operation,
      { type: "dense" as const, vector: Float32Array.of(1) },
      { type: "scale" as const, factor: 2 },
      { type: "offset" as const, amount: 2 },
    ];
    for (const operation of operations) {
      await db.applyDelta({ vectorId: "a", operation, metadata: { last: operation.type } });
      same(await db.getMetadata("a"), { last: operation.type });
    }
  });

  // The cases of RFC 7396, appendix A, whose target and patch are objects.
  const cases: [Record<string, unknown>, Record<string, unknown>, Record<string, unknown>][] = [
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [{ e: "f" }, { a: 1 }, { e: "f", a: 1 }],
    [{ a: { b: 1 } }, { a: 2 }, { a: 2 }],
    [{ a: 2 }, { a: { b: 1 } }, { a: { b: 1 } }],
    [{ a: 1 }, {}, { a: 1 }],
  ];
  for (const [before, patch, after] of cases) {
    const name = `${JSON.stringify(before)} patched with ${JSON.stringify(patch)}`;
    test(`${name} is ${JSON.stringify(after)}`, async () => {
      const db = await open({ dimensions: 1 });
      await db.applyDelta({ ...create("a", 1), metadata: before });
      await db.applyDelta({ ...sparse("a"), metadata: patch });
      same(await db.getMetadata("a"), after);
    });
  }

  test("keys that mean something to JavaScript are only keys", async () => {
    const db = await open({ dimensions: 1 });
    const given = JSON.parse('{"__proto__": {"x": 1}, "constructor": 2, "": 3}');
    await db.applyDelta({ ...create("a", 1), metadata: given });
    const got = await db.getMetadata("a");
    check(got !== null && Object.hasOwn(got, "__proto__"), "__proto__ is lost");
    same(JSON.stringify(Object.entries(got).sort()), JSON.stringify(Object.entries(given).sort()));
    same(({} as { x?: number }).x, undefined, "Object.prototype.x");
  });

  test("delete takes the metadata along", async () => {
    const db = await open({ dimensions: 1 });
    await db.applyDelta({ ...create("a", 1), metadata: { old: true } });
    await db.applyDelta(remove("a"));
    same(await db.getMetadata("a"), null);
    await db.applyDelta(create("a", 1));
    same(await db.getMetadata("a"), {});
  });

  test("a refused batch leaves metadata as it was", async () => {
    const db = await open({ dimensions: 1 });
    await db.applyDelta({ ...create("a", 1), metadata: { n: 1 } });
    const digest = await db.stateDigest();
    await fails(
      () => db.applyDeltas([{ ...sparse("a"), metadata: { n: 2, m: {} } }, remove("b")]),
      "VECTOR_NOT_FOUND",
      /"b"/,
      1,
    );
    same(await db.getMetadata("a"), { n: 1 });
    same(await db.stateDigest(), digest, "digest");
  });

  test("metadata is part of the state digest", async () => {
    const digests = new Set<string>();
    for (const given of [{ x: 1 }, { x: 2 }, { y: 1 }, { x: "1" }, {}]) {
      const db = await open({ dimensions: 1 });
      await db.applyDelta({ ...create("a", 1), metadata: given });
      digests.add(await db.stateDigest());
    }
    same(digests.size, 5, "number of digests");
  });

  test("metadata that was removed key by key is as if it had never been", async () => {
    const db = await open({ dimensions: 1 });
    await db.applyDelta(create("a", 1));
    const digest = await db.stateDigest();
    await db.applyDelta({ ...sparse("a"), metadata: { x: 1 } });
    await db.applyDelta({ ...sparse("a"), metadata: { x: null } });
    same(await db.stateDigest(), digest, "digest");
  });

  test("metadata of many kilobytes is kept", async () => {
    const db = await open({ dimensions: 1 });
    const given = { text: "äöü€🦀 ".repeat(5000) };
    await db.applyDelta({ ...create("a", 1), metadata: given });
    same(await db.getMetadata("a"), given);
  });
}
