/** A time as WASI gives it. */
export interface Datetime {
  /** Since 1970. */
  readonly seconds: bigint;
  /** Below a billion. */
  readonly nanoseconds: number;
}

const NANOSECONDS = 1_000_000;

/**
 * Makes a `wasi:clocks/wall-clock` of a clock. What it does not resolve, less than a millisecond, is random: the component draws
 * the default of `replica` from it.
 *
 * @param now - gives Unix milliseconds, 0 or more
 */
export function wallClock(now: () => number): { now(): Datetime } {
  return {
    now() {
      const time = Math.floor(now());
      const random = Math.floor(Math.random() * NANOSECONDS); // every delta asks: it must be cheap
      return {
        seconds: BigInt(Math.floor(time / 1000)),
        nanoseconds: (time % 1000) * NANOSECONDS + random,
      };
    },
  };
}
