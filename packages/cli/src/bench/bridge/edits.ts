import type { VectorDelta } from "deltavec";
import { Random } from "../../random.ts";
import type { ChurnData } from "../churn/vectors.ts";
import { SPARSE_VALUES, vectorId } from "../protocol.ts";

/** How far edits move a value of a vector of unit length, in the mean. */
export const STEPS = {
  /** So little that the index has nothing to link anew: 500 edits move a vector by a tenth of its length, at most. */
  small: 0.00005,
  /** As in `bench adr`: by 0.09 of the length, so that about each fourth edit has its vector linked anew. */
  large: 0.02,
} as const;

/** Choices of values that edits assign. */
const CHOICES = 4096;

/** Makes sparse deltas to vectors drawn at random: {@link SPARSE_VALUES} of their values, moved a little. */
export class Edits {
  readonly #vectors: readonly Float32Array[];
  readonly #ids: readonly string[];
  readonly #choices: readonly Uint32Array<ArrayBuffer>[];
  readonly #step: number;
  readonly #random: Random;

  /** @param n - vectors of the data that are edited */
  constructor(data: ChurnData, n: number, seed: number, step: keyof typeof STEPS = "small") {
    const random = new Random(seed);
    this.#random = random;
    this.#step = STEPS[step];
    this.#vectors = data.vectors(n);
    this.#ids = Array.from({ length: n }, (_, i) => vectorId(i));
    this.#choices = Array.from(
      { length: CHOICES },
      () => random.distinct(SPARSE_VALUES, data.dimensions) as Uint32Array<ArrayBuffer>,
    );
  }

  /** Makes deltas, each of other values. These are views of one block, so that many take little memory. */
  make(count: number): VectorDelta[] {
    const random = this.#random;
    const step = this.#step;
    const block = new Float32Array(count * SPARSE_VALUES);
    return Array.from({ length: count }, (_, d) => {
      const index = random.below(this.#ids.length);
      const vector = this.#vectors[index]!;
      const indices = this.#choices[random.below(CHOICES)]!;
      const values = block.subarray(d * SPARSE_VALUES, (d + 1) * SPARSE_VALUES);
      indices.forEach((at, i) => {
        values[i] = vector[at]! + step * random.gaussian();
      });
      return { vectorId: this.#ids[index]!, operation: { type: "sparse", indices, values } };
    });
  }
}
