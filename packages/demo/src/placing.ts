import { DIMENSIONS, type Prepared } from "./prepared.ts";

/** Where points are on the map: those that were laid out at the build, and by the linear map what has come or moved since. */
export class Placing {
  readonly #map: Float32Array;
  readonly #points = new Map<string, readonly [number, number]>();
  /** What the linear map says of a vector when it is first seen. */
  readonly #origins = new Map<string, readonly [number, number]>();

  /** @param values - `map.f32`: the linear map, and the points of seeds and of what the stream adds */
  constructor(values: Float32Array, { seeds, added }: Prepared) {
    const at = 2 * DIMENSIONS + 2;
    this.#map = values.subarray(0, at);
    [...seeds.map(([id]) => id), ...added].forEach((id, i) => {
      this.#points.set(id, [values[at + 2 * i]!, values[at + 2 * i + 1]!]);
    });
  }

  /** The point that was laid out for a text of the start. */
  laidOut(id: string): readonly [number, number] {
    return this.#points.get(id) ?? [0, 0];
  }

  /** What the linear map says of a vector. */
  linear(vector: Float32Array): readonly [number, number] {
    const map = this.#map;
    let x = map[2 * DIMENSIONS]!;
    let y = map[2 * DIMENSIONS + 1]!;
    for (let i = 0; i < DIMENSIONS; i++) {
      x += vector[i]! * map[i]!;
      y += vector[i]! * map[DIMENSIONS + i]!;
    }
    return [x, y];
  }

  /** Notes what a vector was first, from where it moves. */
  begin(id: string, vector: Float32Array): void {
    if (!this.#origins.has(id)) {
      this.#origins.set(id, this.linear(vector));
    }
  }

  /** Where a vector's point is: as far from where it was laid out as the linear map says that it has moved. */
  place(id: string, vector: Float32Array): readonly [number, number] {
    const [x, y] = this.linear(vector);
    const laid = this.#points.get(id);
    const origin = this.#origins.get(id);
    return laid === undefined || origin === undefined
      ? [clamp(x), clamp(y)]
      : [clamp(laid[0] + x - origin[0]), clamp(laid[1] + y - origin[1])];
  }
}

function clamp(value: number): number {
  return Math.max(-1.05, Math.min(1.05, value));
}
