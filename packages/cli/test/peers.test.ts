import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { CONTESTANTS, OWN, SCAN } from "../src/bench/peers/catalog.ts";
import { readPeerData } from "../src/bench/peers/data.ts";
import { writePeerDocs } from "../src/bench/peers/docs.ts";
import { leastEffort, measurePeer } from "../src/bench/peers/measure.ts";
import type { AnyPeer, Peer } from "../src/bench/peers/peer.ts";
import { nearest } from "../src/bench/peers/prepare.ts";
import { type Group, type PeerResult, RECALL } from "../src/bench/peers/protocol.ts";
import { oneLine, renderPeers } from "../src/bench/peers/report.ts";
import {
  barFigures,
  type Measured,
  missedBars,
  type Pair,
  type PeerRuns,
  ratio,
} from "../src/bench/peers/results.ts";
import { type PeersOptions, type PeersReport, peers, type Runner } from "../src/bench/peers/run.ts";
import { folder } from "../src/data/folder.ts";
import { CARRIED_DATA } from "../src/paths.ts";
import { run } from "./run.ts";

/** What a made peer gets wrong. */
type Flaw =
  | "none"
  | "keeps old copies"
  | "keeps deleted"
  | "brings deleted back"
  | "blind"
  | "throws";

interface Row {
  readonly row: number;
  readonly vector: Float32Array;
}

/** A peer that compares with all, and has a flaw. */
function made(flaw: Flaw): AnyPeer {
  let rows: Row[] = [];
  let gone: Row[] = [];
  const without = (row: number): Row[] => rows.filter((each) => each.row !== row);
  const peer: Peer<Row, Float32Array, number[], Row[]> = {
    settings: flaw,
    async load() {},
    value: (vector, row) => ({ row, vector }),
    query: (vector) => vector,
    clear() {
      rows = [];
      gone = [];
    },
    build(values) {
      rows = [...values];
    },
    search(query, k) {
      const all = nearest(
        rows.map(({ vector }) => vector),
        [query],
        k,
      )[0]!.map((at) => rows[at]!.row);
      return flaw === "blind" ? all.slice(0, k >> 1) : all;
    },
    rows: (found) => found,
    update(value, row) {
      if (flaw === "throws") {
        throw new Error("full");
      }
      rows = flaw === "keeps old copies" ? [...rows, value] : [...without(row), value];
    },
    remove(row) {
      gone.push(...rows.filter((each) => each.row === row));
      rows = flaw === "keeps deleted" ? rows : without(row);
    },
    export: () => ({
      bytes: rows.length,
      content: flaw === "brings deleted back" ? [...rows, ...gone] : rows,
    }),
    import(content) {
      rows = content;
    },
  };
  return peer as AnyPeer;
}

const FLAWS: Readonly<Record<string, Flaw>> = {
  "hnswlib-wasm": "keeps old copies",
  edgevec: "throws",
  mememo: "brings deleted back",
  pglite: "blind",
  "voy-search": "keeps deleted",
};

/** Measures made peers in this process; what is started and asked for is noted. */
class MadeRunner implements Runner {
  readonly asked: string[] = [];
  async measure({ name }: { name: string }, data: string): Promise<Measured> {
    this.asked.push(name);
    if (name === "sqlite-vec") {
      throw new Error("does not start at http://127.0.0.1:80/x\nin /home/somebody/here.js");
    }
    const result = await measurePeer(
      name,
      made(FLAWS[name] ?? "none"),
      await readPeerData(folder(data)),
      { runtime: "here", memory: async () => 1000, tell() {} },
    );
    return { result, version: "1", bundle_bytes: 1000 };
  }
  async close(): Promise<void> {}
}

