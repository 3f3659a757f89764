import type { VectorDelta } from "deltavec";

/** A delta as JSON, with plain arrays for typed ones. */
export function toJson(delta: VectorDelta): string {
  return JSON.stringify(delta, (_, value: unknown) =>
    ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value,
  );
}

/** A delta back from its JSON. */
export function fromJson(text: string): VectorDelta {
  const delta = JSON.parse(text) as VectorDelta;
  const operation = delta.operation;
  if (operation.type === "sparse") {
    operation.indices = Uint32Array.from(operation.indices);
    operation.values = Float32Array.from(operation.values);
  } else if (operation.type === "dense") {
    operation.vector = Float32Array.from(operation.vector);
  }
  return delta;
}
