import type { EngineName } from "../engine/engine.ts";
import { type Bar, measured } from "./bars.ts";
import type { HistoryFigures } from "./history.ts";
import type { FrameCount, HistoryBytes, StreamBytes } from "./history-protocol.ts";

/** All bars of history; times are those of Chromium. */
export const HISTORY_BARS: readonly Bar[] = [
  { name: "get_at_us", what: "vector at a time", unit: "us", limit: 30 },
  { name: "recompose100_us", what: "100 deltas behind a checkpoint", unit: "us", limit: 60 },
  { name: "merge_per_s", what: "merge, all new", unit: "/s", limit: 200_000, atLeast: true },
  {
    name: "merge_late_per_s",
    what: "merge, one in ten late",
    unit: "/s",
    limit: 100_000,
    atLeast: true,
  },
  { name: "merge_late_ratio", what: "late, ratio of time to all new", unit: "x", limit: 2 },
  { name: "lossless_dense_bytes", what: "real stream, for each vector", unit: "B", limit: 1580 },
  { name: "sparse_bytes", what: "5 % of the values", unit: "B", limit: 130 },
  { name: "grid256_bytes", what: "real edit of a vector, grid 256", unit: "B", limit: 225 },
  { name: "grid474_bytes", what: "real edit of a vector, grid 474", unit: "B", limit: 265 },
  { name: "metadata_bytes", what: "metadata only", unit: "B", limit: 60 },
  {
    name: "grid256_cosine",
    what: "grid 256, least cosine",
    unit: "",
    limit: 0.9997,
    atLeast: true,
    digits: 6,
  },
  { name: "history_slowdown", what: "present, ratio to without history", unit: "x", limit: 1.05 },
];

/** Mean bytes of a frame, 0 if there are none. */
export function meanBytes(...counts: readonly FrameCount[]): number {
  const bytes = counts.reduce((sum, count) => sum + count.bytes, 0);
  const count = counts.reduce((sum, each) => sum + each.count, 0);
  return count === 0 ? 0 : bytes / count;
}

/** Mean bytes of an update of a text, whether its vector moves or not. */
export function updateBytes({ dense, metadata }: StreamBytes): number {
  return meanBytes(dense, metadata);
}

/** All bytes of a stream for each vector that it carries. */
export function bytesPerVector({ total, create, dense }: StreamBytes): number {
  return total / (create.count + dense.count);
}

/** The figures of the bars; times only if Chromium was measured. */
export function historyFigures(
  engines: Partial<Record<EngineName, HistoryFigures>>,
  bytes: HistoryBytes,
): Record<string, number> {
  const chromium = engines.chromium;
  const us = (operation: keyof HistoryFigures["times"]): number | undefined =>
    chromium?.times[operation].p50_us;
  const merge = us("merge");
  const late = us("merge_late");
  const all: Record<string, number | undefined> = {
    get_at_us: us("get_at"),
    recompose100_us: us("recompose_100"),
    merge_per_s: merge && 1e6 / merge,
    merge_late_per_s: late && 1e6 / late,
    merge_late_ratio: merge && late && late / merge,
    lossless_dense_bytes: bytesPerVector(bytes.lossless),
    sparse_bytes: bytes.sparse,
    grid256_bytes: meanBytes(bytes.grid256.dense),
    grid474_bytes: meanBytes(bytes.grid474.dense),
    metadata_bytes: bytes.metadata,
    grid256_cosine: bytes.grid256.minCosine,
    history_slowdown:
      chromium && Math.max(...Object.values(chromium.present).map(({ ratio }) => ratio)),
  };
  return measured(HISTORY_BARS, all);
}
