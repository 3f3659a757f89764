// The golden files of version 1, which the core's tests hold, too: read as they are, refused with any damage.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { type DeltaError, type DeltaErrorCode, DeltaVectorDB, init } from "deltavec";
import { MemoryStorage } from "../src/storage/memory-storage.ts";
import { readHead } from "../src/storage/snapshot-file.ts";
import { PACKAGE } from "./support/process.ts";

before(() => init());

const DIMENSIONS = 6;
const NOW = 1_800_000_000_000;

function golden(name: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(readFileSync(join(PACKAGE, "../../core/src/test/resources/golden", name)));
}

function open(grid: number): DeltaVectorDB {
  return new DeltaVectorDB({
    dimensions: DIMENSIONS,
    checkpointInterval: 3,
    precision: grid === 0 ? null : { grid },
    replicaId: "000000000005",
    now: () => NOW,
  });
}

/** The ends of all frames. */
function ends(stream: Uint8Array): Set<number> {
  const found = new Set<number>();
  for (let at = 0; at < stream.length; found.add(at)) {
    at += stream[at] | (stream[at + 1] << 8) | (stream[at + 2] << 16);
  }
  return found;
}

/** Checks that a call is refused with one of some codes, and that nothing has changed. */
function refuses(
  db: DeltaVectorDB,
  call: () => unknown,
  codes: readonly DeltaErrorCode[],
  message: RegExp,
  what: string,
): void {
  const before = [db.stateDigest(), db.position, db.stats().historyBytes];
  assert.throws(
    call,
    ({ code, message: text }: DeltaError) => codes.includes(code) && message.test(text),
    what,
  );
  assert.deepEqual([db.stateDigest(), db.position, db.stats().historyBytes], before, what);
}

for (const [name, grid] of [
  ["stream-v1.bin", 0],
  ["stream-grid-v1.bin", 256],
] as const) {
  test(`${name} is read, and written again as it is`, () => {
    const stream = golden(name);
    const db = open(grid);
    const { merged, duplicates, rejected } = db.merge(stream);
    assert.deepEqual([merged, duplicates, rejected.count], [db.position, 0, 0]);
    assert.deepEqual(db.deltasSince(), stream);
    assert.equal(db.merge(stream).duplicates, merged);
    assert.deepEqual([...db.ids()].sort(), ["first", "zweiter é"]);
    assert.deepEqual(db.getMetadata("zweiter é"), { title: "Zwei", tags: [1, 2] });
    assert.equal(db.getDeltaChain("third").deltas.length, 2);
  });

  test(`${name}: every truncation within a frame is refused`, () => {
    const stream = golden(name);
    const whole = ends(stream);
    const db = open(grid);
    for (let length = 1; length < stream.length; length++) {
      if (!whole.has(length)) {
        const call = () => db.merge(stream.subarray(0, length));
        refuses(db, call, ["CORRUPT_DATA"], /at byte \d+/, `${length} bytes`);
      }
    }
    assert.ok(db.merge(stream).merged > 0);
  });

  test(`${name}: every flipped bit is found`, () => {
    const stream = golden(name);
    const db = open(grid);
    for (let bit = 0; bit < 8 * stream.length; bit++) {
      const wrong = stream.slice();
      wrong[bit >>> 3] ^= 1 << (bit & 7);
      refuses(
        db,
        () => db.merge(wrong),
        ["CORRUPT_DATA", "UNSUPPORTED_VERSION"],
        /at byte \d+/,
        `bit ${bit}`,
      );
    }
    assert.ok(db.merge(stream).merged > 0);
  });

  test(`${name}: a later version is refused, wherever it begins`, () => {
    const stream = golden(name);
    const db = open(grid);
    for (const start of [0, ...ends(stream)]) {
      if (start < stream.length) {
        const later = stream.slice();
        later[start + 3] = 2;
        const message = new RegExp(`at byte ${start} has version 2`);
        refuses(db, () => db.merge(later), ["UNSUPPORTED_VERSION"], message, `frame at ${start}`);
      }
    }
  });

  test(`${name}: a stream that lost frames is refused or merged, never half`, () => {
    const stream = golden(name);
    const starts = [0, ...ends(stream)];
    for (let i = 0; i + 1 < starts.length; i++) {
      const db = open(grid);
      const lost = Uint8Array.of(
        ...stream.subarray(0, starts[i]),
        ...stream.subarray(starts[i + 1]),
      );
      try {
        db.merge(lost);
      } catch (error) {
        assert.equal((error as DeltaError).code, "CORRUPT_DATA");
        assert.equal(db.position, 0);
        assert.equal(db.size, 0);
      }
    }
  });

  test(`${name}: the cursor fits, and every truncation and flipped bit of it is found`, () => {
    const db = open(grid);
    db.merge(golden(name));
    const cursor = golden("cursor-v1.bin");
    const rest = db.deltasSince(cursor).length;
    assert.ok(rest < 20, `${rest} bytes are said to be missing`);
    for (let length = 0; length < cursor.length; length++) {
      const call = () => db.deltasSince(cursor.subarray(0, length));
      refuses(db, call, ["CORRUPT_DATA"], /cursor/, `${length} bytes`);
    }
    for (let bit = 0; bit < 8 * cursor.length; bit++) {
      const wrong = cursor.slice();
      wrong[bit >>> 3] ^= 1 << (bit & 7);
      const call = () => db.deltasSince(wrong);
      refuses(db, call, ["CORRUPT_DATA", "UNSUPPORTED_VERSION"], /cursor/, `bit ${bit}`);
    }
  });
}

