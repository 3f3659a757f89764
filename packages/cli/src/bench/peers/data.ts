import { type Matrix, readMatrix, row, type Source } from "../../data/source.ts";
import type { Plan } from "./protocol.ts";

/** Plan and vectors of a run. */
export interface PeerData {
  readonly plan: Plan;
  readonly dimensions: number;
  readonly base: readonly Float32Array[];
  readonly queries: readonly Float32Array[];
  readonly edits: readonly Float32Array[];
  readonly far: readonly Float32Array[];
}

/** Reads what `prepare` wrote. */
export async function readPeerData(source: Source): Promise<PeerData> {
  const plan = JSON.parse(new TextDecoder().decode(await source.read("plan.json"))) as Plan;
  const base = await readMatrix(source, "base.f32");
  const [queries, edits, far] = await Promise.all(
    ["queries.f32", "edits.f32", "far.f32"].map((name) => readMatrix(source, name)),
  );
  return {
    plan,
    dimensions: base.columns,
    base: rows(base),
    queries: rows(queries!),
    edits: rows(edits!),
    far: rows(far!),
  };
}

function rows(matrix: Matrix): Float32Array[] {
  return Array.from({ length: matrix.rows }, (_, i) => row(matrix, i));
}
