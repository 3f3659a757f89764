/** A small seeded generator (mulberry32, public domain): the same edits in every run. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 to 1, without 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to `bound`, without `bound`. */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** A number of the standard normal distribution (Box and Muller, 1958). */
  gaussian(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  /** `count` different whole numbers below `bound`, ascending (Floyd's algorithm, in Bentley 1987). */
  distinct(count: number, bound: number): Uint32Array {
    const chosen = new Set<number>();
    for (let i = bound - count; i < bound; i++) {
      const value = this.below(i + 1);
      chosen.add(chosen.has(value) ? i : value);
    }
    return Uint32Array.from(chosen).sort();
  }
}
