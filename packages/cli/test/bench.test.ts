import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { BARS, type EngineSummaries } from "../src/bench/bars.ts";
import { round } from "../src/bench/plan.ts";
import type { Sizes } from "../src/bench/sizes.ts";
import { ENGINES, type EngineName } from "../src/engine/engine.ts";
import { CARRIED_DATA } from "../src/paths.ts";
import { type Run, run } from "./run.ts";

describe("bench adr", () => {
  const folder = mkdtempSync(join(tmpdir(), "deltavec-test-"));
  let result: Run;
  let json: Record<EngineName, EngineSummaries> & {
    sizes: Sizes & Record<string, number>;
    bars: Record<string, number>;
  };
  before(async () => {
    const file = join(folder, "figures.json");
    const args = ["bench", "adr", "--data", CARRIED_DATA, "--n", "500", "--rounds", "1"];
    result = await run([...args, "--json", file]);
    assert.equal(result.status, 0, result.err);
    json = JSON.parse(readFileSync(file, "utf8"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("writes engines, sizes and bars", () => {
    assert.deepEqual(Object.keys(json), [...ENGINES, "sizes", "bars"]);
  });

  it("measures every operation on every engine", () => {
    for (const engine of ENGINES) {
      for (const { operation, notOnJvm } of round(200)) {
        const summary = json[engine][operation];
        if (notOnJvm && engine === "jvm") {
          assert.equal(summary, undefined);
          continue;
        }
        assert.ok(summary, `${engine} ${operation}`);
        const { mean_us, p50_us, p99_us } = summary;
        assert.ok(mean_us > 0 && p50_us >= 0 && p99_us >= p50_us, `${engine} ${operation}`);
      }
      assert.ok(json[engine].init, engine);
    }
  });

  it("finds nearly all neighbours of so few vectors", () => {
    for (const engine of ENGINES) {
      const recall = json[engine].search?.recall ?? 0;
      assert.ok(recall > 0.97 && recall <= 1, `${engine} ${recall}`);
    }
  });

  it("has a number for every bar", () => {
    assert.deepEqual(
      Object.keys(json.bars),
      BARS.map(({ name }) => name),
    );
    for (const [name, figure] of Object.entries(json.bars)) {
      assert.ok(Number.isFinite(figure), `${name} ${figure}`);
    }
  });

  it("tells bytes that fit together", () => {
    const { sizes } = json;
    assert.ok(sizes.wasm_gzip_bytes < sizes.wasm_bytes);
    assert.ok(sizes.sparse_frame_bytes < sizes.sparse_clone_bytes);
    assert.ok(sizes.dense_frame_bytes < sizes.dense_json_bytes);
    for (const engine of ENGINES) {
      assert.ok(sizes[`memory_${engine}_bytes`]! >= 500 * 384 * 4, engine);
    }
  });

  it("prints a report of 80 columns, all bars in it", () => {
    for (const line of result.out.split("\n")) {
      assert.ok(Array.from(line).length <= 80, line);
    }
    assert.equal(result.out.match(/^ {2}(ok {2}|miss| {4}) {2}\S/gm)?.length, BARS.length);
  });
});
