// What verify says of the files that databases write, and what opening them comes to.
import assert from "node:assert/strict";
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { DeltaVectorDB, type DurableDeltaVectorDB, init } from "deltavec";
import { checkDirectory } from "../src/files/directory.ts";
import { Random } from "../src/random.ts";
import { changed, created } from "./made.ts";
import { run } from "./run.ts";

const scratch = mkdtempSync(join(tmpdir(), "deltavec-test-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

function open(name: string): Promise<DurableDeltaVectorDB> {
  return DeltaVectorDB.open(`file:${join(scratch, name)}`, { dimensions: 4, durability: "strict" });
}

/** Makes a database with a base, an increment, and a log behind it. */
async function written(name: string): Promise<string> {
  const db = await open(name);
  for (let i = 0; i < 60; i++) {
    await db.applyDelta(created(`v${i}`, { i }));
  }
  await db.checkpoint();
  await db.applyDeltas([changed("v1"), changed("v2")]);
  await db.checkpoint();
  await db.applyDelta(changed("v3"));
  await db.applyDelta({ vectorId: "v4", operation: { type: "delete" } });
  await db.close();
  return join(scratch, name);
}

describe("verify of a database's directory", () => {
  let directory: string;
  before(async () => {
    await init();
    directory = await written("good");
  });

  it("finds nothing wrong with what was closed", async () => {
    const { status, out } = await run(["verify", directory]);
    assert.equal(status, 0, out);
    assert.match(out, /reads snapshot-.*\n.*reads increment-.*\n.*replays records/);
    assert.match(out, /the database was closed\n.*would succeed\ngood\n$/);
  });

  it("finds nothing wrong with what is open, and leaves it open", async () => {
    await using db = await open("open");
    await db.applyDelta(created("a"));
    const { status, out } = await run(["verify", join(scratch, "open")]);
    assert.equal(status, 0, out);
    assert.match(out, /lock {7}taken by process \d+ on /);
    await db.applyDelta(changed("a"));
  });

  it("foresees that a damaged index is built anew", async () => {
    const copy = join(scratch, "index");
    cpSync(directory, copy, { recursive: true });
    const name = readdirSync(copy).find((file) => file.startsWith("snapshot-"))!;
    const bytes = readFileSync(join(copy, name));
    const at = sectionOf(bytes, 5);
    bytes[at + 40]! ^= 1;
    writeFileSync(join(copy, name), bytes);
    const { status, out } = await run(["verify", copy]);
    assert.equal(status, 1);
    assert.match(out, /DAMAGED .*section \d \(nodes\) does not fit/);
    assert.match(out, /reads snapshot-\w+, builds its index anew/);
    assert.match(out, /would succeed/);
    const db = await open("index");
    assert.equal(db.recovery.indexRebuilt, true);
    await db.close();
  });

  it("foresees what opening comes to, whatever is done to the files", async () => {
    const random = new Random(0xd1f);
    for (let round = 0; round < 120; round++) {
      const name = `damaged-${round}`;
      const copy = join(scratch, name);
      cpSync(directory, copy, { recursive: true });
      const what = harm(copy, random);
      const { recovery } = checkDirectory(copy, () => {});
      let opened = true;
      let why = "";
      try {
        await (await open(name)).close();
      } catch (error) {
        opened = false;
        why = String(error);
      }
      const foreseen = `round ${round}, ${what}: ${recovery.lines.join("; ")}; ${why}`;
      assert.equal(recovery.possible, opened, foreseen);
      rmSync(copy, { recursive: true });
    }
  });

  it("shows the history of a vector, in snapshots and behind them", async () => {
    const { out } = await run(["dump", "--vector", "v3", directory]);
    assert.match(out, / vector {4}v3 {2}.*\nhistory {2}\w{26} {2}v3 {2}create /);
    assert.match(out, / apply {5}\w{12}:\d+ {2}v3 {2}sparse {2}1:0.5 3:8\n/);
  });
});

/** Offset of the first section of a kind in a snapshot file. */
function sectionOf(bytes: Buffer, kind: number): number {
  let at = 64;
  while (bytes[at + 4] !== kind) {
    at += 16 + bytes.readUInt32LE(at + 8);
  }
  return at;
}

/** Does something to one of the files of a directory; says what. */
function harm(directory: string, random: Random): string {
  const names = readdirSync(directory).sort();
  const name = names[random.below(names.length)]!;
  const path = join(directory, name);
  const { size } = statSync(path);
  switch (random.below(4)) {
    case 0:
      rmSync(path);
      return `${name} removed`;
    case 1: {
      const left = random.below(size);
      truncateSync(path, left);
      return `${name} cut to ${left} of ${size}`;
    }
    case 2: {
      const zeroes = 1 + random.below(100);
      writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(zeroes)]));
      return `${zeroes} zeroes behind ${name}`;
    }
    default: {
      const bytes = readFileSync(path);
      const at = random.below(size);
      bytes[at]! ^= 1 << random.below(8);
      writeFileSync(path, bytes);
      return `byte ${at} of ${name} turned`;
    }
  }
}
