import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DeltaError } from "../../src/errors.ts";
import { HEADER_BYTES, RECORD_BYTES, viewOf } from "../../src/storage/log.ts";
import { FaultDisk } from "../support/fault-storage.ts";
import { openList } from "../support/list-log.ts";
import { Random } from "../support/random.ts";

/** Set to flip every bit, not one of each byte. */
const EXHAUSTIVE = process.env["DELTAVEC_EXHAUSTIVE"] !== undefined;

/** Names of files, by how they begin. */
type Kind = "log" | "snapshot" | "increment";

/** A disk on which a list was kept. */
interface Kept {
  readonly disk: FaultDisk;
  /** All states that there were, by number of items. */
  readonly items: readonly string[];
}

/** Keeps a list, each item acknowledged before the next; with a base, an increment and a log behind it if that is wanted. */
async function keep(snapshots: boolean): Promise<Kept> {
  const disk = new FaultDisk();
  const { log, state } = await openList(disk.storage());
  for (let i = 0; i < 18; i++) {
    await log.run(() => state.apply(`${i}`.padEnd(i % 4 === 0 ? 60 : 4, "x")));
    if (snapshots && (i === 8 || i === 9)) {
      await log.checkpoint();
    }
  }
  return { disk, items: [...state.items] };
}

function nameOf(disk: FaultDisk, kind: Kind): string {
  const name = [...disk.files().keys()].find((file) => file.startsWith(kind));
  assert.ok(name !== undefined, `there is no ${kind}`);
  return name;
}

/** Where the records of a log begin. */
function offsets(bytes: Uint8Array): number[] {
  const found: number[] = [];
  const view = viewOf(bytes);
  for (let at = HEADER_BYTES; at < bytes.length; ) {
    found.push(at);
    at += RECORD_BYTES + view.getUint32(at, true);
  }
  return found;
}

/** Opens a damaged disk: returns the items and what was cut off, or the error. */
async function reopen(disk: FaultDisk, recover = false) {
  try {
    const { state, log } = await openList(disk.storage(), { recover });
    return { items: state.items, report: log.report, error: undefined };
  } catch (error) {
    assert.ok(error instanceof DeltaError, String((error as Error).stack));
    assert.equal(error.code, "CORRUPT_DATA", error.message);
    return { items: [], report: undefined, error };
  }
}

/** Fails unless items are the first so many of those there were. */
function assertPrefix(items: readonly string[], { items: all }: Kept, what: string): void {
  assert.deepEqual(items, all.slice(0, items.length), what);
}

