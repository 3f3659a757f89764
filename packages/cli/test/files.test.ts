import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { DeltaVectorDB, init } from "deltavec";
import { encodeDeltas } from "deltavec/streams";
import { writeSegmentHeader } from "../../deltavec/src/storage/log.ts";
import { checkFile } from "../src/files/check.ts";
import { checkDirectory } from "../src/files/directory.ts";
import { cutFrames, FrameDecoder } from "../src/files/frames.ts";
import { FileSource } from "../src/files/source.ts";
import { brief, shown } from "../src/files/text.ts";
import { Random } from "../src/random.ts";
import {
  applied,
  CLOCK,
  changed,
  closed,
  created,
  end,
  head,
  type Made,
  marked,
  opened,
  section,
  segment,
  snapshotHeader,
} from "./made.ts";
import { type Run, run } from "./run.ts";

const scratch = mkdtempSync(join(tmpdir(), "deltavec-test-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
let number = 0;

/** Writes a file with a name of its own choosing, or of a database's. */
function file(parts: readonly Uint8Array[], name = `file-${number++}`): string {
  const path = join(scratch, name);
  writeFileSync(path, Buffer.concat(parts));
  return path;
}

/** Makes a directory of files. */
function directory(files: Readonly<Record<string, readonly Uint8Array[]>>): string {
  const path = join(scratch, `directory-${number++}`);
  mkdirSync(path);
  for (const [name, parts] of Object.entries(files)) {
    writeFileSync(join(path, name), Buffer.concat(parts));
  }
  return path;
}

const LOG = [
  opened(),
  applied(created("a", { title: "One" }), created("b")),
  applied(changed("a")),
  closed(),
];
const LOG_1 = "log-0000000000000001";
const SNAPSHOT_3 = "snapshot-0000000000000003";

/** The bytes of parts, with one bit turned over. */
function flipped(parts: readonly Uint8Array[], at: number): Uint8Array[] {
  const bytes = Uint8Array.from(Buffer.concat(parts));
  bytes[at]! ^= 1;
  return [bytes];
}

/** Offset of a part. */
function offset(parts: readonly Uint8Array[], index: number): number {
  return parts.slice(0, index).reduce((sum, { length }) => sum + length, 0);
}

/** What a run printed, for a text that names no path. */
function lines({ out }: Run): string[] {
  return out.trimEnd().split("\n");
}

describe("verify", () => {
  it("tells what a log holds", async () => {
    const found = await run(["verify", file(segment(LOG), LOG_1)]);
    assert.equal(found.status, 0);
    assert.deepEqual(lines(found), [
      "log-0000000000000001",
      "  is         log segment, version 1, 360 bytes",
      "  database   00112233445566778899aabbccddeeff",
      "  records    1 to 4 (1 open, 2 apply, 1 close)",
      "  deltas     3 deltas applied, 0 merged",
      "  sequence   1 to 3 of replica 0123456789ab",
      "  ends       closed",
      "good",
    ]);
  });

  it("takes marks for records like others, and tells that of a snapshot", async () => {
    const parts = segment([...LOG.slice(0, 2), marked(12n), closed()]);
    const found = await run(["verify", file(parts, LOG_1)]);
    assert.equal(found.status, 0);
    assert.match(found.out, /records {4}1 to 4 \(1 open, 1 apply, 1 close, 1 mark\)\n/);
    const marks = [snapshotHeader(3, undefined, 2n ** 63n - 1n), head(), end([])];
    const snapshot = await run(["verify", file(marks, SNAPSHOT_3)]);
    assert.match(snapshot.out, /mark {7}9223372036854775807\n/);
  });

  it("finds a mark of another length damaged", async () => {
    const wrong = { ...marked(12n), payload: new Uint8Array(7) };
    const found = await run(["verify", file(segment([opened(), wrong]), LOG_1)]);
    assert.equal(found.status, 1);
    assert.match(found.out, /record 2 of the log is\s+no mark/);
  });

  it("names the record that is damaged, and those that are good around it", async () => {
    const parts = segment(LOG);
    const found = await run(["verify", file(flipped(parts, offset(parts, 2) + 60), "damaged")]);
    assert.equal(found.status, 1);
    assert.deepEqual(lines(found), [
      "damaged",
      "  is         log segment, version 1, 360 bytes",
      "  database   00112233445566778899aabbccddeeff",
      "  records    1 to 1 (1 open)",
      "  deltas     0 deltas applied, 0 merged",
      "  sequence   0 of replica 0123456789ab",
      "  ends       not closed: in use, or left by a crash",
      "  DAMAGED    byte 146: the checksum of record 2 does not fit; last good: record",
      "             1, sequence 0; record 3, at byte 258, is good again",
      "damaged",
    ]);
  });

  it("takes a torn tail for good, and tells it", async () => {
    const path = file([Buffer.concat(segment(LOG)).subarray(0, 350)], "torn");
    const found = await run(["verify", path]);
    assert.equal(found.status, 0);
    assert.deepEqual(lines(found).slice(-2), [
      "  torn tail  byte 320: a record's header is cut off; 30 bytes to the end",
      "good but for its torn tail",
    ]);
  });

  it("takes a torn tail for damage where it is to be strict", async () => {
    const path = file([Buffer.concat(segment(LOG)).subarray(0, 350)], "torn");
    const found = await run(["verify", "--strict", path]);
    assert.equal(found.status, 1);
    assert.equal(lines(found).at(-1), "damaged");
  });

  it("tells what a stream of frames holds", async () => {
    const path = file([encodeDeltas([created("a"), changed("a"), changed("a")])], "frames");
    const found = await run(["verify", path]);
    assert.equal(found.status, 0);
    assert.deepEqual(lines(found), [
      "frames",
      "  is         frames, version 1, 72 bytes",
      "  frames     3 (1 create, 2 sparse)",
      "  deltas     3 without an id: for applyDeltas",
      "good",
    ]);
  });

  it("ends with 2 where there is no file", async () => {
    const { status, out, err } = await run(["verify", join(scratch, "none")]);
    assert.deepEqual([status, out], [2, ""]);
    assert.match(err, /^deltavec: there is no .*none\n$/);
  });

  it("ends with 2 where no file is named", async () => {
    const { status, err } = await run(["verify"]);
    assert.equal(status, 2);
    assert.match(err, /missing required argument 'path'/);
  });

  it("ends with 1 for a file of something else", async () => {
    const found = await run(["verify", file([Buffer.from("<!doctype html>")], "page")]);
    assert.equal(found.status, 1);
    assert.match(found.out, /DAMAGED {4}byte|no file of deltavec: it begins like none/);
  });

  it("tells the files of a directory, and what opening it comes to", async () => {
    const path = directory({
      [LOG_1]: segment(LOG),
      LOCK: [Buffer.from('{"pid":7,"host":"wren"}')],
    });
    const found = await run(["verify", path]);
    assert.equal(found.status, 0);
    assert.deepEqual(lines(found).slice(1, 4), [
      "  is         database directory of 1 file",
      "  lock       taken by process 7 on wren: the end may be under way",
      "log-0000000000000001",
    ]);
    assert.deepEqual(lines(found).slice(-5), [
      "recovery",
      "             replays records 1 to 4, to sequence 3",
      "             the database was closed",
      "             would succeed",
      "good",
    ]);
  });

  it("changes nothing", async () => {
    const torn = Buffer.concat(segment(LOG)).subarray(0, 350);
    const path = directory({ [LOG_1]: [torn] });
    await run(["verify", path]);
    assert.deepEqual(readFileSync(join(path, LOG_1)), torn);
  });
});

describe("recovery, as verify foresees it,", () => {
  const foreseen = (files: Readonly<Record<string, readonly Uint8Array[]>>) =>
    checkDirectory(directory(files), () => {}).recovery;
  const first: Made[] = LOG.slice(0, 2);
  const LOG_3 = "log-0000000000000003";

  it("goes on from segment to segment", () => {
    const { possible, lines } = foreseen({
      [LOG_1]: segment(first),
      [LOG_3]: segment([applied(changed("a"))], 3, 2),
    });
    assert.ok(possible);
    assert.equal(lines[0], "replays records 1 to 3, to sequence 3");
  });

  it("fails where a segment is missing", () => {
    const { possible, lines } = foreseen({
      [LOG_1]: segment(first),
      "log-0000000000000004": segment([applied(changed("a"))], 4, 3),
    });
    assert.ok(!possible);
    assert.match(lines.at(-1)!, /log-0000000000000003 .*missing.*last good record is 2/);
  });

  it("fails where the first segment is missing and there is no snapshot", () => {
    const { possible, hopeless } = foreseen({ [LOG_3]: segment([applied(changed("a"))], 3, 2) });
    assert.ok(!possible);
    assert.ok(hopeless, "`recover: true` has nothing to begin with");
  });

  it("fails where a record in the middle is damaged, and names the last good one", () => {
    const parts = segment(LOG);
    const { possible, hopeless, lines } = foreseen({
      [LOG_1]: flipped(parts, offset(parts, 2) + 60),
    });
    assert.ok(!possible);
    assert.ok(!hopeless, "`recover: true` goes on from there");
    assert.match(
      lines.at(-1)!,
      /log-0000000000000001 is damaged at byte 146.*last good record is 1/,
    );
  });

  it("fails where the end of a segment that is not the newest is torn", () => {
    const cut = Buffer.concat(segment(first)).subarray(0, -1);
    const { possible } = foreseen({
      [LOG_1]: [cut],
      [LOG_3]: segment([applied(changed("a"))], 3, 2),
    });
    assert.ok(!possible);
  });

  it("cuts the torn end of the newest segment", () => {
    const { possible, lines } = foreseen({
      [LOG_1]: [Buffer.concat(segment(LOG)).subarray(0, 350)],
    });
    assert.ok(possible);
    assert.equal(lines[1], "cuts a torn tail of 30 bytes off log-0000000000000001");
  });

  it("cuts zeroes at the end", () => {
    const { possible, lines } = foreseen({ [LOG_1]: [...segment(LOG), new Uint8Array(1000)] });
    assert.ok(possible);
    assert.equal(lines[1], "cuts a torn tail of 1,000 bytes off log-0000000000000001");
  });

  it("cuts good records behind a bad one that was never sure", () => {
    const parts = segment(LOG, 1, 0, 4);
    const { possible, lines } = foreseen({ [LOG_1]: flipped(parts, offset(parts, 3) + 60) });
    assert.ok(possible);
    assert.equal(lines[0], "replays records 1 to 2, to sequence 2");
  });

  it("passes over a snapshot that was not finished", () => {
    const { possible, lines } = foreseen({
      [LOG_1]: segment(LOG),
      [SNAPSHOT_3]: [snapshotHeader(3), section(1, head()).subarray(0, 50)],
    });
    assert.ok(possible);
    assert.equal(lines[0], `passes over ${SNAPSHOT_3}: not finished`);
  });

  it("fails where the files are those of two databases", () => {
    const other = segment([applied(changed("a"))], 3, 2);
    other[0] = writeSegmentHeader({ first: 3, id: new Uint8Array(16), dimensions: 4 });
    const { possible } = foreseen({ [LOG_1]: segment(first), [LOG_3]: other });
    assert.ok(!possible);
  });
});

describe("dump", () => {
  it("tells marks", async () => {
    const parts = segment([opened(), marked(12n)]);
    const found = await run(["dump", file(parts, LOG_1)]);
    assert.match(found.out, / {5}2 .* {2}mark {6}12\n/);
    const { out } = await run(["dump", "--json", file(parts, LOG_1)]);
    assert.match(out, /"kind":"mark","sequence":0,"mark":"12"/);
  });

  it("shows the records and deltas of a log", async () => {
    const found = await run(["dump", file(segment(LOG), LOG_1)]);
    assert.equal(found.status, 0);
    assert.deepEqual(lines(found), [
      "log-0000000000000001: log segment, 360 bytes, database 00112233445566778899aabbccddeeff, dimensions 4, first 1",
      '     1  2026-01-02T03:04:05.678Z  open      replica 0123456789ab  {"dimensions":4,"metric":"cosine"}',
      '     2  2026-01-02T03:04:05.679Z  apply     0123456789ab:1  a  create  0.25 -1 0.6667 … (4)  {"title":"One"}',
      "     2  2026-01-02T03:04:05.679Z  apply     0123456789ab:2  b  create  0.25 -1 0.6667 … (4)",
      "     3  2026-01-02T03:04:05.680Z  apply     0123456789ab:3  a  sparse  1:0.5 3:8",
      "     4  2026-01-02T03:04:05.681Z  close",
    ]);
  });

  it("shows one vector", async () => {
    const found = await run(["dump", "--vector", "b", file(segment(LOG), LOG_1)]);
    assert.deepEqual(lines(found).slice(1), [
      "     2  2026-01-02T03:04:05.679Z  apply     0123456789ab:2  b  create  0.25 -1 0.6667 … (4)",
    ]);
  });

  it("shows no more lines than it is told", async () => {
    const found = await run(["dump", "--limit", "2", file(segment(LOG), LOG_1)]);
    assert.equal(found.status, 0);
    assert.equal(lines(found).length, 3);
  });

  it("writes all values as JSON", async () => {
    const found = await run(["dump", "--json", file(segment(LOG), LOG_1)]);
    const objects = lines(found).map((text) => JSON.parse(text) as object);
    assert.deepEqual(objects[4], {
      record: 3,
      clock: CLOCK + 2,
      kind: "apply",
      vectorId: "a",
      operation: "sparse",
      sequence: 3,
      replica: "0123456789ab",
      indices: [1, 3],
      values: [0.5, 8],
    });
  });

  it("shows what is good before damage, and ends with 1", async () => {
    const parts = segment(LOG);
    const found = await run(["dump", file(flipped(parts, offset(parts, 2) + 60), "damaged")]);
    assert.equal(found.status, 1);
    assert.equal(lines(found).length, 3);
    assert.match(lines(found)[2]!, /^DAMAGED at byte 146: .* record 3 behind it is good$/);
  });

  it("ends with 2 for a limit that is none", async () => {
    const { status } = await run(["dump", "--limit", "many", file(segment(LOG), LOG_1)]);
    assert.equal(status, 2);
  });

  it("gives a terminal nothing to obey", async () => {
    const path = file([encodeDeltas([created("\u001b[2Jevil\u202e")])], "escapes");
    const { out } = await run(["dump", path]);
    assert.match(out, / {2}\\u\{1b\}\[2Jevil\\u\{202e\} {2}create/);
  });
});

describe("frames of a database", () => {
  before(async () => await init());

  it("are read in all their forms, with the ids they have", () => {
    const db = new DeltaVectorDB({ dimensions: 4, replicaId: "00000000abcd", now: () => CLOCK });
    const ids = [
      db.applyDelta(created("a", { n: 1 })),
      db.applyDelta(created("b", { n: 1 })),
      db.applyDelta(changed("b")),
      db.applyDelta({ vectorId: "a", operation: { type: "scale", factor: 2 } }),
      db.applyDelta({ vectorId: "a", operation: { type: "delete" } }),
    ];
    using source = new FileSource(file([db.deltasSince()], "linked"));
    const decoder = new FrameDecoder("stream");
    const frames = Array.from(cutFrames(source, 0, source.size), (frame) => decoder.decode(frame));
    const deltas = frames.filter(({ operation }) => operation !== "start");
    assert.deepEqual(
      deltas.map(({ vectorId, operation, sequence, time, metadata }) => [
        ...[vectorId, operation, sequence, time, metadata],
      ]),
      [
        ["a", "create", 1, CLOCK, '{"n":1}'],
        ["b", "create", 2, CLOCK, '{"n":1}'],
        ["b", "sparse", 3, CLOCK, undefined],
        ["a", "scale", 4, CLOCK, undefined],
        ["a", "delete", 5, CLOCK, undefined],
      ],
    );
    assert.equal(ids.length, deltas.length);
  });

  it("are shown with the ids they have", async () => {
    const db = new DeltaVectorDB({ dimensions: 4 });
    const id = db.applyDelta(created("a"));
    const { out } = await run(["dump", file([db.deltasSince()], "identified")]);
    assert.ok(out.includes(`  ${id}  a  create  0.25 -1 0.6667 … (4)`), out);
  });

  it("on a grid have the values of the grid", () => {
    const db = new DeltaVectorDB({ dimensions: 4, precision: { grid: 64 } });
    db.applyDelta(created("a"));
    db.applyDelta(changed("a"));
    using source = new FileSource(file([db.deltasSince()], "grid"));
    const decoder = new FrameDecoder("stream");
    const frames = Array.from(cutFrames(source, 0, source.size), (frame) => decoder.decode(frame));
    const [create, sparse] = frames.filter(({ operation }) => operation !== "start");
    const { grid } = create!;
    const values = Array.from(create!.values, (value, i) => {
      const at = sparse!.indices!.indexOf(i);
      return at < 0 ? value : value + sparse!.values[at]!;
    });
    assert.ok(grid !== undefined && grid >= 64);
    assert.deepEqual(values.map(Math.fround), Array.from(db.getVector("a")!));
  });

  it("and what was seen of them as a cursor", async () => {
    const db = new DeltaVectorDB({ dimensions: 4, replicaId: "00000000abcd" });
    db.applyDelta(created("a"));
    db.applyDelta(changed("a"));
    const found = await run(["verify", file([db.cursor()], "cursor")]);
    assert.equal(found.status, 0);
    assert.deepEqual(lines(found).slice(2), [
      "  seen       1 to 2 of replica 00000000abcd",
      "good",
    ]);
  });
});

describe("files of any bytes", () => {
  /** Files that are good, to be damaged. */
  const good = (): Uint8Array[] => {
    const sections = [section(1, head()), section(2, new Uint8Array(48))];
    return [
      Buffer.concat(segment(LOG)),
      encodeDeltas([created("a", { t: "x" }), changed("a"), changed("b")]),
      Buffer.concat([...sections, end(sections)]),
      Buffer.concat([snapshotHeader(3), ...sections, end(sections)]),
    ];
  };

  it("are told to be something, whatever is done to them", () => {
    const random = new Random(0xda3a6e);
    for (let round = 0; round < 1500; round++) {
      const bytes = Uint8Array.from(good()[round % 4]!);
      for (let times = random.below(4); times >= 0; times--) {
        bytes[random.below(bytes.length)] = random.below(256);
      }
      const cut = bytes.subarray(0, random.below(3) === 0 ? random.below(bytes.length) : undefined);
      using source = new FileSource(file([cut], "any"));
      const checked = checkFile(source);
      assert.ok(checked.what.length > 0);
    }
  });

  it("are good as they are", () => {
    for (const bytes of good()) {
      using source = new FileSource(file([bytes], "good"));
      const { damage, torn } = checkFile(source);
      assert.deepEqual([damage, torn], [[], undefined]);
    }
  });

  it("are damaged wherever a bit is turned over", () => {
    for (const bytes of good()) {
      for (let at = 0; at < bytes.length; at++) {
        using source = new FileSource(file(flipped([bytes], at), "flipped"));
        const { damage, torn } = checkFile(source);
        assert.ok(damage.length > 0 || torn !== undefined, `byte ${at} of ${bytes.length}`);
      }
    }
  });

  it("take no more memory than they have bytes, whatever they claim", () => {
    const claims = segment(LOG);
    const record = claims[2]!.slice();
    new DataView(record.buffer).setUint32(0, 2 ** 30, true);
    using source = new FileSource(file([claims[0]!, claims[1]!, record], "claims"));
    const before = process.memoryUsage().arrayBuffers;
    const { torn } = checkFile(source);
    assert.equal(torn?.at, 146);
    assert.ok(process.memoryUsage().arrayBuffers - before < 8 << 20);
  });
});

describe("shown", () => {
  it("leaves what can be printed", () => {
    assert.equal(shown("Größe – 東京"), "Größe – 東京");
  });

  it("writes line ends and marks of direction as escapes", () => {
    assert.equal(shown("a\nb\u2028\u202ec\u0085"), "a\\u{a}b\\u{2028}\\u{202e}c\\u{85}");
  });

  it("is cut where it is long", () => {
    assert.equal(brief("a".repeat(50), 10), `${"a".repeat(9)}…`);
  });
});
