import type { VectorDelta } from "deltavec";
import { frameBytes } from "../bench/plain-target.ts";
import { DIMENSIONS } from "../data/source.ts";
import { Random } from "../random.ts";

/** What a kind of delta costs on the wire. */
export interface Cost {
  readonly what: string;
  /** How many were looked at. */
  readonly count: number;
  /** Mean bytes of a frame. */
  readonly bytes: number;
}

/** Bytes of a vector's floats: what sending the whole vector costs at least. */
export const VECTOR_BYTES: number = DIMENSIONS * Float32Array.BYTES_PER_ELEMENT;

/** What the deltas of a stream cost, by kind and in all. */
export function streamCosts(deltas: readonly VectorDelta[]): { all: Cost; kinds: Cost[] } {
  const groups: [string, VectorDelta["operation"]["type"]][] = [
    ["create: a new text", "create"],
    ["dense: a text was edited", "dense"],
    ["metadata only: the vector stayed", "sparse"],
    ["delete", "delete"],
  ];
  return {
    all: cost("the stream as it is", deltas),
    kinds: groups
      .map(([what, type]) =>
        cost(
          what,
          deltas.filter(({ operation }) => operation.type === type),
        ),
      )
      .filter(({ count }) => count > 0),
  };
}

/** What edits of other kinds of vectors cost, one example each. */
export function otherCosts(): Cost[] {
  const random = new Random(7);
  const vectorId = "document-1234";
  const sparse = (what: string, count: number): Cost => {
    const indices = random.distinct(count, DIMENSIONS);
    const values = Float32Array.from(indices, () => random.gaussian() / Math.sqrt(DIMENSIONS));
    return cost(what, [{ vectorId, operation: { type: "sparse", indices, values } }]);
  };
  return [
    sparse("sparse: 5 % of the values (19)", 19),
    sparse("sparse: 1 value", 1),
    cost("scale: all values by one factor", [
      { vectorId, operation: { type: "scale", factor: 0.5 } },
    ]),
  ];
}

function cost(what: string, deltas: readonly VectorDelta[]): Cost {
  const bytes = deltas.reduce((sum, delta) => sum + frameBytes(delta), 0);
  return { what, count: deltas.length, bytes: deltas.length === 0 ? 0 : bytes / deltas.length };
}
