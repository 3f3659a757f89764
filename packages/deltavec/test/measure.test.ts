import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { DeltaError, DeltaVectorDB, init } from "deltavec";
import { type MeasureDetail, measure } from "deltavec/measure";

const A = Float32Array.of(1, 0, 0);

before(() => init());

function open(): DeltaVectorDB {
  return new DeltaVectorDB({ dimensions: 3 });
}

const create = (
  vectorId: string,
): { vectorId: string; operation: { type: "create"; vector: Float32Array } } => ({
  vectorId,
  operation: { type: "create", vector: A },
});

/** Collects what observers are told while something runs. */
async function observed(run: () => unknown): Promise<{ name: string; detail: MeasureDetail }[]> {
  const seen: { name: string; detail: MeasureDetail }[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { name, duration, detail } of list.getEntries() as PerformanceMeasure[]) {
      assert.ok(duration >= 0);
      seen.push({ name, detail: detail as MeasureDetail });
    }
  });
  observer.observe({ type: "measure" });
  await run();
  await new Promise((resolve) => setTimeout(resolve, 20));
  observer.disconnect();
  return seen;
}

test("calls are measured with what they were for", async () => {
  const db = open();
  const seen = await observed(() => {
    measure(db, { label: "notes" });
    db.applyDeltas([create("a"), create("b")]);
    db.search(A, 1);
    db.searchBatch([A, A, A], 1);
    db.merge(db.deltasSince());
  });
  const label = "notes";
  assert.deepEqual(
    seen.filter(({ name }) => name !== "deltavec:merge"),
    [
      { name: "deltavec:apply", detail: { method: "applyDeltas", items: 2, label } },
      { name: "deltavec:search", detail: { method: "search", items: 1, label } },
      { name: "deltavec:search", detail: { method: "searchBatch", items: 3, label } },
    ],
  );
  assert.ok((seen.find(({ name }) => name === "deltavec:merge")?.detail.items ?? 0) > 24);
  db.close();
});

test("a call that throws is measured with its code, and throws", async () => {
  const db = open();
  const seen = await observed(() => {
    measure(db);
    assert.throws(() => db.applyDelta({ vectorId: "a", operation: { type: "delete" } }), {
      code: "VECTOR_NOT_FOUND",
    });
  });
  const detail = { method: "applyDelta", items: 1, error: "VECTOR_NOT_FOUND" };
  assert.deepEqual(seen, [{ name: "deltavec:apply", detail }]);
  db.close();
});

test("promises are measured to their end", async () => {
  const directory = mkdtempSync(join(tmpdir(), "deltavec-measure-"));
  try {
    const db = await DeltaVectorDB.open(`file:${directory}`, { dimensions: 3 });
    const seen = await observed(async () => {
      measure(db);
      await db.applyDelta(create("a"));
      await assert.rejects(db.applyDelta(create("a")), { code: "VECTOR_EXISTS" });
      await db.checkpoint();
    });
    assert.deepEqual(seen, [
      { name: "deltavec:apply", detail: { method: "applyDelta", items: 1 } },
      {
        name: "deltavec:apply",
        detail: { method: "applyDelta", items: 1, error: "VECTOR_EXISTS" },
      },
      { name: "deltavec:checkpoint", detail: { method: "checkpoint", items: 1 } },
    ]);
    await db.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("measures are gone from the timeline, unless they are to be kept", () => {
  const [gone, kept] = [open(), open()];
  performance.clearMeasures();
  measure(gone);
  gone.search(A, 1);
  assert.equal(performance.getEntriesByType("measure").length, 0);
  measure(kept, { keep: true });
  kept.search(A, 1);
  assert.deepEqual(
    performance.getEntriesByType("measure").map(({ name }) => name),
    ["deltavec:search"],
  );
  performance.clearMeasures();
  gone.close();
  kept.close();
});

test("after the end a database is as it was", async () => {
  const db = open();
  const members = Reflect.ownKeys(db);
  const stop = measure(db);
  assert.notDeepEqual(Reflect.ownKeys(db), members);
  stop();
  stop();
  assert.deepEqual(Reflect.ownKeys(db), members);
  assert.deepEqual(await observed(() => db.search(A, 1)), []);
  measure(db)();
  db.close();
});

test("a database is measured once at a time", () => {
  const db = open();
  measure(db);
  assert.throws(() => measure(db), { code: "INVALID_ARGUMENT", message: /measured already/ });
  db.close();
});

test("what is no database is refused", () => {
  assert.throws(
    () => measure({} as DeltaVectorDB),
    (error) => error instanceof DeltaError && error.code === "INVALID_ARGUMENT",
  );
});
