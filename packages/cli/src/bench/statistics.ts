/** Times of one operation, in microseconds. */
export interface Summary {
  readonly mean_us: number;
  readonly p50_us: number;
  readonly p99_us: number;
  /** Part of the exact neighbours that was found, for a search. */
  readonly recall?: number;
}

/**
 * Summary of samples of equal weight.
 *
 * @throws Error if there are none
 */
export function summarize(samples: readonly number[]): Summary {
  if (samples.length === 0) {
    throw new Error("no samples");
  }
  const sorted = Float64Array.from(samples).sort();
  return {
    mean_us: sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
    p50_us: quantile(sorted, 0.5),
    p99_us: quantile(sorted, 0.99),
  };
}

/** The quantile of ascending values, between two of them by linear interpolation. */
function quantile(sorted: Float64Array, part: number): number {
  const at = part * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  const above = sorted[Math.ceil(at)]!;
  return below + (above - below) * (at - Math.floor(at));
}

/** The part of the first `k` true neighbours of each query that was found, averaged over the queries. */
export function recallOf(
  hits: readonly (readonly number[])[],
  truth: readonly (readonly number[])[],
  k: number,
): number {
  let found = 0;
  hits.forEach((rows, query) => {
    const wanted = new Set(truth[query]!.slice(0, k));
    found += rows.slice(0, k).filter((row) => wanted.has(row)).length / wanted.size;
  });
  return found / hits.length;
}