describe("bench peers", () => {
  const scratch = mkdtempSync(join(tmpdir(), "deltavec-test-"));
  const file = join(scratch, "figures.json");
  const options: PeersOptions = {
    only: ["browser"],
    n: 120,
    rounds: 1,
    resume: false,
    kept: scratch,
    json: file,
  };
  const runner = new MadeRunner();
  let report: PeersReport;
  before(async () => {
    report = await peers(folder(CARRIED_DATA), options, async () => runner);
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  const resultOf = (name: string): PeerResult =>
    report.peers.find((each) => each.name === name)!.pairs[0]!.peer.result;

  it("measures deltavec right before every peer of the group", () => {
    const names = CONTESTANTS.filter(({ group }) => group === "browser").map(({ name }) => name);
    const others = names.filter((name) => name !== OWN);
    assert.deepEqual(
      runner.asked,
      others.flatMap((name) => [OWN, name]),
    );
    assert.deepEqual(
      report.peers.map(({ name }) => name),
      others,
    );
  });

  it("finds nothing wrong with a database that does what it says", () => {
    const { wrong, failures, recall, recall_edited, recall_imported } = resultOf("orama");
    assert.deepEqual(wrong, { lost: 0, stale: 0, repeated: 0, ghosts: 0, returned: 0 });
    assert.deepEqual(failures, {});
    assert.deepEqual([recall, recall_edited, recall_imported], [1, 1, 1]);
  });

  it("has figures of every step", () => {
    const { build_ms, search, update, export_bytes, import_ms, memory_bytes, ...result } =
      resultOf("orama");
    for (const value of [
      build_ms,
      search?.mean_us,
      search?.p99_us,
      update?.mean_us,
      result.delete?.mean_us,
      result.export_ms,
      export_bytes,
      import_ms,
      memory_bytes,
    ]) {
      assert.ok(Number.isFinite(value), JSON.stringify(result));
    }
  });

  it("counts old copies that results still hold", () => {
    const { repeated, stale } = resultOf("hnswlib-wasm").wrong;
    assert.ok(repeated > 0 && stale > 0, `${repeated} ${stale}`);
  });

  it("counts deleted vectors that are found", () => {
    assert.ok(resultOf("voy-search").wrong.ghosts > 0);
  });

  it("counts deleted vectors that come back behind an import", () => {
    const { ghosts, returned } = resultOf("mememo").wrong;
    assert.ok(ghosts === 0 && returned > 0, `${ghosts} ${returned}`);
  });

  it("keeps what a step throws, and goes on with the next", () => {
    const { failures, update, ...result } = resultOf("edgevec");
    // The database that is built to warm up is changed, too.
    assert.deepEqual(failures, { build: "full" });
    assert.equal(update, undefined);
    assert.equal(result.search, undefined);
  });

  it("shows a database that does not start as a failure", () => {
    const { failures } = resultOf("sqlite-vec");
    assert.match(failures.load!, /^does not start/);
    assert.match(renderPeers(report), /sqlite-vec: load: does not start/);
  });

  it("leaves a database out of the bars that does not reach the recall", () => {
    assert.ok(resultOf("pglite").recall! < RECALL);
    assert.ok(!Object.values(report.against_with_scans).slice(0, 3).includes("pglite"));
    assert.match(renderPeers(report), /does not reach the recall/);
  });

  it("writes every figure and the bars as flat numbers", () => {
    const json = JSON.parse(readFileSync(file, "utf8")) as PeersReport;
    assert.deepEqual(Object.keys(json), [
      ...["about", "peers", "bars", "against", "bars_with_scans", "against_with_scans", "missed"],
    ]);
    assert.ok(Object.values(json.bars_with_scans).every(Number.isFinite));
    const bars = [
      "search_vs_browser",
      "build_vs_browser",
      "update_vs_browser",
      "bundle_vs_browser",
    ];
    assert.deepEqual(Object.keys(json.bars_with_scans), bars);
    assert.equal(json.about.n, 120);
  });

  it("prints a report of 80 columns", () => {
    for (const line of renderPeers(report).split("\n")) {
      assert.ok(Array.from(line).length <= 80, line);
    }
  });

  it("writes the page and a plot of the group, without names of this machine", async () => {
    const docs = join(scratch, "docs");
    await writePeerDocs(report, docs);
    const page = readFileSync(join(docs, "benchmarks.md"), "utf8");
    for (const { title } of CONTESTANTS.filter(({ group }) => group === "browser")) {
      assert.ok(page.includes(title), title);
    }
    assert.ok(!/127\.0\.0\.1|\/home\/|\/tmp\//.test(page));
    assert.match(page, /\]\(benchmarks\/browser\.svg\)/);
    assert.match(
      readFileSync(join(docs, "benchmarks", "browser.svg"), "utf8"),
      /^<svg.*<\/svg>\n$/s,
    );
    assert.ok(!existsSync(join(docs, "benchmarks", "jvm.svg")));
  });

  it("resumes with what is missing, and starts nothing where nothing is", async () => {
    const all = { ...options, only: undefined, resume: true };
    const groups: Group[] = [];
    const again = await peers(folder(CARRIED_DATA), all, async (group) => {
      groups.push(group);
      return new MadeRunner();
    });
    assert.deepEqual(groups, ["node", "jvm"]);
    assert.equal(again.peers.length, CONTESTANTS.filter(({ name }) => name !== OWN).length);
    await peers(folder(CARRIED_DATA), all, () => assert.fail("nothing is missing"));
  });

  it("measures anew what is named, and takes the others from before", async () => {
    const once = new MadeRunner();
    const only = { ...options, only: ["orama"], resume: true, rounds: 2 };
    const again = await peers(folder(CARRIED_DATA), only, async () => once);
    assert.deepEqual(once.asked, [OWN, "orama", OWN, "orama"]);
    assert.ok(again.peers.length > 1);
  });

  it("tells which names there are", async () => {
    const { status, err } = await run(["bench", "peers", "--only", "nonsense"]);
    assert.notEqual(status, 0);
    assert.match(err, /"nonsense" is none; there are browser, node, jvm, hnswlib-wasm/);
  });
});

describe("leastEffort", () => {
  it("finds the least that reaches the recall", async () => {
    for (const wanted of [10, 11, 37, 200, 399, 400]) {
      const recallAt = async (effort: number): Promise<number> => (effort >= wanted ? 1 : 0.9);
      assert.equal(await leastEffort(recallAt, 10, 400, 50), wanted);
    }
  });

  it("finds the least that comes to the best where none reaches it", async () => {
    const recallAt = async (effort: number): Promise<number> => Math.min(0.95, effort / 100);
    assert.equal(await leastEffort(recallAt, 10, 400, 50), 95);
  });
});

describe("bars of peers", () => {
  const measured = (search: number, build: number, recall = 0.99): Measured => ({
    version: "1",
    bundle_bytes: 100 * build,
    result: {
      name: "made",
      runtime: "",
      settings: "",
      build_ms: build,
      search: { mean_us: search, p50_us: search, p99_us: search },
      recall,
      update: { mean_us: build, call_us: build, p99_us: build },
      wrong: { lost: 0, stale: 0, repeated: 0, ghosts: 0, returned: 0 },
      failures: {},
    },
  });
  const runs = (name: string, ...of: (readonly [peer: Measured, own: Measured])[]): PeerRuns => ({
    name,
    group: "browser",
    pairs: of.map(([peer, own]): Pair => ({ peer, own, load: [1, 1], date: "2026-01-01" })),
  });
  const own = measured(10, 100);
  const all = [
    runs("hnswlib-wasm", [measured(80, 900), own]),
    runs("edgevec", [measured(70, 1000), own]),
    runs("mememo", [measured(30, 100, 0.9), own]),
    runs("voy-search", [measured(600, 50), own]),
    runs("orama", [measured(90, 10), own]),
    runs(SCAN, [measured(300, 1), own]),
  ];

  it("are against the best whose index beats a scan, at equal recall", () => {
    const { search_vs_browser, build_vs_browser, bundle_vs_browser } = barFigures(all, false);
    assert.deepEqual(search_vs_browser, { value: 7, against: "edgevec" });
    assert.deepEqual(build_vs_browser, { value: 9, against: "hnswlib-wasm" });
    assert.deepEqual(bundle_vs_browser, { value: 1, against: "mememo" });
  });

  it("are against all that reach the recall, where that is asked for, but not against the base line", () => {
    const { build_vs_browser } = barFigures(all, true);
    assert.deepEqual(build_vs_browser, { value: 0.1, against: "orama" });
  });

  it("are not against updates that are found late, unless all are asked for", () => {
    const jvm = (name: string, update: number): PeerRuns => ({
      ...runs(name, [measured(80, update), own]),
      group: "jvm",
    });
    const both = [jvm("lucene", 500), jvm("lucene-late", 50)];
    const { update_vs_jvm, build_vs_jvm } = barFigures(both, false);
    assert.deepEqual(update_vs_jvm, { value: 5, against: "lucene" });
    assert.deepEqual(build_vs_jvm, { value: 0.5, against: "lucene-late" });
    const { update_vs_jvm: late } = barFigures(both, true);
    assert.equal(late?.against, "lucene-late");
  });

  it("are missed below their limit, and not where nothing was measured", () => {
    assert.deepEqual(missedBars(barFigures(all, false)), []);
    assert.deepEqual(missedBars(barFigures(all, true)), [
      ...["build_vs_browser", "update_vs_browser", "bundle_vs_browser"],
    ]);
  });

  it("take the median of the ratios of pairs, not the ratio of medians", () => {
    const slow = measured(100, 1000);
    const three = runs(
      "edgevec",
      [measured(60, 1), own],
      [measured(800, 1), slow],
      [measured(900, 1), slow],
    );
    assert.equal(ratio(three, "search"), 8);
  });
});

describe("oneLine", () => {
  it("leaves out addresses and folders", () => {
    assert.equal(
      oneLine("no http://127.0.0.1:80/x.js in /home/me/a/b.js and file:///tmp/x/c.js\nat d"),
      "no /x.js in b.js and c.js",
    );
  });
});
