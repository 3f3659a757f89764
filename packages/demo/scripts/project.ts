import { Matrix, solve } from "ml-matrix";
import { UMAP } from "umap-js";
import { Random } from "../../cli/src/random.ts";

/** How much the linear map is held back from following single points. */
const RIDGE = 0.5;

/** A map of vectors. */
export interface Projection {
  /** x and y of each vector, within -1 and 1. */
  readonly points: Float32Array;
  /** A linear map from vectors to points: the weights of x, those of y, and the two constants. */
  readonly map: Float32Array;
}

/**
 * Lays vectors of length 1 out on a plane, so that near ones come together (UMAP), and finds the linear map that comes
 * nearest to that: by it a point moves when its vector does.
 */
export function project(vectors: readonly Float32Array[]): Projection {
  const random = new Random(11);
  const rows = vectors.map((vector) => Array.from(vector));
  const umap = new UMAP({
    nComponents: 2,
    nNeighbors: 15,
    minDist: 0.25,
    spread: 1.2,
    nEpochs: 300,
    random: () => random.next(),
    distanceFn: (a, b) => {
      let dot = 0;
      for (let i = 0; i < a.length; i++) {
        dot += a[i]! * b[i]!;
      }
      return 1 - dot;
    },
  });
  const layout = centred(umap.fit(rows));

  const input = new Matrix(rows.map((values) => [...values, 1]));
  const output = new Matrix(layout);
  const transposed = input.transpose();
  const normal = transposed.mmul(input);
  const dimensions = rows[0]!.length;
  for (let i = 0; i < dimensions; i++) {
    normal.set(i, i, normal.get(i, i) + RIDGE);
  }
  const weights = solve(normal, transposed.mmul(output));
  const map = new Float32Array(2 * dimensions + 2);
  for (let i = 0; i < dimensions; i++) {
    map[i] = weights.get(i, 0);
    map[dimensions + i] = weights.get(i, 1);
  }
  map[2 * dimensions] = weights.get(dimensions, 0);
  map[2 * dimensions + 1] = weights.get(dimensions, 1);
  return { points: Float32Array.from(layout.flat()), map };
}

/** Moves and shrinks a layout, each axis by itself, so that all but a few outliers fill -1 to 1. */
function centred(layout: readonly (readonly number[])[]): number[][] {
  const axes = [0, 1].map((axis) => {
    const sorted = layout.map((point) => point[axis]!).sort((a, b) => a - b);
    const low = sorted[Math.floor(0.004 * sorted.length)]!;
    const high = sorted[Math.floor(0.996 * sorted.length)]!;
    return { middle: (low + high) / 2, half: (high - low) / 2 };
  });
  return layout.map((point) =>
    axes.map(({ middle, half }, axis) =>
      Math.max(-1, Math.min(1, (point[axis]! - middle) / (1.02 * half))),
    ),
  );
}
