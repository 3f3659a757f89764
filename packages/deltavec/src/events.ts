import type { DeltaEvent, DeltaListener } from "./types.ts";

interface Subscription {
  readonly listener: DeltaListener;
  /** Number of the first event it gets. */
  readonly from: number;
  active: boolean;
}

/**
 * Delivers events to subscribers: synchronously, each event to all subscribers before the next, in the order of
 * {@link emit}. What is emitted while an event is being delivered waits for its turn.
 */
export class EventHub {
  readonly #onError: ((error: unknown) => void) | undefined;
  /** Replaced, never changed, so that a delivery can go on over it. */
  #subscriptions: readonly Subscription[] = [];
  /** Events that wait; empty but during a delivery. */
  #queue: DeltaEvent[] = [];
  /** Events emitted so far: the number of the next one. */
  #emitted = 0;
  #delivering = false;

  /** @param onError - told what a listener threw; by default that is reported as an uncaught error is */
  constructor(onError?: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Whether anybody listens. */
  get active(): boolean {
    return this.#subscriptions.length > 0;
  }

  /** Adds a subscriber for what is emitted from now on. Returns what ends the subscription. */
  subscribe(listener: DeltaListener): () => void {
    const subscription: Subscription = { listener, from: this.#emitted, active: true };
    this.#subscriptions = [...this.#subscriptions, subscription];
    return () => {
      subscription.active = false;
      this.#subscriptions = this.#subscriptions.filter((other) => other !== subscription);
    };
  }

  /** Delivers events, or leaves them to the delivery that is going on. */
  emit(events: readonly DeltaEvent[]): void {
    for (const event of events) {
      this.#queue.push(event);
    }
    this.#emitted += events.length;
    if (this.#delivering) {
      return;
    }
    this.#delivering = true;
    try {
      for (let i = 0; i < this.#queue.length; i++) {
        this.#deliver(this.#queue[i], this.#emitted - this.#queue.length + i);
      }
    } finally {
      this.#queue = [];
      this.#delivering = false;
    }
  }

  /** Ends all subscriptions, also for events that wait. */
  close(): void {
    for (const subscription of this.#subscriptions) {
      subscription.active = false;
    }
    this.#subscriptions = [];
  }

  #deliver(event: DeltaEvent, number: number): void {
    for (const subscription of this.#subscriptions) {
      if (subscription.active && subscription.from <= number) {
        try {
          const result: unknown = subscription.listener(event);
          if (result instanceof Promise) {
            result.catch((error) => this.#report(error));
          }
        } catch (error) {
          this.#report(error);
        }
      }
    }
  }

  #report(error: unknown): void {
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
