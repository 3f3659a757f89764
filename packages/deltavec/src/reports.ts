import type { Instance } from "./instance.ts";
import { QUANTIZATIONS } from "./options.ts";
import type { DeltaStats, IndexReport } from "./types.ts";

/** Returns what `dv_stats` gathers (docs/abi.md). */
export function readStats(instance: Instance): DeltaStats {
  instance.stats();
  const { view, output } = instance;
  const word = (offset: number): number => view.getUint32(4 * output + offset, true);
  const double = (offset: number): number => view.getFloat64(4 * output + offset, true);
  const recall = double(136);
  return {
    size: word(0),
    capacity: word(4),
    memoryBytes: double(8),
    usedBytes: double(16),
    vectorBytes: double(24),
    graphBytes: double(32),
    textBytes: double(40),
    mapBytes: double(48),
    deltas: double(56),
    historyBytes: double(72) + double(80),
    checkpointBytes: double(80),
    historyDeltas: word(88),
    checkpoints: word(92),
    maxLevel: word(64),
    stride: word(68),
    index: {
      pendingRepairs: word(104),
      linked: word(108),
      duplicates: word(112),
      zero: word(116),
      meanDrift: double(120),
      maxDrift: double(128),
      estimatedRecall: Number.isNaN(recall) ? null : recall,
      recallSamples: double(144),
      bytes: double(32) + double(152),
      codeBytes: double(152),
      quantization: QUANTIZATIONS[word(160)],
      keepFloats: word(164) === 1,
    },
    storage: instance.recorder?.stats() ?? null,
  };
}

/** Returns what `dv_check` finds (docs/abi.md). */
export function readReport(instance: Instance): IndexReport {
  instance.checkIndex();
  const { words, output } = instance;
  const [
    live,
    linked,
    duplicates,
    zero,
    pending,
    queued,
    unreachable,
    brokenLinks,
    asymmetric,
    badLevels,
    badEntry,
    badLists,
    firstBad,
  ] = words.slice(output, output + 13);
  const bad = unreachable + brokenLinks + asymmetric + badLevels + badEntry + badLists;
  return {
    ok: bad === 0 && linked + duplicates + zero + pending === live,
    live,
    linked,
    duplicates,
    zero,
    pending,
    queued,
    unreachable,
    brokenLinks,
    asymmetric,
    badLevels,
    badEntry,
    badLists,
    firstBad: idOf(instance, firstBad | 0),
  };
}

/** Returns the id of the live vector of a slot, or null if there is none. */
function idOf(instance: Instance, slot: number): string | null {
  if (slot < 0 || instance.rows(slot, 1) === 0) {
    return null;
  }
  const { words, output } = instance;
  return words[output] === slot ? instance.text(words[output + 1], words[output + 2]) : null;
}