const SNAPSHOT = { vectors: 12, deltas: 22, index: "kept", history: true };
const SNAPSHOT_DIGEST = "6e609345da37a438";

/** What the golden snapshots were written with. */
function openForSnapshot(): DeltaVectorDB {
  return new DeltaVectorDB({ dimensions: 4, hnswM: 3, checkpointInterval: 3, now: () => NOW });
}

test("snapshot-v1.bin is read", () => {
  const db = openForSnapshot();
  const { vectors, deltas, index, history } = db.import(golden("snapshot-v1.bin"));
  assert.deepEqual({ vectors, deltas, index, history }, SNAPSHOT);
  assert.equal(db.stateDigest(), SNAPSHOT_DIGEST);
  assert.ok(db.checkIndex().ok);
});

test("every truncation of snapshot-v1.bin is corrupt, and nothing changes", () => {
  const snapshot = golden("snapshot-v1.bin");
  const db = openForSnapshot();
  for (let length = 0; length < snapshot.length; length++) {
    refuses(
      db,
      () => db.import(snapshot.slice(0, length)),
      ["CORRUPT_DATA"],
      /snapshot/,
      `${length}`,
    );
  }
});

test("a flipped bit of each byte of snapshot-v1.bin is found, or costs the index alone", () => {
  const snapshot = golden("snapshot-v1.bin");
  let rebuilt = 0;
  for (let at = 0; at < snapshot.length; at++) {
    const wrong = snapshot.slice();
    wrong[at]! ^= 1 << (at % 8);
    const db = openForSnapshot();
    try {
      assert.equal(db.import(wrong).index, "damaged", `byte ${at}`);
      assert.equal(db.stateDigest(), SNAPSHOT_DIGEST);
      rebuilt++;
    } catch (error) {
      const { code } = error as DeltaError;
      assert.ok(code === "CORRUPT_DATA" || code === "UNSUPPORTED_VERSION", `byte ${at}: ${error}`);
      assert.equal(db.size, 0);
    }
    db.close();
  }
  assert.ok(rebuilt > 100, `${rebuilt}`);
});

test("log-v1.bin, which the JVM wrote, is read", async () => {
  const storage = new MemoryStorage();
  const file = await storage.open("log-0000000000000001");
  await file.write(0, golden("log-v1.bin"));
  await file.close();
  await using db = await DeltaVectorDB.open(storage);
  assert.deepEqual(db.recovery, {
    snapshot: 0,
    records: 7,
    cutBytes: 0,
    indexRebuilt: false,
    damaged: [],
  });
  assert.equal(await db.stateDigest(), "1191822ffe7565cb");
  assert.equal(db.options.metric, "euclidean");
  assert.equal(await db.position, 9);
  assert.equal((await db.getDeltaChain("first")).deltas.length, 1);
  assert.deepEqual(await db.getMetadata("zweiter é"), { tags: [1, 2] });
});

test("log-mark-v1.bin and snapshot-mark-v1.bin, which the JVM wrote, are read, and the mark is kept", async () => {
  const storage = new MemoryStorage();
  for (const [name, bytes] of [
    ["snapshot-0000000000000003", golden("snapshot-mark-v1.bin")],
    ["log-0000000000000004", golden("log-mark-v1.bin")],
  ] as const) {
    const file = await storage.open(name);
    await file.write(0, bytes);
    await file.close();
  }
  await using db = await DeltaVectorDB.open(storage);
  assert.deepEqual(db.recovery, {
    snapshot: 3,
    records: 1,
    cutBytes: 0,
    indexRebuilt: false,
    damaged: [],
  });
  assert.ok((await db.has("first")) && (await db.has("zweiter é")));
  const mark = async (): Promise<bigint> => {
    const name = (await storage.list()).find((file) => file.startsWith("snapshot-"))!;
    return readHead(await storage.open(name)).then((head) => head.mark);
  };
  assert.equal(await mark(), 11n);
  await db.applyDelta({ vectorId: "first", operation: { type: "scale", factor: 2 } });
  await db.checkpoint();
  assert.equal(await mark(), 2n ** 53n + 1n);
  await db.import(await db.export());
  await db.flush();
  await db.checkpoint();
  assert.equal(await mark(), -1n);
});
