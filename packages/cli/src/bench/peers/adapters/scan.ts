import type { Peer } from "../peer.ts";

/** The vectors one behind the other, and the row that each place holds: as many as `count`. */
let values: Float32Array<ArrayBuffer> = new Float32Array(0);
let rows: Int32Array<ArrayBuffer> = new Int32Array(0);
let places = new Map<number, number>();
let width = 0;

function set(vector: Float32Array, row: number): void {
  const place = places.get(row) ?? places.size;
  places.set(row, place);
  rows[place] = row;
  values.set(vector, place * width);
}

/** The base line: vectors in one block, of which each search compares with all. */
const peer: Peer<
  Float32Array,
  Float32Array,
  number[],
  { values: Float32Array<ArrayBuffer>; rows: Int32Array<ArrayBuffer> }
> = {
  settings: "inner product, vectors in one block, four sums at a time; no index",
  async load(dimensions) {
    width = dimensions;
  },
  value: (vector) => vector,
  query: (vector) => vector,
  clear(capacity) {
    values = new Float32Array(capacity * width);
    rows = new Int32Array(capacity);
    places = new Map();
  },
  build(vectors) {
    vectors.forEach(set);
  },
  search(query, k) {
    const best: number[] = new Array(k).fill(-Infinity);
    const found: number[] = new Array(k).fill(-1);
    const end = places.size * width;
    for (let from = 0, place = 0; from < end; place++) {
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      for (let i = 0; i < query.length; i += 4, from += 4) {
        s0 += query[i]! * values[from]!;
        s1 += query[i + 1]! * values[from + 1]!;
        s2 += query[i + 2]! * values[from + 2]!;
        s3 += query[i + 3]! * values[from + 3]!;
      }
      const similarity = s0 + s1 + s2 + s3;
      if (similarity > best[k - 1]!) {
        let i = k - 1;
        for (; i > 0 && best[i - 1]! < similarity; i--) {
          best[i] = best[i - 1]!;
          found[i] = found[i - 1]!;
        }
        best[i] = similarity;
        found[i] = rows[place]!;
      }
    }
    return found;
  },
  rows: (found) => found,
  update: set,
  remove(row) {
    // The last one takes its place.
    const place = places.get(row)!;
    const last = places.size - 1;
    const moved = rows[last]!;
    values.copyWithin(place * width, last * width, (last + 1) * width);
    rows[place] = moved;
    places.set(moved, place);
    places.delete(row);
  },
  export() {
    const content = {
      values: values.slice(0, places.size * width),
      rows: rows.slice(0, places.size),
    };
    return { bytes: content.values.byteLength + content.rows.byteLength, content };
  },
  import(content) {
    values = content.values.slice();
    rows = content.rows.slice();
    places = new Map(Array.from(rows, (row, place) => [row, place]));
  },
};

export default peer;
