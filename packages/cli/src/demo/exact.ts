/**
 * All live vectors once more, in plain arrays, and exact search over them: the yardstick for recall, which shares
 * nothing with what it measures.
 */
export class ExactSearch {
  readonly #dimensions: number;
  readonly #slots = new Map<string, number>();
  readonly #free: number[] = [];
  /** Vectors of unit length; a free slot holds zeros. */
  #values: Float32Array;
  #used = 0;

  constructor(dimensions: number) {
    this.#dimensions = dimensions;
    this.#values = new Float32Array(1024 * dimensions);
  }

  /** Number of live vectors. */
  get size(): number {
    return this.#slots.size;
  }

  /** Adds or replaces a vector. */
  set(id: string, vector: Float32Array): void {
    let slot = this.#slots.get(id);
    if (slot === undefined) {
      slot = this.#free.pop() ?? this.#used++;
      this.#slots.set(id, slot);
    }
    const end = (slot + 1) * this.#dimensions;
    if (end > this.#values.length) {
      const grown = new Float32Array(2 * this.#values.length);
      grown.set(this.#values);
      this.#values = grown;
    }
    let square = 0;
    for (const value of vector) {
      square += value * value;
    }
    const scale = square === 0 ? 0 : 1 / Math.sqrt(square);
    for (let i = 0; i < vector.length; i++) {
      this.#values[slot * this.#dimensions + i] = vector[i]! * scale;
    }
  }

  /** Removes a vector. */
  delete(id: string): void {
    const slot = this.#slots.get(id);
    if (slot !== undefined) {
      this.#slots.delete(id);
      this.#free.push(slot);
    }
  }

  /** Cosine similarity of a query of unit length to a live vector; -1 to one that is not there. */
  similarity(query: Float32Array, id: string): number {
    const slot = this.#slots.get(id);
    return slot === undefined ? -1 : this.#dot(query, slot);
  }

  /** The k-th highest similarity of live vectors to a query of unit length. O(size x dimensions) */
  kth(query: Float32Array, k: number): number {
    const best = new Float64Array(Math.min(k, this.size)).fill(-2);
    for (const slot of this.#slots.values()) {
      const similarity = this.#dot(query, slot);
      if (similarity > best[0]!) {
        // Ascending: drop the worst, move up what is below the new one.
        let i = 0;
        for (; i + 1 < best.length && best[i + 1]! < similarity; i++) {
          best[i] = best[i + 1]!;
        }
        best[i] = similarity;
      }
    }
    return best[0] ?? -1;
  }

  #dot(query: Float32Array, slot: number): number {
    const values = this.#values;
    const from = slot * this.#dimensions;
    const length = this.#dimensions;
    // Four sums: the additions need not wait for one another.
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    let i = 0;
    for (; i + 3 < length; i += 4) {
      a += query[i]! * values[from + i]!;
      b += query[i + 1]! * values[from + i + 1]!;
      c += query[i + 2]! * values[from + i + 2]!;
      d += query[i + 3]! * values[from + i + 3]!;
    }
    for (; i < length; i++) {
      a += query[i]! * values[from + i]!;
    }
    return a + b + (c + d);
  }
}

/** How much closer an exact neighbour must be to count as missed: what float32 sums may differ. */
const ROUNDING = 1e-5;

/**
 * The part of the `k` nearest that a result holds. A vector as close as the k-th nearest counts, so that of equals
 * either will do.
 */
export function recall(
  exact: ExactSearch,
  query: Float32Array,
  ids: readonly string[],
  k: number,
): number {
  const wanted = Math.min(k, exact.size);
  const bound = exact.kth(query, k) - ROUNDING;
  const found = ids.slice(0, wanted).filter((id) => exact.similarity(query, id) >= bound);
  return wanted === 0 ? 1 : new Set(found).size / wanted;
}
