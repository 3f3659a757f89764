import { Random } from "../support/random.ts";
import { check, fails, same } from "./check.ts";
import { create, scale } from "./deltas.ts";
import type { Bench, Face } from "./face.ts";

const DIMENSIONS = 8;

/** Fills a database: vectors that were changed and deleted, with metadata. */
async function fill(db: Face, count: number): Promise<void> {
  const random = new Random(count);
  for (let i = 0; i < count; i++) {
    await db.applyDelta({ ...create(`v${i}`, ...random.vector(DIMENSIONS)), metadata: { i } });
    if (i % 5 === 0) {
      await db.applyDelta(scale(`v${i >> 1}`, 0.5));
    }
  }
  await db.applyDelta({ vectorId: "v1", operation: { type: "delete" } });
}

/** What two databases must have in common. */
async function picture(db: Face, history = true): Promise<unknown[]> {
  const random = new Random(5);
  const found: unknown[] = [await db.size, await db.stateDigest()];
  for (let i = 0; i < 5; i++) {
    found.push(await db.search(random.vector(DIMENSIONS), 5));
  }
  return history ? [...found, String(await db.deltasSince())] : found;
}

/** A stream of bytes, cut into pieces. */
function cut(bytes: Uint8Array, piece: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) {
        controller.close();
      } else {
        controller.enqueue(bytes.slice(at, at + piece));
        at += piece;
      }
    },
  });
}

