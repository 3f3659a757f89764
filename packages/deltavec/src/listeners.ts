import { describe, invalid, requireSignal } from "./errors.ts";
import type {
  DeltaEvent,
  DeltaEventListener,
  DeltaEventObject,
  DeltaListener,
  DeltaListenerOptions,
} from "./types.ts";

/** Adds a subscriber for what comes from now on; returns what ends the subscription. */
type Subscribe = (listener: DeltaListener) => () => void;

/** The listeners for `"delta"`, as the DOM has them: each at most once, called in the order they were added. */
export class Listeners<Target> {
  readonly #target: Target;
  readonly #subscribe: Subscribe;
  /** What ends each listener. */
  readonly #ends = new Map<DeltaEventListener<Target>, () => void>();
  /** The event that was made last: all listeners get the same. */
  #event: DeltaEventObject<Target> | undefined;

  /**
   * @param target - the events' target
   * @param subscribe - where deltas come from
   */
  constructor(target: Target, subscribe: Subscribe) {
    this.#target = target;
    this.#subscribe = subscribe;
  }

  /** Adds a listener, unless it is there or its signal is aborted. */
  add(
    type: string,
    listener: DeltaEventListener<Target> | null,
    options: DeltaListenerOptions | boolean = {},
  ): void {
    requireDelta(type);
    if (listener === null) {
      return;
    }
    if (typeof listener !== "function" && typeof listener !== "object") {
      throw invalid(`listener must be a function or an object, not ${describe(listener)}`);
    }
    const { once = false, signal } = typeof options === "boolean" ? {} : (options ?? {});
    requireSignal(signal);
    if (this.#ends.has(listener) || signal?.aborted) {
      return;
    }
    const unsubscribe = this.#subscribe((delta) => {
      if (once) {
        end();
      }
      const event = this.#eventOf(delta);
      return typeof listener === "function"
        ? listener.call(this.#target, event)
        : listener.handleEvent(event);
    });
    const end = (): void => {
      unsubscribe();
      this.#ends.delete(listener);
      signal?.removeEventListener("abort", end);
    };
    this.#ends.set(listener, end);
    signal?.addEventListener("abort", end);
  }

  /** Removes a listener, if it is there. */
  remove(type: string, listener: DeltaEventListener<Target> | null): void {
    requireDelta(type);
    if (listener !== null) {
      this.#ends.get(listener)?.();
    }
  }

  #eventOf(detail: DeltaEvent): DeltaEventObject<Target> {
    if (this.#event?.detail !== detail) {
      const target = this.#target;
      this.#event = Object.freeze({ type: "delta", detail, target, currentTarget: target });
    }
    return this.#event;
  }
}

function requireDelta(type: unknown): void {
  if (type !== "delta") {
    throw invalid(`a database has events of type "delta" only, not ${describe(type)}`);
  }
}