for (const snapshots of [false, true]) {
  describe(`a damaged log ${snapshots ? "behind snapshots" : "alone"}`, () => {
    it("is refused wherever a bit is flipped, but in the last record, which is cut off and reported", async () => {
      const kept = await keep(snapshots);
      const name = nameOf(kept.disk, "log");
      const bytes = kept.disk.files().get(name)!;
      const last = offsets(bytes).at(-1)!;
      const random = new Random(8);
      for (
        let bit = EXHAUSTIVE ? 0 : random.below(8);
        bit < 8 * bytes.length;
        bit += EXHAUSTIVE ? 1 : 8
      ) {
        const disk = kept.disk.copy();
        const flipped = bytes.slice();
        flipped[bit >>> 3]! ^= 1 << (bit & 7);
        disk.put(name, flipped);
        const { items, report, error } = await reopen(disk);
        const what = `bit ${bit}`;
        if (bit >>> 3 < last) {
          assert.ok(error !== undefined, `${what}: ${items.length} items came back`);
          assert.match(error.message, new RegExp(name), what);
        } else {
          assert.equal(items.length, kept.items.length - 1, what);
          assertPrefix(items, kept, what);
          assert.equal(report?.cutBytes, bytes.length - last, what);
        }
      }
    });

    it("gives what came before, wherever it is cut off", async () => {
      const kept = await keep(snapshots);
      const name = nameOf(kept.disk, "log");
      const bytes = kept.disk.files().get(name)!;
      const starts = offsets(bytes);
      const open = starts[1]!;
      for (let size = 0; size < bytes.length; size++) {
        const disk = kept.disk.copy();
        disk.put(name, bytes.slice(0, size));
        const { items, report, error } = await reopen(disk);
        const what = `${size} bytes`;
        if (snapshots && size < open) {
          assert.match(String(error?.message), /log|snapshot/, what); // its options are gone
          continue;
        }
        const whole = starts.filter((at, i) => (starts[i + 1] ?? bytes.length) <= size && at > 0);
        assert.equal(items.length, (snapshots ? 10 : 0) + Math.max(0, whole.length - 1), what);
        assertPrefix(items, kept, what);
        const end =
          size < open ? (size < HEADER_BYTES ? 0 : HEADER_BYTES) : (starts[whole.length] ?? size);
        assert.equal(report?.cutBytes, size - Math.min(end, size), what);
      }
    });

    it("takes zeroes at its end for what was never written", async () => {
      const kept = await keep(snapshots);
      const name = nameOf(kept.disk, "log");
      const bytes = kept.disk.files().get(name)!;
      const more = new Uint8Array(bytes.length + 5000);
      more.set(bytes);
      kept.disk.put(name, more);
      const { items, report } = await reopen(kept.disk);
      assert.deepEqual(items, kept.items);
      assert.equal(report?.cutBytes, 5000);
    });

    it("is refused where parts of it are zero, or have changed places", async () => {
      const kept = await keep(snapshots);
      const name = nameOf(kept.disk, "log");
      const bytes = kept.disk.files().get(name)!;
      const random = new Random(9);
      const last = offsets(bytes).at(-1)!;
      for (let i = 0; i < 300; i++) {
        const length = 1 + random.below(128);
        const from = random.below(last - length);
        const to = random.below(last - length);
        const other = bytes.slice();
        if (i % 2 === 0) {
          other.fill(0, from, from + length);
        } else {
          other.set(bytes.subarray(from, from + length), to);
          other.set(bytes.subarray(to, to + length), from);
        }
        if (other.every((byte, at) => byte === bytes[at])) {
          continue;
        }
        const disk = kept.disk.copy();
        disk.put(name, other);
        const { error, items } = await reopen(disk);
        assert.ok(error !== undefined, `${from}, ${to}, ${length}: ${items.length} items`);
      }
    });

    it("goes on from the last good change if that is wanted, and keeps the rest aside", async () => {
      const kept = await keep(snapshots);
      const name = nameOf(kept.disk, "log");
      const bytes = kept.disk.files().get(name)!.slice();
      const starts = offsets(bytes);
      bytes[starts[4]! + 42]! ^= 1;
      kept.disk.put(name, bytes);
      const refused = await reopen(kept.disk);
      assert.match(
        String(refused.error?.message),
        new RegExp(
          `${name} is damaged at byte ${starts[4]}: record \\d+ is damaged; the last good record is \\d+ \\(own sequence \\d+\\); open with recover`,
        ),
      );
      const { items, report } = await reopen(kept.disk, true);
      assert.equal(items.length, snapshots ? 13 : 3);
      assertPrefix(items, kept, "recovered");
      const [lost] = report!.lost!.files;
      assert.deepEqual(kept.disk.files().get(lost!), bytes.slice(starts[4]));
      assert.equal(report!.lost!.sequence, items.length);
      const again = await reopen(kept.disk);
      assert.deepEqual(again.items, items);
      assert.equal(again.report?.lost, undefined);
    });
  });
}

