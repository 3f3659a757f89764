import type { Instance } from "./instance.ts";
import { repairUntil } from "./repair.ts";

/** How long one step takes where nobody says how long nothing else is to be done. */
const STEP_MS = 5;
/** What is left to everything else before a step and between two. */
const PAUSE_MS = 10;
/** Ends a step before the time for it is over, by what one more slice may take. */
const MARGIN_MS = 1;

/** What `requestIdleCallback` calls back with. */
interface Deadline {
  timeRemaining(): number;
}

/**
 * Repairs a database's search graph when nothing else is to be done: in idle time where the platform tells of it (pages
 * do), else by a timer that keeps no process alive. What waits to be called holds the database weakly.
 */
export class IdleRepair {
  readonly #instance: Instance;
  readonly #self: WeakRef<IdleRepair> = new WeakRef(this);
  /** Takes back the call that waits; undefined if none does. */
  #cancel: (() => void) | undefined;

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  /** Has a step of repair done later, unless one is going to be. */
  schedule(): void {
    try {
      this.#cancel ??= later(this.#self);
    } catch {
      // Where no timers are to be had, as in the global scope of some workers, there is no idle time.
    }
  }

  /** Does nothing more until {@link schedule} is called again. */
  cancel(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Repairs until there is no time left, and goes on later if there is more to do. */
  run(remaining: () => number): void {
    this.#cancel = undefined;
    if (!this.#instance.ready) {
      return;
    }
    try {
      if (repairUntil(this.#instance, () => remaining() <= MARGIN_MS) > 0) {
        this.schedule();
      }
    } catch {
      // No memory: the next write tries again. A fault: whoever calls next is told.
    }
  }
}

/** Calls an object's `run` when there is time, if it is still there. Returns what takes that back. */
function later(target: WeakRef<IdleRepair>): () => void {
  if (typeof requestIdleCallback === "function") {
    const id = requestIdleCallback((deadline: Deadline) =>
      target.deref()?.run(() => deadline.timeRemaining()),
    );
    return () => cancelIdleCallback(id);
  }
  const id: unknown = setTimeout(() => {
    const end = performance.now() + STEP_MS;
    target.deref()?.run(() => end - performance.now());
  }, PAUSE_MS);
  (id as { unref?: () => void }).unref?.();
  return () => clearTimeout(id as number);
}
