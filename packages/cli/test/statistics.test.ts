import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BARS, type EngineSummaries, figures, kept } from "../src/bench/bars.ts";
import type { Sizes } from "../src/bench/sizes.ts";
import { recallOf, summarize } from "../src/bench/statistics.ts";
import { Random } from "../src/random.ts";

describe("summarize", () => {
  it("gives mean, median and 99th percentile", () => {
    const samples = Array.from({ length: 101 }, (_, i) => 100 - i);
    assert.deepEqual(summarize(samples), { mean_us: 50, p50_us: 50, p99_us: 99 });
  });

  it("refuses to summarise nothing", () => {
    assert.throws(() => summarize([]), /no samples/);
  });
});

describe("recallOf", () => {
  it("is the part of the k nearest that was found", () => {
    const truth = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    assert.equal(
      recallOf(
        [
          [2, 1],
          [4, 6],
        ],
        truth,
        2,
      ),
      0.75,
    );
  });
});

describe("figures", () => {
  const summary = (mean: number): { mean_us: number; p50_us: number; p99_us: number } => ({
    mean_us: mean,
    p50_us: mean,
    p99_us: mean,
  });
  const engine = (factor: number): EngineSummaries => ({
    build: summary(2e6),
    init: summary(5000),
    search: { ...summary(60 * factor), recall: 0.99 },
    get_copy: summary(1),
    get_view: summary(0.2),
    apply_sparse: summary(1),
    apply_dense: summary(2 * factor * factor),
    batch_100: summary(50),
  });
  const sizes = { wasm_gzip_bytes: 30_000, package_gzip_bytes: 40_000 } as Sizes;

  it("has a figure for every bar when all engines were measured", () => {
    const found = figures({ jvm: engine(1), chromium: engine(1.5) }, sizes, 1.1);
    assert.deepEqual(
      Object.keys(found),
      BARS.map((bar) => bar.name),
    );
  });

  it("holds Chromium against the JVM", () => {
    const bars = figures({ jvm: engine(1), chromium: engine(1.5) }, sizes, 1.1);
    const { search_vs_jvm, worst_row_vs_jvm } = bars;
    assert.deepEqual([search_vs_jvm, worst_row_vs_jvm], [1.5, 2.25]);
  });

  it("leaves out what was not measured", () => {
    assert.deepEqual(Object.keys(figures({ node: engine(1) }, sizes, undefined)), [
      "wasm_gzip_kb",
      "package_gzip_kb",
    ]);
  });

  it("keeps a bar that is met exactly", () => {
    const bar = { name: "x", what: "x", unit: "us", limit: 2 };
    assert.equal(kept(bar, 2), true);
    assert.equal(kept(bar, 2.01), false);
    assert.equal(kept({ ...bar, atLeast: true }, 1.99), false);
  });
});

describe("Random", () => {
  it("draws distinct numbers, ascending and in range", () => {
    const random = new Random(3);
    for (let i = 0; i < 200; i++) {
      const drawn = random.distinct(19, 384);
      assert.equal(new Set(drawn).size, 19);
      assert.ok(drawn.every((value, j) => value < 384 && (j === 0 || value > drawn[j - 1]!)));
    }
  });

  it("repeats itself for the same seed", () => {
    assert.equal(new Random(9).next(), new Random(9).next());
    assert.notEqual(new Random(9).next(), new Random(10).next());
  });
});