describe("a damaged snapshot", () => {
  for (const kind of ["snapshot", "increment"] as const) {
    it(`is refused wherever a bit of the ${kind} is flipped, as the log before it is gone`, async () => {
      const kept = await keep(true);
      const name = nameOf(kept.disk, kind);
      const bytes = kept.disk.files().get(name)!;
      for (let at = 0; at < bytes.length; at++) {
        const disk = kept.disk.copy();
        const flipped = bytes.slice();
        flipped[at]! ^= 1 << (at & 7);
        disk.put(name, flipped);
        const { error } = await reopen(disk);
        assert.ok(error !== undefined, `byte ${at}`);
        assert.match(error.message, /(snapshot|increment)-[0-9a-f]{16} is damaged/, `byte ${at}`);
      }
    });

    it(`is refused where the ${kind} is cut off, or gone`, async () => {
      const kept = await keep(true);
      const name = nameOf(kept.disk, kind);
      const bytes = kept.disk.files().get(name)!;
      for (let size = -1; size < bytes.length; size++) {
        const disk = kept.disk.copy();
        if (size < 0) {
          disk.delete(name);
        } else {
          disk.put(name, bytes.slice(0, size));
        }
        const { error } = await reopen(disk);
        assert.ok(error !== undefined, `${size} bytes`);
      }
    });
  }

  it("is not needed while the log before it is there", async () => {
    const disk = new FaultDisk();
    const { log, state } = await openList(disk.storage());
    await log.run(() => state.apply("a"));
    const before = disk.copy();
    await log.checkpoint();
    await log.run(() => state.apply("b"));
    const name = nameOf(disk, "snapshot");
    const segment = nameOf(before, "log");
    disk.put(segment, before.files().get(segment)!);
    disk.put(name, disk.files().get(name)!.slice(0, 90));
    const { items, report } = await reopen(disk);
    assert.deepEqual(items, ["a", "b"]);
    assert.deepEqual(report?.damaged, [name]);
    assert.equal(report?.snapshot, 0);
  });
});

describe("a log of several segments", () => {
  /** A list whose snapshots could not be written: its log has three segments. */
  async function segments(): Promise<Kept & { names: string[] }> {
    const disk = new FaultDisk();
    const storage = disk.storage();
    const { log, state } = await openList(storage);
    storage.failWrites("snapshot-");
    for (let i = 0; i < 9; i++) {
      await log.run(() => state.apply(`${i}`));
      if (i % 3 === 2 && i < 8) {
        await assert.rejects(log.checkpoint(), { code: "QUOTA_EXCEEDED" });
      }
    }
    const names = [...disk.files().keys()].filter((name) => name.startsWith("log-"));
    return { disk, items: state.items, names };
  }

  it("is done again as a whole", async () => {
    const { disk, items, names } = await segments();
    assert.equal(names.length, 3);
    assert.deepEqual((await reopen(disk)).items, items);
  });

  it("is refused where one is missing, or empty, but the last", async () => {
    const kept = await segments();
    for (const name of kept.names.slice(0, 2)) {
      for (const empty of [true, false]) {
        const disk = kept.disk.copy();
        if (empty) {
          disk.put(name, new Uint8Array(0));
        } else {
          disk.delete(name);
        }
        const { error } = await reopen(disk);
        assert.ok(error !== undefined, name);
      }
    }
    kept.disk.delete(kept.names[2]!);
    assert.equal((await reopen(kept.disk)).items.length, 6);
  });

  it("is refused where one is of another database", async () => {
    const kept = await segments();
    const other = await segments();
    const name = kept.names[1]!;
    kept.disk.put(name, other.disk.files().get(name)!);
    const { error } = await reopen(kept.disk);
    assert.match(String(error?.message), /two databases are mixed up/);
  });
});

it("does not lose what was kept aside where recovering is interrupted and done again", async () => {
  const { disk } = await keep(true);
  const name = nameOf(disk, "log");
  const bytes = disk.files().get(name)!.slice();
  bytes[offsets(bytes)[2]! + 5]! ^= 1;
  disk.put(name, bytes);
  const behind = "log-00000000000000ff";
  disk.put(behind, Uint8Array.of(...bytes.subarray(0, 8), 255, ...new Uint8Array(55)));
  const operations = disk.clone().storage();
  await openList(operations, { recover: true });
  for (let at = 1; at <= operations.operations; at++) {
    const own = disk.clone();
    await openList(own.storage(at), { recover: true }).catch(() => undefined);
    own.cut("keep", new Random(1));
    const { log } = await openList(own.storage(), { recover: true });
    await log.close(() => {});
    const lost = [...own.files()].filter(
      ([file]) => file.startsWith("lost-") && file.endsWith(behind),
    );
    assert.ok(lost.every(([, kept]) => kept.length === 64) && lost.length === 1, `at ${at}`);
  }
});
