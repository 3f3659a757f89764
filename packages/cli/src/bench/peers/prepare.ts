import { createHash } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Matrix, readMatrix, row, type Source } from "../../data/source.ts";
import { UsageError } from "../../errors.ts";
import { Random } from "../../random.ts";
import { noisy, normalised, shuffled } from "../churn/vectors.ts";
import { K, type Plan } from "./protocol.ts";

/** Noise of an edit by the length of the vector: old and new have a cosine of 0.945, as the median of the real edits. */
const NOISE = 0.35;

/** Parts of the vectors that are edited, replaced by others, and deleted. */
const EDITED = 0.1;
const FAR = 0.01;
const DELETED = 0.05;

/** The part of the vectors that is built to warm up, but no fewer than a hundred. */
const WARM = 0.2;

/**
 * Writes plan and vectors of a run into a folder below `kept`, if they are not there yet: all databases get the same bytes.
 *
 * @param n - vectors at the start; the source must have some more
 * @returns the folder
 * @throws UsageError if the source has too few vectors
 */
export async function preparePeers(source: Source, n: number, kept: string): Promise<string> {
  const base = await readMatrix(source, "wordnet-384-base.f32");
  const queries = await readMatrix(source, "wordnet-384-query.f32");
  const farCount = Math.ceil(FAR * n);
  if (base.rows < n + farCount) {
    throw new UsageError(
      `${n} vectors need ${n + farCount} in the data set, which has ${base.rows}`,
    );
  }
  const digest = createHash("sha256").update(base.values).update(queries.values);
  const folder = join(kept, `data-${n}-${digest.digest("hex").slice(0, 12)}`);
  const file = join(folder, "plan.json");
  if (existsSync(file)) {
    return folder;
  }
  mkdirSync(folder, { recursive: true });
  const random = new Random(0x9ee5);
  const order = shuffled(
    Array.from({ length: n }, (_, i) => i),
    random,
  );
  const editCount = Math.ceil(EDITED * n);
  const edits = order.slice(0, editCount);
  const far = order.slice(editCount, editCount + farCount);
  const deletes = order.slice(editCount + farCount, editCount + farCount + Math.ceil(DELETED * n));
  const rows: (Float32Array | undefined)[] = Array.from({ length: n }, (_, i) => row(base, i));
  const asked = Array.from({ length: queries.rows }, (_, i) => row(queries, i));

  const built = nearest(rows, asked, K);
  const edited = edits.map((i) => normalised(noisy(row(base, i), NOISE, random)));
  edits.forEach((i, at) => {
    rows[i] = edited[at]!;
  });
  const behindEdits = nearest(rows, asked, K);
  const moved = far.map((_, i) => row(base, n + i));
  far.forEach((i, at) => {
    rows[i] = moved[at]!;
  });
  const left = nearest(
    rows,
    far.map((i) => row(base, i)),
    K,
  );
  for (const i of deletes) {
    rows[i] = undefined;
  }
  const ended = nearest(rows, asked, K);

  writeRows(
    join(folder, "base.f32"),
    Array.from({ length: n }, (_, i) => row(base, i)),
  );
  writeRows(join(folder, "queries.f32"), asked);
  writeRows(join(folder, "edits.f32"), edited);
  writeRows(join(folder, "far.f32"), moved);
  const plan: Plan = {
    n,
    warm: Math.min(n, Math.max(100, Math.ceil(WARM * n))),
    edits,
    far,
    deletes,
    truth: { built, edited: behindEdits, ended },
    left,
  };
  // Last: what is there with it is complete.
  writeFileSync(file, JSON.stringify(plan));
  return folder;
}

/**
 * The rows of greatest cosine to each query, closest first; missing rows are none. O(queries x rows x dimensions)
 *
 * @param rows - of unit length
 */
export function nearest(
  rows: readonly (Float32Array | undefined)[],
  queries: readonly Float32Array[],
  k: number,
): number[][] {
  return queries.map((query) => {
    const best: number[] = [];
    const found: number[] = [];
    rows.forEach((vector, i) => {
      if (vector === undefined) {
        return;
      }
      const similarity = dot(query, vector);
      if (best.length === k && similarity <= best[k - 1]!) {
        return;
      }
      let at = best.findIndex((value) => value < similarity);
      at = at < 0 ? best.length : at;
      best.splice(at, 0, similarity);
      found.splice(at, 0, i);
      best.length = Math.min(best.length, k);
      found.length = best.length;
    });
    return found;
  });
}

function dot(a: Float32Array, b: Float32Array): number {
  let [even, odd] = [0, 0];
  for (let i = 0; i + 1 < a.length; i += 2) {
    even += a[i]! * b[i]!;
    odd += a[i + 1]! * b[i + 1]!;
  }
  return a.length % 2 === 0 ? even + odd : even + odd + a.at(-1)! * b.at(-1)!;
}

function writeRows(file: string, rows: readonly Float32Array[]): void {
  const width = rows[0]!.length;
  const all: Matrix["values"] = new Float32Array(rows.length * width);
  rows.forEach((values, i) => {
    all.set(values, i * width);
  });
  writeFileSync(file, new Uint8Array(all.buffer, all.byteOffset, all.byteLength));
}
