import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { DeltaVectorDB, init } from "deltavec";
import type { HistoryFigures } from "../src/bench/history.ts";
import { HISTORY_BARS, historyFigures } from "../src/bench/history-bars.ts";
import { type HistoryBytes, PRESENT } from "../src/bench/history-protocol.ts";
import { crc32c, joined, SealedFrameWriter } from "../src/bench/sealed-frame.ts";
import { type EngineName, WASM_ENGINES } from "../src/engine/engine.ts";
import { type Run, run } from "./run.ts";

describe("bench history", () => {
  const folder = mkdtempSync(join(tmpdir(), "deltavec-test-"));
  let result: Run;
  let json: Record<EngineName, HistoryFigures> & {
    bytes: HistoryBytes;
    bars: Record<string, number>;
  };
  before(async () => {
    const file = join(folder, "figures.json");
    result = await run(["bench", "history", "--deltas", "300", "--rounds", "1", "--json", file]);
    assert.equal(result.status, 0, result.err);
    json = JSON.parse(readFileSync(file, "utf8"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("writes engines, bytes and bars", () => {
    assert.deepEqual(Object.keys(json), [...WASM_ENGINES, "bytes", "bars"]);
  });

  it("measures every operation on every engine", () => {
    const operations = [
      ...["get_at", "get_at_dense", "recompose_100"],
      ...["merge", "merge_late", "merge_100"],
    ];
    for (const engine of WASM_ENGINES) {
      const { times, present } = json[engine];
      assert.deepEqual(Object.keys(times), operations);
      for (const [operation, { mean_us, p50_us, p99_us }] of Object.entries(times)) {
        assert.ok(mean_us > 0 && p50_us > 0 && p99_us >= p50_us, `${engine} ${operation}`);
      }
      assert.deepEqual(Object.keys(present), [...PRESENT]);
      for (const { on_us, off_us, ratio } of Object.values(present)) {
        assert.ok(on_us > 0 && off_us > 0 && ratio > 0, engine);
      }
    }
  });

  it("has a number for every bar", () => {
    assert.deepEqual(
      Object.keys(json.bars),
      HISTORY_BARS.map(({ name }) => name),
    );
    for (const [name, figure] of Object.entries(json.bars)) {
      assert.ok(Number.isFinite(figure) && figure > 0, `${name} ${figure}`);
    }
  });

  it("counts every edit of the stream", () => {
    for (const stream of [json.bytes.lossless, json.bytes.grid256, json.bytes.grid474]) {
      const kinds = [stream.create, stream.dense, stream.metadata, stream.delete];
      assert.deepEqual(
        kinds.map(({ count }) => count),
        [1300, 1125, 48, 527],
      );
      const frames = kinds.reduce((sum, { bytes }) => sum + bytes, 0);
      assert.ok(stream.total >= frames && stream.total < frames + 100);
    }
  });

  it("tells bytes that fit together", () => {
    const { lossless, grid256, grid474, sparse, metadata } = json.bytes;
    assert.ok(lossless.dense.bytes / lossless.dense.count > 1536);
    assert.ok(grid256.dense.bytes < grid474.dense.bytes);
    assert.ok(grid474.dense.bytes < lossless.dense.bytes / 4);
    assert.ok(sparse > 19 * 4 && metadata > 30, `${sparse} ${metadata}`);
  });

  it("loses nothing without a grid, and little on one", () => {
    const { lossless, grid256, grid474 } = json.bytes;
    assert.ok(lossless.minCosine > 1 - 1e-6);
    assert.ok(grid256.minCosine > 0.9997 && grid474.minCosine > grid256.minCosine);
  });

  it("prints a report of 80 columns, all bars in it", () => {
    for (const line of result.out.split("\n")) {
      assert.ok(Array.from(line).length <= 80, line);
    }
    assert.equal(result.out.match(/^ {2}(ok {2}|miss) {2}\S/gm)?.length, HISTORY_BARS.length);
  });
});

describe("historyFigures", () => {
  it("leaves out the times of Chromium if it was not measured", () => {
    const kind = { count: 1, bytes: 100 };
    const stream = {
      total: 400,
      create: kind,
      dense: kind,
      metadata: kind,
      delete: kind,
      minCosine: 1,
    };
    const bytes = { lossless: stream, grid256: stream, grid474: stream, sparse: 1, metadata: 2 };
    assert.deepEqual(historyFigures({}, bytes), {
      lossless_dense_bytes: 200,
      sparse_bytes: 1,
      grid256_bytes: 100,
      grid474_bytes: 100,
      metadata_bytes: 2,
      grid256_cosine: 1,
    });
  });
});

describe("SealedFrameWriter", () => {
  before(() => init());

  it("writes frames that a database merges in any order", () => {
    const writer = new SealedFrameWriter();
    const create = writer.write(
      { vectorId: "a", operation: { type: "create", vector: Float32Array.of(1, 2) } },
      { time: 1e12, sequence: 1, replica: 0xa1b2_c3d4_e5f6 },
    );
    const change = writer.write(
      {
        vectorId: "a",
        operation: { type: "sparse", indices: Uint32Array.of(1), values: Float32Array.of(5) },
      },
      { time: 1e12 + 7, sequence: 2, replica: 0xa1b2_c3d4_e5f6 },
    );
    using db = new DeltaVectorDB({ dimensions: 2 });
    assert.equal(db.merge(joined([change, create])).merged, 2);
    assert.deepEqual(db.getVector("a"), Float32Array.of(1, 5));
    assert.deepEqual(db.getVectorAt("a", new Date(1e12 + 6)), Float32Array.of(1, 2));
  });
});

describe("crc32c", () => {
  it("gives the check value of the polynomial", () => {
    assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
  });
});
