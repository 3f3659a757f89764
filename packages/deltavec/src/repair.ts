import { describe, invalid } from "./errors.ts";
import type { Instance } from "./instance.ts";
import type { RepairOptions, RepairStats } from "./types.ts";

/** Vectors that are linked between two looks at the clock: one takes 0.2 ms with 384 values, 0.4 ms with 1,536. */
const SLICE = 1;

/** `DeltaVectorDB.repair`: as long as the options say, or until nothing is queued. */
export function repair(instance: Instance, options: RepairOptions): RepairStats {
  const end = performance.now() + budgetOf(options);
  instance.check(); // the options may have had getters
  const before = instance.pending;
  const over = (): boolean => performance.now() >= end;
  const pending = over() ? before : repairUntil(instance, over);
  return { repaired: before - pending, pending };
}

/**
 * Links queued vectors, some at least, until none is left or the time is over. Returns how many are left.
 *
 * @param over - tells whether the time is over
 */
export function repairUntil(instance: Instance, over: () => boolean): number {
  let pending = instance.pending;
  while (pending > 0) {
    pending = instance.repair(SLICE);
    if (over()) {
      break;
    }
  }
  return pending;
}

/** Checks how long a repair may take. Returns milliseconds, or infinity. */
function budgetOf(options: RepairOptions): number {
  if (typeof options !== "object" || options === null) {
    throw invalid(`options must be an object, not ${describe(options)}`);
  }
  const { budgetMs = Number.POSITIVE_INFINITY } = options;
  if (typeof budgetMs !== "number" || !(budgetMs >= 0)) {
    throw invalid(`options.budgetMs must be a number of 0 or more, not ${describe(budgetMs)}`);
  }
  return budgetMs;
}
