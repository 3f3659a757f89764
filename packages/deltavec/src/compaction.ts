import { toDate, toTime } from "./dates.ts";
import { describe, invalid } from "./errors.ts";
import { writeId } from "./frame.ts";
import type { Instance } from "./instance.ts";
import type { CompactionStats, CompactOptions } from "./types.ts";

/** The most deltas to keep that can be asked for by a number of 32 bits. */
const MAX_KEPT = 0x7fff_ffff;

/** `DeltaVectorDB.compact`: checks what is asked for, then compacts all vectors or some, one by one. */
export function compact(instance: Instance, options: CompactOptions): CompactionStats {
  const { before, keepLast, maxBytes, ids } = checkCompact(options);
  instance.check(); // the options may have had getters
  if (ids === undefined) {
    instance.compact(0, before, keepLast, maxBytes);
    return statsOf(instance);
  }
  // Compacting nothing finds out whether the vectors are known.
  instance.compact(0, 0, 0, -1);
  let total = statsOf(instance);
  for (const id of ids) {
    instance.compact(writeId(instance, id), 0, 0, -1);
  }
  for (const id of ids) {
    instance.compact(writeId(instance, id), before, keepLast, -1);
    const { chains, deltas, bytesAfter, horizon } = statsOf(instance);
    total = {
      chains: total.chains + chains,
      deltas: total.deltas + deltas,
      bytesBefore: total.bytesBefore,
      bytesAfter,
      horizon: later(total.horizon, horizon),
    };
  }
  return total;
}

/** Reads what a compaction put out. */
function statsOf(instance: Instance): CompactionStats {
  const { view, output } = instance;
  const at = 4 * output;
  return {
    chains: view.getUint32(at, true),
    deltas: view.getUint32(at + 4, true),
    bytesBefore: view.getFloat64(at + 8, true),
    bytesAfter: view.getFloat64(at + 16, true),
    horizon: toDate(view.getBigInt64(at + 24, true)),
  };
}

/** What of compaction options the module takes. */
interface Compaction {
  /** Unix milliseconds, or infinite. */
  readonly before: number;
  readonly keepLast: number;
  /** -1 for no limit. */
  readonly maxBytes: number;
  readonly ids: readonly string[] | undefined;
}

function checkCompact(options: CompactOptions): Compaction {
  if (typeof options !== "object" || options === null) {
    throw invalid(`options must be an object, not ${describe(options)}`);
  }
  const { before, keepLast, ids, maxBytes } = options;
  if (keepLast !== undefined && (!Number.isSafeInteger(keepLast) || keepLast < 0)) {
    throw invalid(`keepLast must be a whole number of 0 or more, not ${describe(keepLast)}`);
  }
  if (maxBytes !== undefined && (!Number.isSafeInteger(maxBytes) || maxBytes < 0)) {
    throw invalid(`maxBytes must be a whole number of 0 or more, not ${describe(maxBytes)}`);
  }
  if (ids !== undefined && !Array.isArray(ids)) {
    throw invalid(`ids must be an array, not ${describe(ids)}`);
  }
  if (ids !== undefined && maxBytes !== undefined) {
    throw invalid("maxBytes is of the whole log: it cannot be given with ids");
  }
  const onlyBytes = maxBytes !== undefined && before === undefined && keepLast === undefined;
  const unbounded = onlyBytes ? 0 : Number.POSITIVE_INFINITY;
  return {
    before: before === undefined ? unbounded : toTime(before, "before"),
    keepLast: Math.min(keepLast ?? 0, MAX_KEPT),
    maxBytes: maxBytes ?? -1,
    ids: ids === undefined ? undefined : [...ids],
  };
}

/** Returns the later of two dates. */
function later(a: Date | null, b: Date | null): Date | null {
  return a === null || (b !== null && b > a) ? b : a;
}
