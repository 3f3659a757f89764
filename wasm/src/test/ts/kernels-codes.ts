/** What the kernels on codes compute (interface Kernels of the core), written down once more, as plain as can be. */

/** Lengths that rows are padded to. */
export const BLOCK = 16;
export const CODE_BLOCK = 32;
const RANGE = 2 ** 52;
const f = Math.fround;

export function padded(n: number, block: number): number {
  return Math.ceil(n / block) * block;
}

/** A row encoded, before it is written as bytes. */
export interface Encoded {
  readonly scale: number;
  /** Of the padded length. */
  readonly codes: Int8Array;
  readonly squares: number;
}

function valuesOf(row: Float32Array, factor: number, center: Float32Array): Float32Array {
  return row.map((x, i) => {
    const y = f(f(x * f(factor)) - (center[i] as number));
    return Math.max(-RANGE, Math.min(RANGE, y));
  });
}

function largestOf(values: Float32Array): number {
  const max = values.reduce((most, y) => Math.max(most, Math.abs(y)), 0);
  return max < 1 / RANGE ? 0 : max;
}

/** Rounds to the nearest, ties to even; then clamps. */
function round(x: number, most: number): number {
  const below = Math.floor(x);
  const up = x - below > 0.5 || (x - below === 0.5 && below % 2 !== 0);
  return Math.max(-most, Math.min(most, up ? below + 1 : below));
}

function encoded(values: Float32Array, largest: number, most: number): Encoded {
  const codes = new Int8Array(padded(values.length, CODE_BLOCK));
  if (largest > 0) {
    const inverse = f(most / largest);
    values.forEach((y, i) => {
      codes[i] = round(f(y * inverse), most);
    });
  }
  return { scale: f(largest / most), codes, squares: codes.reduce((sum, v) => sum + v * v, 0) };
}

/** 8 bits for rows (`most` 63), or those of a query (127). */
export function encode(
  row: Float32Array,
  factor: number,
  center: Float32Array,
  most: number,
): Encoded {
  const values = valuesOf(row, factor, center);
  return encoded(values, largestOf(values), most);
}

/** The sum of what `each` gives, in four lanes of floats. */
function laneSum(n: number, each: (i: number) => number): number {
  const sums = [0, 0, 0, 0];
  for (let i = 0; i < n; i++) sums[i & 3] = f((sums[i & 3] as number) + each(i));
  const [a, b, c, d] = sums as [number, number, number, number];
  return f(f(a + c) + f(b + d));
}

/** 4 bits. */
export function encode4(
  row: Float32Array,
  factor: number,
  center: Float32Array,
  dimensions: number,
): Encoded {
  const values = valuesOf(row, factor, center);
  const at = (i: number) => values[i] as number;
  const error = (largest: number) => {
    const inverse = f(7 / largest);
    const scale = f(largest / 7);
    return laneSum(values.length, (i) => {
      const d = f(at(i) - f(round(f(at(i) * inverse), 7) * scale));
      return f(d * d);
    });
  };
  const max = largestOf(values);
  const mean = f(laneSum(values.length, (i) => f(at(i) * at(i))) / dimensions);
  const clipped = f(f(2.7) * f(Math.sqrt(mean)));
  const clip = max > 0 && clipped < max && error(clipped) < error(max);
  return encoded(values, clip ? clipped : max, 7);
}

/** The bytes of a row with 8 bits for each code. */
export function bytesOf(codes: Int8Array): Uint8Array {
  return Uint8Array.from(codes, (v) => v + 64);
}

/** The bytes of a row with 4 bits for each code. */
export function bytesOf4(codes: Int8Array): Uint8Array {
  return Uint8Array.from({ length: codes.length / 2 }, (_, at) => {
    const first = (at >> 4) * 32 + (at & 15);
    return ((codes[first] as number) + 8) | (((codes[first + 16] as number) + 8) << 4);
  });
}

export function dot(a: Int8Array, b: Int8Array): number {
  return a.reduce((sum, v, i) => sum + v * (b[i] as number), 0);
}
