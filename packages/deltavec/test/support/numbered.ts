import type { VectorDelta } from "../../src/types.ts";
import { Random } from "./random.ts";

/** How many values deltas have, at most. */
const SIZES = [4, 20, 60, 400];

/** Value `i` of delta `number`: 16 bits that depend on both. */
function contentOf(number: number, i: number): number {
  const mixed = Math.imul(number + 1, 0x9e37_79b1) + Math.imul(i + 1, 0x85eb_ca6b);
  return (mixed >>> 9) & 0xffff;
}

/** Says how many values each delta has: the same seed, the same sizes. */
class Sizes {
  readonly #random: Random;
  readonly #most: number;

  constructor(seed: number, most: number) {
    this.#random = new Random(seed);
    this.#most = most;
  }

  /** Returns how many values the next delta has, 1 at least: the last one is a checksum. */
  next(): number {
    const limit = SIZES[this.#random.below(SIZES.length)];
    return 1 + this.#random.below(Math.min(limit, this.#most));
  }
}

/**
 * Makes deltas that carry their number and a checksum of their content, so that loss, doubling and tearing show. The same
 * objects serve for all: each is to be written before the next is made.
 */
export class NumberedDeltas {
  readonly #sizes: Sizes;
  readonly #arrays: Float32Array<ArrayBuffer>[] = [];
  readonly #indices: Uint32Array<ArrayBuffer>[] = [];
  readonly #dense = { type: "dense" as const, vector: new Float32Array(0) };
  readonly #sparse = {
    type: "sparse" as const,
    indices: new Uint32Array(0),
    values: new Float32Array(0),
  };
  #number = 0;

  /**
   * @param seed - of the sizes
   * @param most - the most values of a delta
   */
  constructor(seed: number, most = 400) {
    this.#sizes = new Sizes(seed, most);
  }

  next(): VectorDelta {
    const number = this.#number++;
    const count = this.#sizes.next();
    this.#arrays[count] ??= new Float32Array(count);
    const values = this.#arrays[count];
    let sum = 0;
    for (let i = 0; i < count - 1; i++) {
      values[i] = contentOf(number, i);
      sum = (sum + values[i]) & 0xff_ffff;
    }
    values[count - 1] = sum;
    const vectorId = String(number);
    if (number % 3 !== 0) {
      this.#dense.vector = values;
      return { vectorId, operation: this.#dense };
    }
    this.#indices[count] ??= Uint32Array.from({ length: count }, (_, i) => 2 * i);
    this.#sparse.indices = this.#indices[count];
    this.#sparse.values = values;
    return { vectorId, operation: this.#sparse };
  }
}

/** Checks that the deltas of {@link NumberedDeltas} come, all of them, once, whole, and in order. */
export class NumberedChecker {
  /** How many came as they should. */
  seen = 0;
  readonly #sizes: Sizes;

  /** The arguments are those that the deltas are made with. */
  constructor(seed: number, most = 400) {
    this.#sizes = new Sizes(seed, most);
  }

  /** Checks frames; throws at the first that is not what should come. */
  check(frames: Uint8Array, count: number): void {
    const view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
    let at = 0;
    for (let i = 0; i < count; i++) {
      const length = view.getUint32(at, true) & 0xff_ffff;
      this.#one(view, at, length);
      at += length;
      this.seen++;
    }
    if (at !== frames.length) {
      throw new Error(`${count} frames have ${at} of ${frames.length} bytes`);
    }
  }

  #one(view: DataView, start: number, length: number): void {
    const number = this.seen;
    const fail = (what: string) => {
      throw new Error(`delta ${number}: ${what}`);
    };
    const kind = view.getUint8(start + 8);
    const idBytes = view.getUint8(start + 9);
    let at = start + 10;
    let found = 0;
    for (let i = 0; i < idBytes; i++) {
      found = 10 * found + view.getUint8(at++) - 48;
    }
    if (found !== number) {
      fail(`number ${found} came`);
    }
    if (kind !== (number % 3 === 0 ? 2 : 3)) {
      fail(`kind ${kind}`);
    }
    const wanted = this.#sizes.next();
    let count = view.getUint8(at++);
    if (count > 127) {
      count += (view.getUint8(at++) - 1) * 128;
    }
    if (count !== wanted) {
      fail(`${count} values, not ${wanted}`);
    }
    if (kind === 2) {
      for (let i = 0; i < count; i++) {
        if (view.getUint8(at++) !== (i === 0 ? 0 : 1)) {
          fail(`index ${i}`);
        }
      }
    }
    let sum = 0;
    for (let i = 0; i < count - 1; i++, at += 4) {
      const value = view.getFloat32(at, true);
      if (value !== contentOf(number, i)) {
        fail(`value ${i} is ${value}`);
      }
      sum = (sum + value) & 0xff_ffff;
    }
    if (view.getFloat32(at, true) !== sum) {
      fail("checksum");
    }
    if (at + 4 !== start + length) {
      fail(`${length} bytes`);
    }
  }
}
