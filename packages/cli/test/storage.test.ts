import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { MemoryStorage } from "../../deltavec/src/storage/memory-storage.ts";
import {
  missed,
  STORAGE_BARS,
  type StorageFigures,
  storageFigures,
} from "../src/bench/storage/bars.ts";
import { CountingStorage } from "../src/bench/storage/counting.ts";
import { CALLERS, type KillFigures } from "../src/bench/storage/protocol.ts";
import { type Run, run } from "./run.ts";

describe("bench storage", () => {
  const scratch = mkdtempSync(join(tmpdir(), "deltavec-test-"));
  let result: Run;
  let json: {
    node: Required<StorageFigures>;
    kills: KillFigures;
    bars: Record<string, number>;
    missed: string[];
  };
  before(async () => {
    const file = join(scratch, "figures.json");
    const sizes = ["--n", "200", "--rounds", "1", "--kills", "2"];
    result = await run(["bench", "storage", "--engines", "node", ...sizes, "--json", file]);
    assert.equal(result.status, 0, result.err);
    json = JSON.parse(readFileSync(file, "utf8"));
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  it("writes details, bars, and what is missed", () => {
    assert.deepEqual(Object.keys(json), ["about", "node", "kills", "bars", "missed"]);
    assert.deepEqual(Object.keys(json.node), ["export", "open", "relaxed", "strict", "change"]);
    assert.deepEqual(json.missed, missed(json.bars));
  });

  it("has a number for every bar that is not another engine's", () => {
    const others = /opfs|jvm/;
    assert.deepEqual(
      Object.keys(json.bars),
      STORAGE_BARS.map(({ name }) => name).filter((name) => !others.test(name)),
    );
    for (const [name, figure] of Object.entries(json.bars)) {
      assert.ok(Number.isFinite(figure), `${name} ${figure}`);
    }
  });

  it("keeps the index and all history", () => {
    assert.equal(json.node.export.changed_results, 0);
    assert.equal(json.node.export.deltas, 2000);
  });

  it("counts the bytes of vectors, ids and graph without those of the history", () => {
    const { bytes, history_bytes, bytes_ratio, plain } = json.node.export;
    assert.ok(bytes_ratio > 1 && bytes_ratio < 1.2, `${bytes_ratio}`);
    assert.ok(Math.abs(bytes - history_bytes - plain.bytes) < 0.01 * plain.bytes);
  });

  it("has several callers wait for one flush", () => {
    const { group } = json.node.strict;
    assert.ok(
      group.rounds.every((deltas) => deltas > 1 && deltas <= CALLERS),
      `${group.rounds}`,
    );
  });

  it("kills as often as it is told", () => {
    assert.deepEqual([json.kills.kills, json.kills.lost, json.kills.error], [2, 0, null]);
  });

  it("prints a report of 80 columns, all bars in it", () => {
    for (const line of result.out.split("\n")) {
      assert.ok(Array.from(line).length <= 80, line);
    }
    const shown = result.out.match(/^ {2}(ok {2}|miss| {4}) {2}\S/gm)?.length;
    assert.equal(shown, Object.keys(json.bars).length);
  });
});

describe("storageFigures", () => {
  const flat = (median: number) => ({ median, rounds: [median] });
  const times = (ms: number) => ({
    export_ms: flat(ms),
    import_ms: flat(2 * ms),
    export_cpu_ms: flat(0),
    import_cpu_ms: flat(0),
  });
  const open = (ms: number) => ({
    open_ms: flat(ms),
    tail: 5000,
    tail_ms: flat(2 * ms),
    history_ms: flat(3 * ms),
  });
  const engine = (ms: number): Required<StorageFigures> => ({
    export: {
      ...times(ms),
      bytes: 100,
      history_bytes: 50,
      bytes_ratio: 1.1,
      deltas: 10,
      changed_results: 0,
      plain: { ...times(1), bytes: 50 },
    },
    open: open(ms),
    relaxed: {
      batches: flat(1.05),
      calls: flat(1.2),
      overall: 1.5,
      memory_us: flat(1),
      storage_us: flat(1),
    },
    strict: { appends_per_s: flat(1), group: flat(64), raw_ms: flat(1), share: flat(0.6) },
    change: { change_bytes: flat(7000), base_bytes: 1 },
  });
  const kills: KillFigures = {
    places: ["node"],
    kills: 40,
    batches: 400,
    lost: 1,
    error: "lost",
    seconds: 1,
  };
  const all = { chromium: engine(20), node: engine(10), jvm: { open: open(5) } };

  it("takes each bar from its part and its engine", () => {
    assert.deepEqual(storageFigures(all, "chromium", kills), {
      export_ms: 20,
      import_ms: 40,
      export_bytes_ratio: 1.1,
      import_changed_results: 0,
      open_opfs_ms: 60,
      open_opfs_bare_ms: 20,
      open_opfs_tail_ms: 35,
      open_node_ms: 30,
      open_jvm_ms: 15,
      relaxed_slowdown: 1.2,
      strict_share: 0.6,
      one_change_bytes: 7000,
      kills: 40,
      kills_lost: 1,
    });
  });

  it("leaves out what was not measured", () => {
    const { change } = all.node;
    assert.deepEqual(storageFigures({ node: { change } }, "node", undefined), {
      one_change_bytes: 7000,
    });
  });

  it("names the bars that are missed", () => {
    assert.deepEqual(missed(storageFigures(all, "chromium", kills)), [
      ...["import_ms", "relaxed_slowdown", "kills_lost"],
    ]);
  });
});

describe("a storage that counts", () => {
  it("counts what is written and made sure of, and hands it on", async () => {
    const storage = new CountingStorage(new MemoryStorage());
    const file = await storage.open("a");
    await file.write(0, new Uint8Array(5).fill(7));
    await file.write(5, new Uint8Array(3));
    await file.flush(false);
    await file.flush(true);
    assert.deepEqual([storage.bytes, storage.flushes], [8, 1]);
    const back = new Uint8Array(10);
    assert.equal(await file.read(0, back), 8);
    assert.deepEqual([...back], [7, 7, 7, 7, 7, 0, 0, 0, 0, 0]);
    assert.deepEqual(await storage.list(), ["a"]);
  });
});
