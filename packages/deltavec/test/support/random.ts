/** A seeded source of numbers (mulberry32): the same seed, the same numbers, on every engine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Returns a whole number of 32 bits. */
  bits(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** Returns a whole number from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor((this.bits() / 2 ** 32) * limit);
  }

  /** Returns a number that is about normally distributed. */
  normal(): number {
    let sum = -6;
    for (let i = 0; i < 12; i++) {
      sum += this.bits() / 2 ** 32;
    }
    return sum;
  }

  /** Returns a vector of such numbers. */
  vector(dimensions: number): Float32Array {
    return Float32Array.from({ length: dimensions }, () => this.normal());
  }
}
