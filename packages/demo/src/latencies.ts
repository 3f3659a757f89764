import { type Signal, signal } from "@preact/signals";

/** What is timed: a search, there and back; a delta, likewise; and from a key to the results, without the model. */
export type Timed = "search" | "apply" | "typing";

/** How many of each are kept. */
const KEPT = 1000;

/** The newest durations of each kind, in milliseconds. */
export class Latencies {
  readonly #lists: Record<Timed, number[]> = { search: [], apply: [], typing: [] };
  /** Counts what was added. */
  readonly version: Signal<number> = signal(0);

  add(kind: Timed, ms: number): void {
    const list = this.#lists[kind];
    list.push(ms);
    if (list.length > KEPT) {
      list.shift();
    }
    this.version.value++;
  }

  /** How many there are. */
  count(kind: Timed): number {
    return this.#lists[kind].length;
  }

  /** The duration that a share of them do not exceed; undefined if there is none. */
  quantile(kind: Timed, share: number): number | undefined {
    const sorted = this.#lists[kind].toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  }

  /** How many lie below each bound, and not below the one before; the last count is of those above all. */
  histogram(kind: Timed, bounds: readonly number[]): number[] {
    const counts = new Array<number>(bounds.length + 1).fill(0);
    for (const ms of this.#lists[kind]) {
      const place = bounds.findIndex((bound) => ms < bound);
      counts[place < 0 ? bounds.length : place]!++;
    }
    return counts;
  }
}
