/** Queries that are held against a row at a time: their sums need not wait for one another. */
const BLOCK = 8;
/** What sums of float64 may differ by when two vectors are equally close. */
const ROUNDING = 1e-9;

interface Row {
  readonly vector: Float32Array;
  /** 1 by the vector's length; 0 for a vector without length. */
  readonly scale: number;
}

/** How close the k-th nearest of each query is. */
export interface Truth {
  readonly bounds: Float64Array;
  /** How many vectors a complete result has. */
  readonly wanted: number;
}

/**
 * The vectors that a database should hold, and exact search by cosine over them in float64: the yardstick for recall,
 * which shares nothing with what it measures.
 */
export class ExactRows {
  readonly #rows = new Map<string, Row>();

  get size(): number {
    return this.#rows.size;
  }

  /** The vectors by their ids: in the order in which the ids came. */
  *entries(): Generator<[string, Float32Array]> {
    for (const [id, { vector }] of this.#rows) {
      yield [id, vector];
    }
  }

  /** All ids, in the order in which they came. */
  ids(): string[] {
    return [...this.#rows.keys()];
  }

  has(id: string): boolean {
    return this.#rows.has(id);
  }

  /** A vector that is there. */
  get(id: string): Float32Array {
    return this.#rows.get(id)!.vector;
  }

  /** Adds or replaces a vector, which must not change any more. */
  set(id: string, vector: Float32Array): void {
    let square = 0;
    for (const value of vector) {
      square += value * value;
    }
    this.#rows.set(id, { vector, scale: square === 0 ? 0 : 1 / Math.sqrt(square) });
  }

  delete(id: string): void {
    this.#rows.delete(id);
  }

  /**
   * How close the `k`-th nearest of each query is among the vectors that pass. O(queries x vectors x dimensions)
   *
   * @param queries - of unit length
   */
  truth(
    queries: readonly Float32Array[],
    k: number,
    passes: (id: string) => boolean = () => true,
  ): Truth {
    const rows: Row[] = [];
    for (const [id, row] of this.#rows) {
      if (passes(id)) {
        rows.push(row);
      }
    }
    const wanted = Math.min(k, rows.length);
    const bounds = new Float64Array(queries.length);
    if (wanted === 0) {
      return { bounds, wanted };
    }
    const sums = new Float64Array(BLOCK);
    for (let from = 0; from < queries.length; from += BLOCK) {
      const size = Math.min(BLOCK, queries.length - from);
      const block = interleaved(queries.slice(from, from + size));
      const best = Array.from({ length: size }, () => new Float64Array(wanted).fill(-Infinity));
      for (const { vector, scale } of rows) {
        dots(block, vector, sums);
        for (let q = 0; q < size; q++) {
          insert(best[q]!, sums[q]! * scale);
        }
      }
      best.forEach((all, q) => {
        bounds[from + q] = all[0]!;
      });
    }
    return { bounds, wanted };
  }

  /**
   * The part of the nearest that a result holds. A vector as close as the last of them counts, so that of equals either
   * will do; one that is not there does not, nor does one that came before.
   *
   * @param query - the query of `truth` at `index`
   */
  recall(truth: Truth, index: number, query: Float32Array, ids: readonly string[]): number {
    if (truth.wanted === 0) {
      return 1;
    }
    const bound = truth.bounds[index]! - ROUNDING;
    const found = ids.slice(0, truth.wanted).filter((id) => this.similarity(query, id) >= bound);
    return new Set(found).size / truth.wanted;
  }

  /** Cosine of a query of unit length to a vector; negative infinity to one that is not there. */
  similarity(query: Float32Array, id: string): number {
    const row = this.#rows.get(id);
    if (row === undefined) {
      return -Infinity;
    }
    // In the order of `dots`, so that both give the same to the bit.
    let sum = 0;
    for (let i = 0; i < query.length; i++) {
      sum += query[i]! * row.vector[i]!;
    }
    return sum * row.scale;
  }
}

/** Value i of each query, then value i + 1; zeros for the queries that are missing. */
function interleaved(queries: readonly Float32Array[]): Float64Array {
  const block = new Float64Array(BLOCK * queries[0]!.length);
  queries.forEach((query, q) => {
    for (let i = 0; i < query.length; i++) {
      block[i * BLOCK + q] = query[i]!;
    }
  });
  return block;
}

function dots(block: Float64Array, vector: Float32Array, sums: Float64Array): void {
  let [a, b, c, d, e, f, g, h] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0, at = 0; i < vector.length; i++, at += BLOCK) {
    const value = vector[i]!;
    a += block[at]! * value;
    b += block[at + 1]! * value;
    c += block[at + 2]! * value;
    d += block[at + 3]! * value;
    e += block[at + 4]! * value;
    f += block[at + 5]! * value;
    g += block[at + 6]! * value;
    h += block[at + 7]! * value;
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
  sums[4] = e;
  sums[5] = f;
  sums[6] = g;
  sums[7] = h;
}

/** Puts a value among the largest, which are ascending, if it belongs to them. */
function insert(best: Float64Array, value: number): void {
  if (value <= best[0]!) {
    return;
  }
  let i = 0;
  for (; i + 1 < best.length && best[i + 1]! < value; i++) {
    best[i] = best[i + 1]!;
  }
  best[i] = value;
}
