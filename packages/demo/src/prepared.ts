/** What the build prepares and the page reads: shared by both. */

/** Values of every vector. */
export const DIMENSIONS = 384;

/** Steps of a value's grid to 1: with 128 of them the cosine to the exact vector is above 0.999. */
export const GRID = 128;

/** Bytes of a vector's floats: what sending it whole costs at least. */
export const VECTOR_BYTES: number = DIMENSIONS * Float32Array.BYTES_PER_ELEMENT;

/** When the texts of the start came in, Unix milliseconds: long before any edit. */
export const SEED_TIME: number = Date.UTC(2011, 5, 1);

/** An edit to replay. */
export interface StreamEdit {
  readonly id: string;
  readonly kind: "create" | "update" | "delete";
  readonly version: number;
  /** The new text; none for a delete. */
  readonly text?: string;
}

/** A part of the map, and words that are frequent there. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly label: string;
}

/** `prepared.json`. */
export interface Prepared {
  /** Name of the storage: another one for other data. */
  readonly storage: string;
  /** Id and text of every vector of the start, in the order of the map's points. */
  readonly seeds: readonly (readonly [id: string, text: string])[];
  /** Ids that the stream creates, in the order of the map's points behind those of the seeds. */
  readonly added: readonly string[];
  /** Texts whose vectors are in `known.f32`: questions first, then queries. */
  readonly questions: readonly string[];
  readonly queries: readonly string[];
  /** Edits to replay; vectors of creates and updates are in `stream.f32`, in this order. */
  readonly stream: readonly StreamEdit[];
  readonly regions: readonly Region[];
}