async function collected(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * Exports and imports, as a whole and as streams.
 *
 * @param options - as of the suite
 */
export function exports(
  bench: Bench,
  { typed, streams }: Readonly<Record<"typed" | "streams", boolean>>,
): void {
  const { test, open } = bench;
  test("an import is the database that was exported, index and history included", async () => {
    const db = await open({ dimensions: DIMENSIONS });
    await fill(db, 300);
    const data = await db.export();
    const copy = await open({ dimensions: DIMENSIONS });
    const { replicaId, ...result } = await copy.import(data);
    same(result, { vectors: 299, deltas: 361, index: "kept", history: true });
    check(/^[0-9a-f]{12}$/.test(replicaId), replicaId);
    same(await picture(copy), await picture(db));
    same((await copy.checkIndex()).ok, true);
    same((await copy.getDeltaChain("v1")).deltas.length, 2);
    same(await copy.getMetadata("v7"), { i: 7 });
  });

  test("an import takes the place of what was there", async () => {
    const db = await open({ dimensions: DIMENSIONS });
    await fill(db, 20);
    const before = await picture(db);
    const data = await db.export();
    await fill2(db);
    await db.import(data);
    same(await picture(db), before);
    same(await db.has("later"), false);
    same(await db.position, 25);
  });

  test("after an import deltas are issued under a number that nobody has issued under", async () => {
    const db = await open({ dimensions: DIMENSIONS, replicaId: "00000000000a" });
    await fill(db, 3);
    const data = await db.export();
    const lost = await db.applyDelta(create("x", 1, 2, 3, 4, 5, 6, 7, 8));
    await db.import(data);
    const id = await db.applyDelta(create("x", 8, 7, 6, 5, 4, 3, 2, 1));
    check(id.slice(-9) !== lost.slice(-9), `${id} is of the replica of ${lost}`);
    const copy = await open({ dimensions: DIMENSIONS, replicaId: "00000000000b" });
    same((await copy.import(data)).replicaId, "00000000000b");
    await copy.merge(await db.deltasSince(await copy.cursor()));
    same(await copy.stateDigest(), await db.stateDigest());
  });

  test("a copy and its original go on and merge", async () => {
    const db = await open({ dimensions: DIMENSIONS });
    await fill(db, 30);
    const copy = await open({ dimensions: DIMENSIONS });
    await copy.import(await db.export());
    await db.applyDelta(scale("v3", 2));
    await copy.applyDelta(scale("v3", 3));
    await copy.applyDelta(create("new", 1, 2, 3, 4, 5, 6, 7, 8));
    await db.merge(await copy.deltasSince(await db.cursor()));
    await copy.merge(await db.deltasSince(await copy.cursor()));
    same(await copy.stateDigest(), await db.stateDigest());
  });

  test("index and history can be left out", async () => {
    const db = await open({ dimensions: DIMENSIONS });
    await fill(db, 300);
    const whole = await db.export();
    const bare = await db.export({ index: false, history: false });
    check(bare.length < 0.7 * whole.length, `${bare.length} bytes of ${whole.length}`);
    const copy = await open({ dimensions: DIMENSIONS });
    const { index, history, deltas } = await copy.import(bare);
    same({ index, history, deltas }, { index: "rebuilt", history: false, deltas: 0 });
    same(await copy.stateDigest(), await db.stateDigest());
    same((await copy.checkIndex()).ok, true);
    await fails(() => copy.getVectorAt("v3", new Date(0)), "HISTORY_COMPACTED", /compacted/);
  });

  test("a history that is not kept is left out", async () => {
    const db = await open({ dimensions: DIMENSIONS });
    await fill(db, 50);
    const copy = await open({ dimensions: DIMENSIONS, history: false });
    same((await copy.import(await db.export())).history, false);
    same(await picture(copy, false), await picture(db, false));
  });

  test("an index for other options is built anew", async () => {
    const db = await open({ dimensions: DIMENSIONS });
    await fill(db, 300);
    const copy = await open({ dimensions: DIMENSIONS, hnswM: 8, metric: "euclidean" });
    same((await copy.import(await db.export())).index, "rebuilt");
    same(await copy.stateDigest(), await db.stateDigest());
    same((await copy.checkIndex()).ok, true);
  });

  test("a damaged index is built anew, and that is said", async () => {
    const db = await open({ dimensions: DIMENSIONS });
    await fill(db, 300);
    const data = await db.export();
    data[data.length - 40] ^= 1;
    const copy = await open({ dimensions: DIMENSIONS });
    same((await copy.import(data)).index, "damaged");
    same(await copy.stateDigest(), await db.stateDigest());
    same((await copy.checkIndex()).ok, true);
  });

  test("whatever is wrong with an import, the database is as it was", async () => {
    const db = await open({ dimensions: DIMENSIONS });
    await fill(db, 20);
    const before = await picture(db);
    const other = await open({ dimensions: DIMENSIONS });
    await fill(other, 40);
    const data = await other.export();
    const flipped = data.slice();
    flipped[300] ^= 4;
    await fails(() => db.import(flipped), "CORRUPT_DATA", /snapshot, byte \d+/);
    await fails(() => db.import(data.subarray(0, data.length - 1)), "CORRUPT_DATA", /cut off/);
    await fails(() => db.import(new Uint8Array(0)), "CORRUPT_DATA", /cut off/);
    await fails(() => db.import(new Uint8Array(99)), "CORRUPT_DATA", /no section begins/);
    await fails(() => db.import("x" as never), "INVALID_ARGUMENT", /data must be a Uint8Array/);
    same(await picture(db), before);
    await db.applyDelta(scale("v3", 2));
  });

  test("an export of other dimensions, precision or kind is refused", async () => {
    const db = await open({ dimensions: DIMENSIONS });
    await fill(db, 5);
    const data = await db.export();
    const narrow = await open({ dimensions: 7 });
    await fails(() => narrow.import(data), "DIMENSION_MISMATCH", /8 dimensions.*7/);
    const grid = await open({ dimensions: DIMENSIONS, precision: { grid: 64 } });
    await fails(() => grid.import(data), "INVALID_ARGUMENT", /precision/);
    const codes = await open({ dimensions: DIMENSIONS, keepFloats: false, history: false });
    await fails(() => codes.import(data), "INVALID_ARGUMENT", /keeps floats/);
    const small = await open({ dimensions: DIMENSIONS, maxVectors: 2 });
    await fails(() => small.import(data), "CAPACITY_EXCEEDED", /than the 2/);
  });

  const inBooleans = async (): Promise<void> => {
    const db = await open({ dimensions: DIMENSIONS });
    await fails(() => db.export({ index: 1 as never }), "INVALID_ARGUMENT", /option index/);
    await fails(() => db.export(null as never), "INVALID_ARGUMENT", /options must be/);
  };
  if (!typed) {
    test("what is left out must be said in booleans", inBooleans);
  }

  test("an empty database is exported and imported", async () => {
    const db = await open({ dimensions: DIMENSIONS });
    const copy = await open({ dimensions: DIMENSIONS });
    await fill(copy, 5);
    same((await copy.import(await db.export())).vectors, 0);
    same(await copy.size, 0);
  });

  if (streams) {
    asStreams(bench);
  }
}

function asStreams({ test, open }: Bench): void {
  test("a stream has the bytes of an export, and is imported however it is cut", async () => {
    const db = await open({ dimensions: DIMENSIONS });
    await fill(db, 100);
    const data = await db.export();
    same(await collected(await db.exportStream()), data);
    for (const piece of [7, 1_000, data.length]) {
      const copy = await open({ dimensions: DIMENSIONS });
      same((await copy.importStream(cut(data, piece))).index, "kept");
      same(await picture(copy), await picture(db));
    }
  });

  test("a stream is of the moment in which it was asked for", async () => {
    const db = await open({ dimensions: DIMENSIONS });
    await fill(db, 100);
    const digest = await db.stateDigest();
    const stream = await db.exportStream();
    await db.applyDelta(scale("v3", 2));
    await db.export();
    const copy = await open({ dimensions: DIMENSIONS });
    await copy.import(await collected(stream));
    same(await copy.stateDigest(), digest);
  });

  test("a stream that fails or is cut off changes nothing", async () => {
    const db = await open({ dimensions: DIMENSIONS });
    await fill(db, 20);
    const before = await picture(db);
    const data = await db.export();
    const part = data.subarray(0, data.length - 9);
    await fails(() => db.importStream(cut(part, 50)), "CORRUPT_DATA", /cut off/);
    const broken = data.slice();
    broken[20] ^= 1;
    await fails(() => db.importStream(cut(broken, 50)), "CORRUPT_DATA", /snapshot, byte/);
    same(await picture(db), before);
  });

  test("importing from what is no stream is refused by name", async () => {
    const db = await open({ dimensions: DIMENSIONS });
    const data = await db.export();
    await fails(
      () => db.importStream(data as never),
      "INVALID_ARGUMENT",
      /stream must be a ReadableStream, not Uint8Array/,
    );
  });
}

async function fill2(db: Face): Promise<void> {
  await db.applyDelta(create("later", 1, 1, 1, 1, 1, 1, 1, 1));
  await db.applyDelta(scale("v3", 7));
}
