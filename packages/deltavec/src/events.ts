import type { DeltaEvent, DeltaListener, DeltaOrigin } from "./types.ts";

interface Subscription {
  readonly listener: DeltaListener;
  /** Position of the first delta it gets. */
  readonly from: number;
  readonly origin: DeltaOrigin | undefined;
  active: boolean;
}

/**
 * Delivers deltas to subscribers: synchronously, each delta to all subscribers before the next, in the order of their
 * positions. What is emitted while a delta is being delivered waits for its turn.
 */
export class EventHub {
  readonly #onError: ((error: unknown) => void) | undefined;
  /** Replaced, never changed, so that a delivery can go on over it. */
  #subscriptions: readonly Subscription[] = [];
  /** Deltas that wait; empty but during a delivery. */
  #queue: Iterable<DeltaEvent>[] = [];
  #delivering = false;

  /** @param onError - told what a listener threw; by default that is reported as an uncaught error is */
  constructor(onError?: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Whether anybody listens. */
  get active(): boolean {
    return this.#subscriptions.length > 0;
  }

  /**
   * Adds a subscriber.
   *
   * @param from - position of the first delta it gets
   * @param origin - of the deltas it gets; all without
   * @returns what ends the subscription
   */
  subscribe(listener: DeltaListener, from: number, origin?: DeltaOrigin): () => void {
    const subscription: Subscription = { listener, from, origin, active: true };
    this.#subscriptions = [...this.#subscriptions, subscription];
    return () => {
      subscription.active = false;
      this.#subscriptions = this.#subscriptions.filter((other) => other !== subscription);
    };
  }

  /**
   * Delivers deltas, or leaves them to the delivery that is going on.
   *
   * @param events - gone over once, one by one as they are delivered
   */
  emit(events: Iterable<DeltaEvent>): void {
    this.#queue.push(events);
    if (this.#delivering) {
      return;
    }
    this.#delivering = true;
    try {
      for (let i = 0; i < this.#queue.length; i++) {
        this.#deliverAll(this.#queue[i]);
      }
    } finally {
      this.#queue = [];
      this.#delivering = false;
    }
  }

  /** Calls one listener; what it throws is reported. */
  call(listener: DeltaListener, event: DeltaEvent): void {
    try {
      const result: unknown = listener(event);
      if (result instanceof Promise) {
        result.catch((error) => this.report(error));
      }
    } catch (error) {
      this.report(error);
    }
  }

  /** Ends all subscriptions, also for deltas that wait. */
  close(): void {
    for (const subscription of this.#subscriptions) {
      subscription.active = false;
    }
    this.#subscriptions = [];
  }

  #deliverAll(events: Iterable<DeltaEvent>): void {
    if (!this.active) {
      return;
    }
    try {
      for (const event of events) {
        for (const subscription of this.#subscriptions) {
          const { active, from, origin } = subscription;
          if (active && from <= event.position && (origin ?? event.origin) === event.origin) {
            this.call(subscription.listener, event);
          }
        }
        if (!this.active) {
          return;
        }
      }
    } catch (error) {
      this.report(error); // deltas that were to be read from the log are gone
    }
  }

  /** Tells what a listener threw, or why it gets no more. */
  report(error: unknown): void {
    if (this.#onError === undefined) {
      reportUncaught(error);
      return;
    }
    try {
      this.#onError(error);
    } catch (another) {
      reportUncaught(another);
    }
  }
}

function reportUncaught(error: unknown): void {
  if (typeof reportError === "function") {
    reportError(error);
  } else {
    console.error(error);
  }
}
