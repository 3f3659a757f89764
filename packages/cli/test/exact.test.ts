import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ExactSearch, recall } from "../src/demo/exact.ts";

function vectors(...rows: number[][]): ExactSearch {
  const exact = new ExactSearch(2);
  rows.forEach((values, i) => {
    exact.set(`v${i}`, Float32Array.from(values));
  });
  return exact;
}

const RIGHT = Float32Array.of(1, 0);

describe("ExactSearch", () => {
  it("tells the similarity of the k-th nearest", () => {
    const exact = vectors([1, 0], [3, 4], [0, 1], [-1, 0]);
    assert.ok(Math.abs(exact.kth(RIGHT, 2) - 0.6) < 1e-6);
  });

  it("forgets what is deleted", () => {
    const exact = vectors([1, 0], [0, 1]);
    exact.delete("v0");
    assert.equal(exact.size, 1);
    assert.equal(exact.kth(RIGHT, 1), 0);
  });

  it("sees the new values of what is replaced", () => {
    const exact = vectors([0, 1], [0, 1]);
    exact.set("v1", Float32Array.of(5, 0));
    assert.equal(exact.kth(RIGHT, 1), 1);
  });

  it("grows", () => {
    const exact = vectors(...Array.from({ length: 3000 }, () => [0, 1]));
    exact.set("late", Float32Array.of(1, 0));
    assert.equal(exact.kth(RIGHT, 1), 1);
  });
});

describe("recall", () => {
  const exact = vectors([1, 0], [3, 4], [0, 1], [-1, 0]);

  it("is 1 for the nearest", () => {
    assert.equal(recall(exact, RIGHT, ["v0", "v1"], 2), 1);
  });

  it("is the part that was found", () => {
    assert.equal(recall(exact, RIGHT, ["v0", "v3"], 2), 0.5);
  });

  it("counts no hit twice", () => {
    assert.equal(recall(exact, RIGHT, ["v0", "v0"], 2), 0.5);
  });

  it("does not count what is not there", () => {
    assert.equal(recall(exact, RIGHT, ["gone", "v1"], 2), 0.5);
  });

  it("takes either of equals", () => {
    const equals = vectors([1, 0], [1, 0]);
    assert.equal(recall(equals, RIGHT, ["v1"], 1), 1);
  });
});
