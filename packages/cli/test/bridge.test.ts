import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import {
  BRIDGE_BARS,
  type BridgeFigures,
  bridgeFigures,
  missed,
} from "../src/bench/bridge/bars.ts";
import { Edits, STEPS } from "../src/bench/bridge/edits.ts";
import { PARTS } from "../src/bench/bridge/protocol.ts";
import { faults } from "../src/bench/bridge/soak.ts";
import { inRounds, spread } from "../src/bench/bridge/spread.ts";
import { ChurnData } from "../src/bench/churn/vectors.ts";
import { folder } from "../src/data/folder.ts";
import { CARRIED_DATA } from "../src/paths.ts";
import { type Run, run } from "./run.ts";

describe("bench bridge", () => {
  const scratch = mkdtempSync(join(tmpdir(), "deltavec-test-"));
  let result: Run;
  let json: {
    node: Required<BridgeFigures>;
    bars: Record<string, number>;
    missed: string[];
  };
  before(async () => {
    const file = join(scratch, "figures.json");
    const sizes = ["--n", "200", "--rounds", "1", "--soak", "3000"];
    result = await run(["bench", "bridge", "--engines", "node", ...sizes, "--json", file]);
    assert.equal(result.status, 0, result.err);
    json = JSON.parse(readFileSync(file, "utf8"));
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  it("writes details, bars, and what is missed", () => {
    assert.deepEqual(Object.keys(json), ["about", "node", "bars", "missed"]);
    assert.deepEqual(Object.keys(json.node), [...PARTS]);
    assert.deepEqual(json.missed, missed(json.bars));
  });

  it("has a number for every bar", () => {
    assert.deepEqual(
      Object.keys(json.bars),
      BRIDGE_BARS.map(({ name }) => name),
    );
    for (const [name, figure] of Object.entries(json.bars)) {
      assert.ok(Number.isFinite(figure), `${name} ${figure}`);
    }
  });

  it("has a number for every round of every detail", () => {
    const look = (value: unknown, path: string): void => {
      if (typeof value === "object" && value !== null) {
        for (const [key, inner] of Object.entries(value)) {
          look(inner, `${path}.${key}`);
        }
      } else if (value !== null) {
        assert.ok(typeof value === "number" && Number.isFinite(value), `${path}: ${value}`);
      }
    };
    look(json.node, "node");
  });

  it("sends each frame of the soak once and whole", () => {
    const { frames, seen, error } = json.node.soak;
    assert.deepEqual([frames, seen, error], [3000, 3000, null]);
    const { soak_faults } = json.bars;
    assert.equal(soak_faults, 0);
  });

  it("writes beside the readers", () => {
    for (const { writes_per_s } of [json.node.readers.channel, json.node.readers.calls]) {
      assert.ok(writes_per_s.rounds.every((writes) => writes > 0 && writes <= 1001));
    }
  });

  it("prints a report of 80 columns, all bars in it", () => {
    for (const line of result.out.split("\n")) {
      assert.ok(Array.from(line).length <= 80, line);
    }
    assert.equal(result.out.match(/^ {2}(ok {2}|miss) {2}\S/gm)?.length, BRIDGE_BARS.length);
  });
});

describe("the edits of bench bridge", () => {
  const n = 50;
  let data: ChurnData;
  before(async () => {
    data = await ChurnData.read(folder(CARRIED_DATA));
  });

  for (const step of ["small", "large"] as const) {
    it(`move 19 values of a vector a little: ${step}`, () => {
      const vectors = data.vectors(n);
      let square = 0;
      const deltas = new Edits(data, n, 1, step).make(500);
      for (const { vectorId, operation } of deltas) {
        assert.equal(vectorId.length, 8);
        assert.ok(operation.type === "sparse");
        const { indices, values } = operation;
        assert.equal(new Set(indices).size, 19);
        assert.equal(values.length, 19);
        const vector = vectors[Number(vectorId.slice(1))]!;
        indices.forEach((at, i) => {
          square += (values[i]! - vector[at]!) ** 2;
        });
      }
      const mean = Math.sqrt(square / (19 * deltas.length));
      assert.ok(Math.abs(mean / STEPS[step] - 1) < 0.05, `${mean}`);
    });
  }

  it("are all of other values", () => {
    const edits = new Edits(data, n, 1);
    const all = [...edits.make(100), ...edits.make(100)];
    const texts = all.map(({ operation }) => (operation.type === "sparse" ? operation.values : []));
    assert.equal(new Set(texts.map(String)).size, 200);
  });
});

describe("spread", () => {
  it("has the round in the middle, and all rounds in their order", () => {
    assert.deepEqual(spread([9, 1, 5]), { median: 5, rounds: [9, 1, 5] });
  });

  it("has the mean of the two in the middle", () => {
    assert.equal(spread([9, 1, 5, 2]).median, 3.5);
  });
});

describe("inRounds", () => {
  it("leaves out the first round", async () => {
    const found = await inRounds(2, (r) => ({ a: r, b: -r }));
    assert.deepEqual(found, {
      a: { median: 1.5, rounds: [1, 2] },
      b: { median: -1.5, rounds: [-1, -2] },
    });
  });
});

describe("faults", () => {
  it("are none where all came", () => {
    assert.equal(faults(100, 100, undefined), 0);
  });

  it("are all frames behind the first that is wrong", () => {
    assert.equal(faults(100, 40, "delta 40: checksum"), 60);
  });

  it("are the frames that nobody sent", () => {
    assert.equal(faults(100, 103, undefined), 3);
  });

  it("are one where an error came with the last frame", () => {
    assert.equal(faults(100, 100, "delta 100: number 99 came"), 1);
  });
});

describe("bridgeFigures", () => {
  const flat = (median: number) => ({ median, rounds: [median] });
  const stream = (applied: number, main: number) => ({
    deltas: 1,
    applied_per_s: flat(applied),
    main_thread_us: flat(main),
  });
  const channel = (applied: number) => ({
    capacity: 1,
    plain: stream(applied, 0.5),
    history: stream(1, 1),
    moving: stream(2, 2),
    offered_per_s: flat(10 * applied),
    burst: 1,
  });
  const batch = (all: number) => ({ all_us: flat(all), encode_us: flat(1), flush_us: flat(2) });
  const writer = (loss: number) => ({ qps: flat(1), writes_per_s: flat(2), loss: flat(loss) });
  const all: Required<BridgeFigures> = {
    codec: {
      encode_us: flat(0.1),
      decode_us: flat(0.2),
      seal_us: flat(3),
      decode_many_us: flat(4),
      decode_pool_us: flat(5),
      frame_bytes: 114,
      frame_bytes_most: 116,
    },
    views: { view_us: flat(0.4), warm_us: flat(0.1) },
    batch: { plain: batch(50), history: batch(70), moving: batch(90) },
    ring: channel(400_000),
    messages: channel(100_000),
    readers: {
      qps1: flat(1),
      qps2: flat(2),
      speedup: flat(1.7),
      speedup_best: 1.9,
      machine: flat(2),
      channel: writer(0.3),
      calls: writer(0.1),
    },
    soak: { frames: 10, seen: 9, faults: 1, error: "lost", seconds: 1 },
  };

  it("takes each bar from its part", () => {
    assert.deepEqual(bridgeFigures(all), {
      encode_us: 0.1,
      decode_us: 0.2,
      sparse_frame_bytes: 114,
      view_us: 0.4,
      batch100_us: 50,
      ring_offered_per_s: 4_000_000,
      ring_applied_per_s: 400_000,
      main_thread_us: 0.5,
      fallback_applied_per_s: 100_000,
      readers2_speedup: 1.7,
      readers2_writer_loss: 0.3,
      soak_faults: 1,
    });
  });

  it("leaves out what was not measured", () => {
    assert.deepEqual(bridgeFigures({ views: all.views }), { view_us: 0.4 });
  });

  it("names the bars that are missed", () => {
    assert.deepEqual(missed(bridgeFigures(all)), [
      ...["view_us", "fallback_applied_per_s", "readers2_writer_loss", "soak_faults"],
    ]);
  });
});
