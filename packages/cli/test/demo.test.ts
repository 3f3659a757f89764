import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { demo } from "../src/demo/demo.ts";
import type { DemoEvent } from "../src/demo/events.ts";
import type { EngineName } from "../src/engine/engine.ts";
import { run } from "./run.ts";

const EDITS = 700;
type Event<T extends DemoEvent["type"]> = Extract<DemoEvent, { type: T }>;

function of<T extends DemoEvent["type"]>(events: readonly DemoEvent[], type: T): Event<T>[] {
  return events.filter((event): event is Event<T> => event.type === type);
}

const digests = new Map<EngineName, string>();

for (const engine of ["node", "chromium", "jvm"] as const) {
  describe(`the demo on ${engine}`, () => {
    const events: DemoEvent[] = [];
    before(async () => {
      await demo({ engine, edits: EDITS }, (event) => events.push(event));
      digests.set(engine, of(events, "done")[0]!.digest);
    });

    it("runs to its end", () => {
      assert.equal(events[0]!.type, "ready");
      assert.equal(events.at(-1)!.type, "done");
    });

    it("applies every edit", () => {
      const { creates, updates, metadataOnly, deletes } = of(events, "done")[0]!;
      const counts = [creates, updates, metadataOnly, deletes].map(({ count }) => count);
      assert.equal(
        counts.reduce((a, b) => a + b),
        EDITS,
      );
      assert.ok(
        counts.every((count) => count > 0),
        counts.join(),
      );
    });

    it("finds over 95 % of the exact neighbours all along", () => {
      const checkpoints = of(events, "checkpoint");
      assert.equal(checkpoints.length, 4);
      for (const { recall, edits } of checkpoints) {
        assert.ok(recall > 0.95 && recall <= 1, `${recall} after ${edits} edits`);
      }
    });

    it("finds what an edit brought, and no more what it took", () => {
      const [before, after] = of(events, "answers").map(({ answers }) => answers);
      const question = 2; // "the first African-American president"
      assert.ok(after![question]![0]!.score > before![question]![0]!.score + 0.2);
      const atheism = before![6]![0]!.id;
      assert.ok(!after![6]!.some(({ id }) => id === atheism));
    });

    it("finds in the past what an edit took, with its vector", () => {
      const [{ then, now, deltas, same }] = of(events, "past") as [Event<"past">];
      const [before] = of(events, "answers").map(({ answers }) => answers);
      assert.equal(then[0]!.id, before![6]![0]!.id);
      assert.notEqual(now[0]!.id, then[0]!.id);
      assert.equal(deltas, 2);
      assert.ok(same);
    });

    it("reports progress up to the last edit", () => {
      const { done, total, live } = of(events, "progress").at(-1)!;
      assert.equal(done, EDITS);
      assert.equal(total, EDITS);
      assert.equal(live, of(events, "checkpoint").at(-1)!.live);
    });
  });
}

describe("the demo on all engines", () => {
  it("ends in the same state", () => {
    assert.equal(digests.size, 3);
    assert.equal(new Set(digests.values()).size, 1, JSON.stringify([...digests]));
  });
});

describe("deltavec demo", () => {
  it("prints texts in 80 columns, without colours where there is no terminal", async () => {
    const { status, out, err } = await run(["demo", "--edits", "450"]);
    assert.equal(err, "");
    assert.equal(status, 0);
    assert.match(
      out,
      /the first African-American president\n.*before.*\n.*\n.*after .*Obama: 44th/,
    );
    assert.match(out, /then .*atheism: .*deleted\n.*now /);
    assert.match(out, /recall@10/);
    assert.match(out, /Bytes of a delta/);
    assert.ok(!out.includes("\u001b"));
    for (const line of out.split("\n")) {
      assert.ok(Array.from(line).length <= 80, line);
    }
  });
});
