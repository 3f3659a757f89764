import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { COMPONENT_BARS, componentFigures, missed } from "../src/bench/component/bars.ts";
import {
  type ComponentFigures,
  OPERATIONS,
  type Operation,
  TARGETS,
  WORLDS,
} from "../src/bench/component/protocol.ts";
import { type Run, run } from "./run.ts";

describe("bench component", () => {
  const scratch = mkdtempSync(join(tmpdir(), "deltavec-test-"));
  let result: Run;
  let json: ComponentFigures & {
    about: { wasmtime: string };
    bars: Record<string, number>;
    missed: string[];
  };
  before(async () => {
    const file = join(scratch, "figures.json");
    const sizes = ["--n", "200", "--rounds", "1", "--soak", "20"];
    result = await run(["bench", "component", ...sizes, "--json", file]);
    assert.equal(result.status, 0, result.err);
    json = JSON.parse(readFileSync(file, "utf8"));
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  /** Whether this machine has no wasmtime, and the report says so. */
  const without = (): boolean => json.about.wasmtime.startsWith("not measured: ");

  it("writes details, bars, and what is missed", () => {
    const parts = without() ? [] : ["wasmtime", "soak"];
    assert.deepEqual(Object.keys(json), [
      ...["about", "size", "calls", "load"],
      ...parts,
      ...["bars", "missed"],
    ]);
    assert.deepEqual(json.missed, missed(json.bars));
  });

  it("has a number for every bar, without wasmtime for every other", () => {
    assert.deepEqual(
      Object.keys(json.bars),
      COMPONENT_BARS.map(({ name }) => name).filter(
        (name) => !without() || !/^(wasmtime|soak)/.test(name),
      ),
    );
    for (const [name, figure] of Object.entries(json.bars)) {
      assert.ok(Number.isFinite(figure), `${name} ${figure}`);
    }
  });

  it("measures every operation on every target", () => {
    for (const target of TARGETS) {
      for (const operation of OPERATIONS) {
        assert.ok(json.calls!.us[target][operation].median > 0, `${target}, ${operation}`);
      }
    }
  });

  it("finds that all have the same vectors", () => {
    assert.equal(json.calls!.same, true);
  });

  it("soaks with calls of every kind, as often as it is told", (t) => {
    if (without()) {
      t.skip(json.about.wasmtime);
      return;
    }
    for (const world of WORLDS) {
      const { calls, grown_mb, kinds } = json.soak![world];
      assert.equal(calls, 20);
      assert.ok(kinds.length > 10 && kinds.every((kind) => kind.calls >= 20));
      assert.ok(Math.abs(grown_mb - kinds.reduce((sum, kind) => sum + kind.grown_mb, 0)) < 1e-6);
    }
  });

  it("prints a report of 80 columns, all bars in it", () => {
    for (const line of result.out.split("\n")) {
      assert.ok(Array.from(line).length <= 80, line);
    }
    const shown = result.out.match(/^ {2}(ok {2}|miss| {4}) {2}\S/gm)?.length;
    assert.equal(shown, Object.keys(json.bars).length);
  });
});

describe("componentFigures", () => {
  const flat = (median: number) => ({ median, rounds: [median] });
  const operations = (us: number) =>
    Object.fromEntries(OPERATIONS.map((o, i) => [o, flat(us + i)])) as Record<
      Operation,
      ReturnType<typeof flat>
    >;
  const all: Required<ComponentFigures> = {
    size: {
      "delta-vector": { bytes: 90_000, gzip_bytes: 40_000 },
      deltavec: { bytes: 130_000, gzip_bytes: 61_000 },
    },
    calls: {
      us: { direct: operations(1), "delta-vector": operations(2), deltavec: operations(30) },
      extra_us: { "delta-vector": operations(10), deltavec: operations(20) },
      same: true,
    },
    load: {
      "delta-vector": { compile_ms: flat(1), entry_ms: flat(2) },
      deltavec: { compile_ms: flat(1), entry_ms: flat(2) },
    },
    wasmtime: {
      "delta-vector": { compile_s: flat(0.3), instantiate_ms: flat(6) },
      deltavec: { compile_s: flat(0.5), instantiate_ms: flat(0.1) },
    },
    soak: {
      "delta-vector": { calls: 1, grown_mb: 1, kinds: [] },
      deltavec: { calls: 1, grown_mb: 3, kinds: [] },
    },
  };

  it("takes calls from the contract's world, all else from the worse one", () => {
    assert.deepEqual(componentFigures(all), {
      component_gzip_kb: 61,
      wasmtime_compile_s: 0.5,
      wasmtime_instantiate_ms: 6,
      jco_search_extra_us: 13,
      jco_get_us: 2,
      jco_batch100_us: 4,
      soak_growth_mb: 3,
    });
  });

  it("leaves out what was not measured", () => {
    assert.deepEqual(componentFigures({ size: all.size }), { component_gzip_kb: 61 });
  });

  it("names the bars that are missed", () => {
    assert.deepEqual(missed(componentFigures(all)), [
      ...["component_gzip_kb", "wasmtime_instantiate_ms", "jco_search_extra_us"],
    ]);
  });
});
