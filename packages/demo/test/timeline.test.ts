import assert from "node:assert/strict";
import { test } from "node:test";
import { SEED_TIME } from "../src/prepared.ts";
import { Stream } from "../src/stream.ts";
import { type Change, Timeline } from "../src/timeline.ts";

const NOW = SEED_TIME + 1_000_000;

function change(id: string, over: Partial<Change> = {}): Change {
  const kind = over.kind ?? "edit";
  return {
    id,
    kind,
    deltaId: "",
    time: NOW,
    text: `${id} changed`,
    bytes: 100,
    fullBytes: kind === "delete" ? 0 : 1536,
    turned: 0,
    x: 0.5,
    y: 0.5,
    remote: false,
    ...over,
  };
}

function made(): Timeline {
  return new Timeline([
    ["a", { text: "a first", x: 0, y: 0 }],
    ["b", { text: "b first", x: 0, y: 0 }],
  ]);
}

test("a text is at every step what it was", () => {
  const timeline = made();
  timeline.add(change("a", { time: NOW }));
  timeline.add(change("b", { time: NOW + 1, kind: "delete" }));
  timeline.add(change("a", { time: NOW + 2, text: "a again" }));
  assert.deepEqual(
    [0, 1, 2, 3].map((step) => timeline.at("a", step)?.text),
    ["a first", "a changed", "a changed", "a again"],
  );
  assert.deepEqual(
    [0, 1, 2, 3].map((step) => timeline.at("b", step)?.text),
    ["b first", "b first", undefined, undefined],
  );
  assert.equal(timeline.editsOf("a", 2), 1);
});

test("what is created is not there before", () => {
  const timeline = made();
  timeline.add(change("c", { kind: "create" }));
  assert.deepEqual(
    [...timeline.items(0)].map(([id]) => id),
    ["a", "b"],
  );
  assert.deepEqual(
    [...timeline.items(1)].map(([id]) => id),
    ["a", "b", "c"],
  );
});

test("sums go up to a step, and leave deletes out", () => {
  const timeline = made();
  timeline.add(change("a"));
  timeline.add(change("b", { kind: "delete" }));
  timeline.add(change("a", { bytes: 50 }));
  assert.deepEqual(timeline.sums(0), { edits: 0, bytes: 0, fullBytes: 0 });
  assert.deepEqual(timeline.sums(2), { edits: 1, bytes: 100, fullBytes: 1536 });
  assert.deepEqual(timeline.sums(3), { edits: 2, bytes: 150, fullBytes: 3072 });
});

test("steps of the same time are one", () => {
  const timeline = made();
  for (const time of [NOW, NOW + 1, NOW + 1, NOW + 2]) {
    timeline.add(change("a", { time }));
  }
  assert.deepEqual(
    [0, 1, 2, 3, 4, 9].map((step) => timeline.snap(step)),
    [0, 1, 3, 3, 4, 4],
  );
  assert.equal(timeline.timeOf(0), SEED_TIME);
});

const EDITS = [
  { id: "a", kind: "update", version: 1, text: "a new" },
  { id: "b", kind: "delete", version: 1 },
  { id: "c", kind: "create", version: 0, text: "c" },
] as const;

test("a stream goes on behind what the database has seen", () => {
  const stream = new Stream(EDITS);
  assert.deepEqual(stream.next(), { edit: EDITS[0], row: 0 });
  stream.saw("a", "edit", "a new");
  assert.deepEqual(stream.next(), { edit: EDITS[1], row: -1 });
  stream.saw("b", "delete", "");
  assert.deepEqual(stream.next(), { edit: EDITS[2], row: 1 });
  stream.saw("c", "create", "c");
  assert.equal(stream.next(), undefined);
  assert.equal(stream.left, 0);
});

test("a stream does not take the user's own edits for its own", () => {
  const stream = new Stream(EDITS);
  stream.saw("a", "edit", "a mine");
  assert.equal(stream.left, 3);
});
