import type { EngineName } from "../../engine/engine.ts";
import { type Bar, measured, missedOf } from "../bars.ts";
import type { KillFigures, StorageResults } from "./protocol.ts";

/** What was measured of the parts on one engine. */
export type StorageFigures = Partial<StorageResults>;

/** All bars of `bench storage`, of Chromium unless said; `bench/README.md` defines them. */
export const STORAGE_BARS: readonly Bar[] = [
  { name: "export_ms", what: "export", unit: "ms", limit: 30 },
  { name: "import_ms", what: "import, index and history", unit: "ms", limit: 30 },
  {
    name: "export_bytes_ratio",
    what: "its bytes without history",
    unit: "x",
    limit: 1.12,
    digits: 3,
  },
  {
    name: "import_changed_results",
    what: "searches that import changed",
    unit: "",
    limit: 0,
    digits: 0,
  },
  { name: "open_opfs_ms", what: "open, opfs", unit: "ms", limit: 60 },
  { name: "open_opfs_bare_ms", what: "without history", unit: "ms" },
  { name: "open_opfs_tail_ms", what: "with a tail, less 1 ms per 1,000", unit: "ms", limit: 60 },
  { name: "open_node_ms", what: "open, files, Node", unit: "ms", limit: 60 },
  { name: "open_jvm_ms", what: "open, files, JVM", unit: "ms", limit: 30 },
  {
    name: "relaxed_slowdown",
    what: "relaxed log, to memory alone",
    unit: "x",
    limit: 1.1,
    digits: 3,
  },
  {
    name: "strict_share",
    what: "strict, part of raw flushes",
    unit: "",
    limit: 0.5,
    atLeast: true,
  },
  {
    name: "one_change_bytes",
    what: "written for one change",
    unit: "B",
    limit: 65_536,
    digits: 0,
  },
  { name: "kills", what: "kills", unit: "", digits: 0 },
  { name: "kills_lost", what: "kills that lost something", unit: "", limit: 0, digits: 0 },
];

/**
 * The figures of the bars, of the parts that were measured.
 *
 * @param main - the engine whose figures are those that name none: Chromium, Node if that was not measured
 */
export function storageFigures(
  engines: Partial<Record<EngineName, StorageFigures>>,
  main: EngineName,
  kills: KillFigures | undefined,
): Record<string, number> {
  const { export: exported, open, relaxed, strict, change } = engines[main] ?? {};
  const opfs = main === "chromium" ? open : undefined;
  const figures: Record<string, number | undefined> = {
    export_ms: exported?.export_ms.median,
    import_ms: exported?.import_ms.median,
    export_bytes_ratio: exported?.bytes_ratio,
    import_changed_results: exported?.changed_results,
    open_opfs_ms: opfs?.history_ms.median,
    open_opfs_bare_ms: opfs?.open_ms.median,
    open_opfs_tail_ms: opfs && opfs.tail_ms.median - opfs.tail / 1000,
    open_node_ms: engines.node?.open?.history_ms.median,
    open_jvm_ms: engines.jvm?.open?.history_ms.median,
    relaxed_slowdown: relaxed && Math.max(relaxed.batches.median, relaxed.calls.median),
    strict_share: strict?.share.median,
    one_change_bytes: change?.change_bytes.median,
    kills: kills?.kills,
    kills_lost: kills?.lost,
  };
  return measured(STORAGE_BARS, figures);
}

/** The names of the bars that are missed. */
export function missed(figures: Readonly<Record<string, number>>): string[] {
  return missedOf(STORAGE_BARS, figures);
}
