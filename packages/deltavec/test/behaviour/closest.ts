import type { DeltaMetric, SearchResult } from "../../src/types.ts";
import type { Random } from "../support/random.ts";
import { check, near, same } from "./check.ts";
import type { Face } from "./face.ts";

export const METRICS: readonly DeltaMetric[] = ["cosine", "dot", "euclidean"];

/** Score in float64. */
export function score(metric: DeltaMetric, a: Float32Array, b: Float32Array): number {
  let dot = 0;
  let squares = 0;
  let distance = 0;
  let otherSquares = 0;
  a.forEach((x, i) => {
    dot += x * b[i];
    squares += x * x;
    otherSquares += b[i] * b[i];
    distance += (x - b[i]) ** 2;
  });
  switch (metric) {
    case "dot":
      return dot;
    case "euclidean":
      return Math.sqrt(distance);
    default:
      return squares === 0 || otherSquares === 0 ? 0 : dot / Math.sqrt(squares * otherSquares);
  }
}

/** The largest score that vectors of these lengths can have, for what rounding may do. */
export function largest(metric: DeltaMetric, a: Float32Array, b: Float32Array): number {
  const [one, two] = [a, b].map((v) => Math.sqrt(score("dot", v, v)));
  return metric === "cosine" ? 1 : metric === "dot" ? one * two : one + two;
}

/** The k closest, by comparing with all of them. */
export function exact(
  metric: DeltaMetric,
  vectors: ReadonlyMap<string, Float32Array>,
  query: Float32Array,
  k: number,
): SearchResult[] {
  const sign = metric === "euclidean" ? 1 : -1;
  return [...vectors]
    .map(([id, vector]) => ({ id, score: score(metric, query, vector) }))
    .sort((a, b) => sign * (a.score - b.score))
    .slice(0, k);
}

/** Checks that hits are right in themselves: true scores, in order, no vector twice. */
export function sound(
  metric: DeltaMetric,
  vectors: ReadonlyMap<string, Float32Array>,
  query: Float32Array,
  hits: readonly SearchResult[],
): void {
  const sign = metric === "euclidean" ? 1 : -1;
  hits.forEach(({ id, score: actual }, i) => {
    const vector = vectors.get(id);
    check(vector !== undefined, `${id} was found but is not there`);
    const slack = 4e-6 * largest(metric, query, vector);
    near(actual, score(metric, query, vector), slack, `score of ${id}`);
    check(i === 0 || sign * (actual - hits[i - 1].score) >= 0, `hit ${i} is out of order`);
  });
  same(new Set(hits.map(({ id }) => id)).size, hits.length, "number of different hits");
}

/** Number of hits that are as close as the exact ones. */
export function recalled(
  metric: DeltaMetric,
  expected: readonly SearchResult[],
  hits: readonly SearchResult[],
): number {
  const sign = metric === "euclidean" ? 1 : -1;
  const last = expected[expected.length - 1].score;
  const slack = 1e-5 * Math.max(1, Math.abs(last));
  return hits.filter((hit) => sign * (hit.score - last) <= slack).length;
}

/** Creates vectors of random values, `v0` and so on, in one batch. Returns them. */
export async function fill(
  db: Face,
  random: Random,
  count: number,
  dimensions: number,
): Promise<Map<string, Float32Array>> {
  const vectors = new Map<string, Float32Array>();
  for (let i = 0; i < count; i++) {
    vectors.set(`v${i}`, random.vector(dimensions));
  }
  await db.applyDeltas(
    [...vectors].map(([vectorId, vector]) => ({
      vectorId,
      operation: { type: "create", vector },
    })),
  );
  return vectors;
}
