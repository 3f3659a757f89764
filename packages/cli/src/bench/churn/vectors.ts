import { type Edit, readRevisions } from "../../data/carried.ts";
import { type Matrix, readMatrix, row, type Source } from "../../data/source.ts";
import type { Random } from "../../random.ts";
import { Random as SeededRandom } from "../../random.ts";
import { QUERIES } from "./protocol.ts";

/** Noise of the vectors and queries that the data do not hold, by the length of those that they are made of. */
const BEYOND = 0.3;
/** Noise of a query beside the vector that it is a copy of. */
const BESIDE = 0.2;
/** Vectors of which the farthest is where a cluster goes. */
const TARGETS = 100;

/** The data of `bench churn`: as many vectors as are asked for. */
export class ChurnData {
  /** {@link QUERIES} queries of unit length. */
  readonly queries: readonly Float32Array[];
  /** The real stream of edits, and its vectors. */
  readonly edits: readonly Edit[];
  readonly edited: Matrix;
  readonly #base: Matrix;

  private constructor(base: Matrix, queries: Matrix, edits: readonly Edit[], edited: Matrix) {
    this.#base = base;
    this.edits = edits;
    this.edited = edited;
    this.queries = Array.from({ length: QUERIES }, (_, i) => repeated(queries, i));
  }

  /** Reads the data. */
  static async read(source: Source): Promise<ChurnData> {
    const base = await readMatrix(source, "wordnet-384-base.f32");
    const queries = await readMatrix(source, "wordnet-384-query.f32");
    const [edits, edited] = await readRevisions(source);
    return new ChurnData(base, queries, edits, edited);
  }

  /** Values of a vector. */
  get dimensions(): number {
    return this.#base.columns;
  }

  /** A vector of unit length: of the data, or beyond them a noisy copy of one of them, the same each time. */
  vector(index: number): Float32Array {
    return repeated(this.#base, index);
  }

  /** The first vectors. */
  vectors(count: number): Float32Array[] {
    return Array.from({ length: count }, (_, i) => this.vector(i));
  }
}

function repeated(matrix: Matrix, index: number): Float32Array {
  const vector = row(matrix, index % matrix.rows);
  return index < matrix.rows
    ? vector
    : normalised(noisy(vector, BEYOND, new SeededRandom(0x5eed + index)));
}

/** A vector with noise of so many times its length, in a random direction. */
export function noisy(vector: Float32Array, relative: number, random: Random): Float32Array {
  const noise = Float64Array.from(vector, () => random.gaussian());
  const scale = (relative * norm(vector)) / norm(noise);
  return vector.map((value, i) => value + scale * noise[i]!);
}

/** A vector of unit length in the direction of one that has a length. */
export function normalised(vector: Float32Array): Float32Array {
  const scale = 1 / norm(vector);
  return vector.map((value) => value * scale);
}

/** Queries of unit length beside vectors, which are drawn at random. */
export function beside(vectors: readonly Float32Array[], random: Random): Float32Array[] {
  return Array.from({ length: QUERIES }, () =>
    normalised(noisy(vectors[random.below(vectors.length)]!, BESIDE, random)),
  );
}

/** Indices of the vectors by their distance from one of them, itself first. */
export function byDistance(vectors: readonly Float32Array[], from: Float32Array): number[] {
  const distances = Float64Array.from(vectors, (vector) => squaredDistance(vector, from));
  return Array.from(vectors.keys()).sort((a, b) => distances[a]! - distances[b]! || a - b);
}

/** A cluster of neighbours, and where it goes. */
export interface ClusterMove {
  readonly indices: readonly number[];
  /** The new vectors, of unit length, in the same order. */
  readonly moved: readonly Float32Array[];
}

/**
 * Moves a random vector and its nearest neighbours to the farthest of some random vectors.
 *
 * @param count - vectors that move
 */
export function moveCluster(
  vectors: readonly Float32Array[],
  count: number,
  random: Random,
): ClusterMove {
  const centre = vectors[random.below(vectors.length)]!;
  const indices = byDistance(vectors, centre).slice(0, count);
  const targets = Array.from({ length: TARGETS }, () => vectors[random.below(vectors.length)]!);
  const target = targets[byDistance(targets, centre).at(-1)!]!;
  const moved = indices.map((index) =>
    normalised(vectors[index]!.map((value, i) => value + target[i]! - centre[i]!)),
  );
  return { indices, moved };
}

/**
 * The order of the deletes and creates that replace `n` vectors, in random order.
 *
 * @param spread - how many more or fewer than `n` live at a time
 */
export function* turnoverSteps(
  n: number,
  spread: number,
  random: Random,
): Generator<"create" | "delete"> {
  let created = 0;
  let deleted = 0;
  while (created < n || deleted < n) {
    const more = created - deleted;
    const create =
      deleted === n || more <= -spread || (created < n && more < spread && random.next() < 0.5);
    if (create) {
      created++;
    } else {
      deleted++;
    }
    yield create ? "create" : "delete";
  }
}

/** A list in random order (Fisher and Yates). */
export function shuffled<T>(list: readonly T[], random: Random): T[] {
  const all = [...list];
  for (let i = all.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all;
}

/**
 * The least `efSearch` that reaches a recall, which grows with it.
 *
 * @param recallAt - recall with a value of `efSearch`
 * @param least - the least value to try
 * @param most - the value to take if none below it will do
 */
export function leastEf(
  recallAt: (ef: number) => number,
  recall: number,
  least: number,
  most: number,
): number {
  let below = least - 1;
  let enough = least;
  while (enough < most && recallAt(enough) < recall) {
    below = enough;
    enough = Math.min(2 * enough, most);
  }
  while (enough - below > 1) {
    const middle = (below + enough) >> 1;
    if (recallAt(middle) < recall) {
      below = middle;
    } else {
      enough = middle;
    }
  }
  return enough;
}

function norm(vector: Float32Array | Float64Array): number {
  let square = 0;
  for (const value of vector) {
    square += value * value;
  }
  return Math.sqrt(square);
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = a[i]! - b[i]!;
    sum += difference * difference;
  }
  return sum;
}
