import { readMatrix, row, type Source } from "../data/source.ts";

/**
 * The rows closest to each query among the first `n`, closest first: from `gt-<n>.i32` where the data set has it, else
 * computed. O(queries x n x dimensions) then: some seconds for 10,000.
 *
 * @param has - whether the data set holds a file
 * @param k - neighbours of each query
 */
export async function groundTruth(
  source: Source,
  has: (name: string) => boolean,
  n: number,
  k: number,
): Promise<number[][]> {
  const queries = await readMatrix(source, "wordnet-384-query.f32");
  const name = `gt-${n}.i32`;
  if (has(name)) {
    const bytes = (await source.read(name)).slice();
    const rows = new Int32Array(bytes.buffer);
    const width = rows.length / queries.rows;
    if (!Number.isInteger(width) || width < k) {
      throw new Error(`${name} does not hold ${k} or more neighbours of ${queries.rows} queries`);
    }
    return Array.from({ length: queries.rows }, (_, i) =>
      Array.from(rows.subarray(i * width, i * width + k)),
    );
  }
  const base = await readMatrix(source, "wordnet-384-base.f32");
  const norms = Float64Array.from({ length: n }, (_, i) =>
    Math.sqrt(dot(row(base, i), row(base, i))),
  );
  return Array.from({ length: queries.rows }, (_, q) => {
    const query = row(queries, q);
    const similarity = Float64Array.from(
      { length: n },
      (_, i) => dot(row(base, i), query) / norms[i]!,
    );
    return Array.from(similarity.keys())
      .sort((a, b) => similarity[b]! - similarity[a]! || a - b)
      .slice(0, k);
  });
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    sum += a[i]! * b[i]!;
  }
  return sum;
}
