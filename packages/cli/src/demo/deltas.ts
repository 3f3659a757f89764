import type { VectorDelta } from "deltavec";
import { type CarriedData, type Edit, textId } from "../data/carried.ts";
import { type Matrix, row } from "../data/source.ts";

/** The vectors of the start: all texts, and the glosses of WordNet 3.0 that are about to change. */
export function startingDeltas(data: CarriedData): VectorDelta[] {
  const deltas: VectorDelta[] = data.texts.map((_, i) => ({
    vectorId: textId(i),
    operation: { type: "create", vector: row(data.vectors, i) },
  }));
  for (const edit of data.glosses.slice(0, data.oldGlosses)) {
    deltas.push(toDelta(edit, data.glossVectors, undefined));
  }
  return deltas;
}

/** The edits to replay, in order: first the glosses, which one can read, then the revisions. */
export function replayedEdits(data: CarriedData, limit: number): Edit[] {
  return [...data.glosses.slice(data.oldGlosses), ...data.revisions].slice(0, limit);
}

/** The edits as deltas. An update that left the vector as it was becomes a delta of metadata only. */
export function replayedDeltas(data: CarriedData, edits: readonly Edit[]): VectorDelta[] {
  const current = new Map<string, Float32Array>();
  for (const edit of data.glosses.slice(0, data.oldGlosses)) {
    current.set(edit.id, row(data.glossVectors, edit.row));
  }
  return withCurrent(
    edits,
    (edit) => (edit.time === undefined ? data.glossVectors : data.revisionVectors),
    current,
  );
}

/** A stream of edits as deltas, from the start; otherwise as {@link replayedDeltas}. */
export function editDeltas(edits: readonly Edit[], vectors: Matrix): VectorDelta[] {
  return withCurrent(edits, () => vectors, new Map());
}

function withCurrent(
  edits: readonly Edit[],
  vectorsOf: (edit: Edit) => Matrix,
  current: Map<string, Float32Array>,
): VectorDelta[] {
  return edits.map((edit) => {
    const vectors = vectorsOf(edit);
    const delta = toDelta(edit, vectors, current.get(edit.id));
    if (edit.kind === "delete") {
      current.delete(edit.id);
    } else {
      current.set(edit.id, row(vectors, edit.row));
    }
    return delta;
  });
}

function toDelta(edit: Edit, vectors: Matrix, before: Float32Array | undefined): VectorDelta {
  const time = edit.time === undefined ? {} : { timestamp: new Date(edit.time * 1000) };
  if (edit.kind === "delete") {
    return { vectorId: edit.id, operation: { type: "delete" }, ...time };
  }
  const vector = row(vectors, edit.row);
  const metadata = { version: edit.version };
  if (edit.kind === "create") {
    return { vectorId: edit.id, operation: { type: "create", vector }, metadata, ...time };
  }
  if (before?.every((value, i) => value === vector[i])) {
    const nothing = { indices: new Uint32Array(0), values: new Float32Array(0) };
    return { vectorId: edit.id, operation: { type: "sparse", ...nothing }, metadata, ...time };
  }
  return { vectorId: edit.id, operation: { type: "dense", vector }, metadata, ...time };
}
