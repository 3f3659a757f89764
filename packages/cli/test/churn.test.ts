import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import {
  CHURN_BARS,
  type ChurnFigures,
  churnFigures,
  missed,
  wrongs,
} from "../src/bench/churn/bars.ts";
import { ExactRows } from "../src/bench/churn/exact-rows.ts";
import { changeTimes, medianRound } from "../src/bench/churn/living.ts";
import type {
  ChangeTimes,
  ChurnCase,
  FilterCase,
  ScaleFigures,
  SearchTimes,
  Wrong,
} from "../src/bench/churn/protocol.ts";
import {
  beside,
  byDistance,
  ChurnData,
  leastEf,
  moveCluster,
  noisy,
  normalised,
  shuffled,
  turnoverSteps,
} from "../src/bench/churn/vectors.ts";
import { folder } from "../src/data/folder.ts";
import type { EngineName } from "../src/engine/engine.ts";
import { CARRIED_DATA } from "../src/paths.ts";
import { Random } from "../src/random.ts";
import { type Run, run } from "./run.ts";

function random(dimensions: number, source: Random): Float32Array {
  return Float32Array.from({ length: dimensions }, () => source.gaussian());
}

function norm(vector: Float32Array): number {
  return Math.hypot(...vector);
}

describe("bench churn", () => {
  const engines = ["jvm", "chromium"] as const;
  const scratch = mkdtempSync(join(tmpdir(), "deltavec-test-"));
  let result: Run;
  let json: Record<EngineName, Required<ChurnFigures>> & {
    bars: Record<string, number>;
    bars_jvm: Record<string, number>;
  };
  before(async () => {
    const file = join(scratch, "figures.json");
    result = await run(["bench", "churn", "--n", "200", "--rounds", "1", "--json", file]);
    assert.equal(result.status, 0, result.err);
    json = JSON.parse(readFileSync(file, "utf8"));
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  it("writes details and bars of both engines", () => {
    assert.deepEqual(Object.keys(json), [
      ...["about", "jvm", "chromium", "bars", "bars_jvm", "missed"],
    ]);
  });

  it("has a number for every bar, on both engines", () => {
    for (const bars of [json.bars, json.bars_jvm]) {
      assert.deepEqual(
        Object.keys(bars),
        CHURN_BARS.map(({ name }) => name),
      );
      for (const [name, figure] of Object.entries(bars)) {
        assert.ok(Number.isFinite(figure), `${name} ${figure}`);
      }
    }
  });

  it("finds nothing that must not be", () => {
    for (const engine of engines) {
      for (const { report, ...counts } of wrongs(json[engine])) {
        const none = { ghosts: 0, repeated: 0, leaks: 0, unreachable: 0, broken: 0 };
        assert.deepEqual(counts, none, `${engine} ${report}`);
      }
    }
  });

  it("tells the same of the same shape on both engines", () => {
    const shape = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(shape)
        : typeof value === "object" && value !== null
          ? Object.fromEntries(
              Object.entries(value)
                .map(([key, inner]) => [key, key === "report" ? "" : shape(inner)] as const)
                .toSorted(([a], [b]) => (a < b ? -1 : 1)),
            )
          : typeof value;
    assert.deepEqual(shape(json.jvm), shape(json.chromium));
  });

  it("has as many repairs queued as vectors were replaced, when it searches before the repair", () => {
    for (const engine of engines) {
      for (const { teleported, pending } of json[engine].updates.lag) {
        assert.equal(pending, teleported, engine);
      }
    }
  });

  it("finds nearly all neighbours of so few vectors in every state", () => {
    for (const engine of engines) {
      const { updates, turnover, filter } = json[engine];
      const recalls = [...updates.cases, turnover.case].flatMap(({ queries, moved }) => [
        ...Object.values(queries),
        ...Object.values(moved),
      ]);
      recalls.push(...filter.cases.map(({ recall }) => recall));
      assert.ok(
        recalls.every((recall) => recall > 0.95 && recall <= 1),
        `${engine} ${recalls}`,
      );
    }
  });

  it("prints a report of 80 columns, all bars of both engines in it", () => {
    for (const line of result.out.split("\n")) {
      assert.ok(Array.from(line).length <= 80, line);
    }
    assert.equal(result.out.match(/^ {2}(ok {2}|miss) {2}\S/gm)?.length, 2 * CHURN_BARS.length);
  });
});

describe("ExactRows", () => {
  const source = new Random(21);
  const rows = new ExactRows();
  for (let i = 0; i < 60; i++) {
    rows.set(`v${i}`, random(9, source));
  }
  // More than a block of queries, and no whole number of blocks.
  const queries = Array.from({ length: 19 }, () => normalised(random(9, source)));
  const nearest = (query: Float32Array, passes: (id: string) => boolean): string[] =>
    rows
      .ids()
      .filter(passes)
      .sort((a, b) => cosine(query, rows.get(b)) - cosine(query, rows.get(a)));

  function cosine(a: Float32Array, b: Float32Array): number {
    const dot = a.reduce((sum, value, i) => sum + value * b[i]!, 0);
    return dot / Math.sqrt(b.reduce((sum, value) => sum + value * value, 0));
  }

  it("knows how close the k-th nearest of each query is", () => {
    const { bounds, wanted } = rows.truth(queries, 4);
    assert.equal(wanted, 4);
    queries.forEach((query, i) => {
      const fourth = nearest(query, () => true)[3]!;
      assert.ok(Math.abs(bounds[i]! - cosine(query, rows.get(fourth))) < 1e-12);
    });
  });

  it("gives the nearest a recall of 1 and misses each that is farther", () => {
    const truth = rows.truth(queries, 4);
    queries.forEach((query, i) => {
      const order = nearest(query, () => true);
      assert.equal(rows.recall(truth, i, query, order.slice(0, 4)), 1);
      assert.equal(rows.recall(truth, i, query, order.slice(1, 5)), 0.75);
    });
  });

  it("looks only among those that pass", () => {
    const passes = (id: string): boolean => Number(id.slice(1)) % 3 === 0;
    const truth = rows.truth(queries, 4, passes);
    const order = nearest(queries[0]!, passes);
    assert.equal(rows.recall(truth, 0, queries[0]!, order.slice(0, 4)), 1);
    assert.equal(rows.recall(truth, 0, queries[0]!, order.slice(2, 6)), 0.5);
  });

  it("wants no more than there are", () => {
    const few = new ExactRows();
    few.set("a", Float32Array.of(1, 0));
    const query = [Float32Array.of(0, 1)];
    assert.equal(few.recall(few.truth(query, 10), 0, query[0]!, ["a"]), 1);
    assert.equal(few.recall(few.truth(query, 10), 0, query[0]!, []), 0);
    assert.equal(
      few.recall(
        few.truth(query, 10, () => false),
        0,
        query[0]!,
        [],
      ),
      1,
    );
  });

  it("takes either of equals, and each but once", () => {
    const equals = new ExactRows();
    equals.set("a", Float32Array.of(0.6, 0.8));
    equals.set("b", Float32Array.of(0.6, 0.8));
    equals.set("c", Float32Array.of(1, 0));
    equals.set("d", Float32Array.of(-1, 0));
    const query = [Float32Array.of(1, 0)];
    const truth = equals.truth(query, 2);
    assert.equal(equals.recall(truth, 0, query[0]!, ["c", "b"]), 1);
    assert.equal(equals.recall(truth, 0, query[0]!, ["a", "c"]), 1);
    assert.equal(equals.recall(truth, 0, query[0]!, ["c", "c"]), 0.5);
    assert.equal(equals.recall(truth, 0, query[0]!, ["c", "d"]), 0.5);
  });

  it("knows the new place of what moved, and nothing of what is gone", () => {
    const moving = new ExactRows();
    moving.set("a", Float32Array.of(1, 0));
    moving.set("b", Float32Array.of(0, 1));
    moving.set("a", Float32Array.of(-5, 0));
    const query = [Float32Array.of(1, 0)];
    assert.deepEqual([...moving.truth(query, 2).bounds], [-1]);
    moving.delete("a");
    assert.equal(moving.size, 1);
    assert.equal(moving.has("a"), false);
    assert.equal(moving.recall(moving.truth(query, 1), 0, query[0]!, ["a"]), 0);
  });
});

describe("the vectors of bench churn", () => {
  let data: ChurnData;
  before(async () => {
    data = await ChurnData.read(folder(CARRIED_DATA));
  });

  it("go on beyond the data, beside those that are there", () => {
    const [first, again] = [data.vector(5), data.vector(2005)];
    const dot = first.reduce((sum, value, i) => sum + value * again[i]!, 0);
    assert.ok(Math.abs(norm(again) - 1) < 1e-6);
    assert.ok(Math.abs(dot - 1 / Math.hypot(1, 0.3)) < 0.03, `${dot}`);
    assert.deepEqual(data.vector(2005), again);
  });

  it("have 500 different queries", () => {
    assert.equal(new Set(data.queries.map((query) => query.join())).size, 500);
  });

  it("get noise of the length that was asked for", () => {
    const source = new Random(3);
    const vector = random(384, source);
    for (const relative of [0.1, 0.5, 3]) {
      const moved = noisy(vector, relative, source).map((value, i) => value - vector[i]!);
      assert.ok(Math.abs(norm(moved) / norm(vector) / relative - 1) < 1e-4);
    }
  });

  it("have queries beside them", () => {
    const vectors = [data.vector(1), data.vector(2)];
    for (const query of beside(vectors, new Random(4))) {
      const nearer = byDistance(vectors, query)[0]!;
      const dot = query.reduce((sum, value, i) => sum + value * vectors[nearer]![i]!, 0);
      assert.ok(Math.abs(norm(query) - 1) < 1e-6 && dot > 0.95, `${dot}`);
    }
  });

  it("move as a cluster of neighbours, to another place", () => {
    const vectors = data.vectors(500);
    const { indices, moved } = moveCluster(vectors, 50, new Random(5));
    assert.deepEqual(indices, byDistance(vectors, vectors[indices[0]!]!).slice(0, 50));
    const all = [...vectors];
    indices.forEach((index, i) => {
      all[index] = moved[i]!;
    });
    const centre = vectors[indices[0]!]!;
    const stayed = new Set(byDistance(all, centre).slice(0, 50));
    assert.ok(indices.filter((index) => stayed.has(index)).length < 5);
  });
});

describe("turnoverSteps", () => {
  const steps = [...turnoverSteps(500, 7, new Random(6))];

  it("deletes and creates all", () => {
    assert.equal(steps.filter((step) => step === "create").length, 500);
    assert.equal(steps.filter((step) => step === "delete").length, 500);
  });

  it("keeps the number of vectors near what it was", () => {
    let more = 0;
    for (const step of steps) {
      more += step === "create" ? 1 : -1;
      assert.ok(Math.abs(more) <= 7);
    }
  });

  it("deletes and creates in no fixed order", () => {
    const repeats = steps.filter((step, i) => step === steps[i - 1]).length;
    assert.ok(repeats > 300 && repeats < 700, `${repeats}`);
  });
});

describe("shuffled", () => {
  it("has every element once, in another order", () => {
    const list = Array.from({ length: 100 }, (_, i) => i);
    const mixed = shuffled(list, new Random(7));
    assert.notDeepEqual(mixed, list);
    assert.deepEqual(
      mixed.toSorted((a, b) => a - b),
      list,
    );
  });
});

describe("leastEf", () => {
  const steep = (ef: number): number => ef / 100;

  it("is the least that reaches the recall", () => {
    assert.equal(leastEf(steep, 0.37, 10, 1000), 37);
  });

  it("is the least that may be tried where that will do", () => {
    assert.equal(leastEf(steep, 0.05, 10, 1000), 10);
  });

  it("is the most that may be tried where nothing will do", () => {
    assert.equal(
      leastEf(() => 0.5, 0.9, 10, 1000),
      1000,
    );
  });
});

describe("changeTimes", () => {
  it("shares the repair among the changes", () => {
    const times = changeTimes([
      { apply: [1, 3], repair: 10 },
      { apply: [5, 3], repair: 6 },
    ]);
    assert.equal(times.apply_us, 3);
    assert.equal(times.mean_us, 7);
    assert.equal(times.count, 4);
  });
});

describe("medianRound", () => {
  it("is the round in the middle", () => {
    const rounds = [9, 1, 5].map((mean_us) => ({ mean_us }) as ChangeTimes);
    assert.equal(medianRound(rounds).mean_us, 5);
  });
});

describe("churnFigures", () => {
  const wrong: Wrong = {
    ghosts: 1,
    repeated: 0,
    leaks: 0,
    unreachable: 2,
    broken: 1,
    report: "{}",
  };
  const times: ChangeTimes = { mean_us: 50, apply_us: 3, p50_us: 2, p99_us: 5, count: 10 };
  const search: SearchTimes = {
    vectors: 100,
    ef: 50,
    recall: 0.99,
    mean_us: 55,
    p50_us: 50,
    min_us: 49,
  };
  const memory = { granted: 200, used: 150, index: 40, ratio: 1.3 };
  const dropped = (queries: number, moved: number): ChurnCase => ({
    name: "case",
    vectors: 100,
    queries: { fresh: 0.99, lived: 0.99 - queries },
    moved: { fresh: 0.98, lived: 0.98 - moved },
  });
  const filter = (mean_us: number, called: boolean): FilterCase => ({
    name: "filter",
    passing: 10,
    recall: mean_us / 100,
    mean_us,
    exact_us: 50,
    cold_us: 1,
    exact_cold_us: 1,
    called,
  });
  const scale = (vectors: number, factor: number): ScaleFigures => ({
    build_us: 100 * factor,
    search: { ...search, vectors, mean_us: 40 * factor },
    memory: { ...memory, used: 15 * vectors },
    wrong,
  });
  const all: Required<ChurnFigures> = {
    updates: {
      update: times,
      update_far: times,
      stream: { ...times, mean_us: 70 },
      delete: times,
      cases: [dropped(0.001, 0.002), dropped(0, -0.01)],
      lag: [
        {
          teleported: 1,
          pending: 1,
          queries: { lagging: 0.5, repaired: 0.75 },
          moved: { lagging: 0.75, repaired: 0.75 },
          lagging_us: 1,
          repaired_us: 1,
          repair_us: 1,
        },
      ],
      wrong,
    },
    turnover: {
      create_us: 1,
      delete_us: 1,
      used_bytes: [100, 120],
      fresh_bytes: 100,
      case: dropped(0.25, 0),
      wrong,
    },
    filter: { cases: [filter(98, false), filter(97, true), filter(99, false)], wrong },
    search: {
      search,
      batch_us: 50,
      build_s: 1,
      memory,
      variants: [
        { name: "int8, no floats", build_s: 1, search, memory: { ...memory, ratio: 0.3 } },
      ],
      large: { ...search, mean_us: 90 },
      wrong,
    },
    scale: [scale(100, 1), scale(200, 2), scale(1000, 3)],
  };

  it("has a figure for every bar when all parts were measured", () => {
    assert.deepEqual(
      Object.keys(churnFigures(all)),
      CHURN_BARS.map(({ name }) => name),
    );
  });

  it("takes the worst of all states, and of both kinds of queries", () => {
    const { recall_drop_worst, lag_drop_worst } = churnFigures(all);
    assert.equal(recall_drop_worst, 0.25);
    assert.equal(lag_drop_worst, 0.25);
  });

  it("sums up over all parts what must not be", () => {
    const { ghosts, unreachable } = churnFigures(all);
    assert.deepEqual([ghosts, unreachable], [7, 14]);
  });

  it("compares filters as data with scans, and takes the worst recall of all", () => {
    const { filter_vs_scan_worst, filter_recall_min } = churnFigures(all);
    assert.deepEqual([filter_vs_scan_worst, filter_recall_min], [99 / 50, 0.97]);
  });

  it("holds the largest size against the smallest", () => {
    const { scale_search_ratio, scale_build_ratio, scale_memory_ratio } = churnFigures(all);
    assert.deepEqual([scale_search_ratio, scale_build_ratio, scale_memory_ratio], [3, 3, 1]);
  });

  it("leaves out what was not measured", () => {
    assert.deepEqual(Object.keys(churnFigures({ turnover: all.turnover })), [
      ...["recall_drop_worst", "ghosts", "unreachable", "memory_turnover_ratio"],
    ]);
  });

  it("names the bars that are missed", () => {
    assert.deepEqual(missed(churnFigures(all)), [
      ...["recall_drop_worst", "lag_drop_worst", "ghosts", "unreachable"],
      ...["memory_turnover_ratio", "filter_vs_scan_worst"],
      ...["scale_search_ratio", "scale_build_ratio"],
    ]);
  });
});
