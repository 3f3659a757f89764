import type { Peer } from "../peer.ts";

let vectors = new Map<number, Float32Array>();

/** The base line: a map of vectors, of which each search compares with all. */
const peer: Peer<Float32Array, Float32Array, number[], ArrayBuffer> = {
  settings: "a Map of Float32Arrays, four sums at a time",
  async load() {},
  value: (vector) => vector,
  query: (vector) => vector,
  clear() {
    vectors = new Map();
  },
  build(values) {
    values.forEach((vector, row) => {
      vectors.set(row, vector.slice());
    });
  },
  search(query, k) {
    const best: number[] = new Array(k).fill(-Infinity);
    const rows: number[] = new Array(k).fill(-1);
    for (const [row, vector] of vectors) {
      const similarity = dot(query, vector);
      if (similarity > best[k - 1]!) {
        let i = k - 1;
        for (; i > 0 && best[i - 1]! < similarity; i--) {
          best[i] = best[i - 1]!;
          rows[i] = rows[i - 1]!;
        }
        best[i] = similarity;
        rows[i] = row;
      }
    }
    return rows;
  },
  rows: (rows) => rows,
  update(vector, row) {
    vectors.set(row, vector.slice());
  },
  remove(row) {
    vectors.delete(row);
  },
  export() {
    const width = vectors.values().next().value!.byteLength;
    const content = new ArrayBuffer(vectors.size * (4 + width));
    let at = 0;
    for (const [row, vector] of vectors) {
      new Uint32Array(content, at, 1)[0] = row;
      new Float32Array(content, at + 4, vector.length).set(vector);
      at += 4 + width;
    }
    return { bytes: content.byteLength, content };
  },
  import(content) {
    const width = vectors.values().next().value!.length;
    vectors = new Map();
    for (let at = 0; at < content.byteLength; at += 4 * (width + 1)) {
      const row = new Uint32Array(content, at, 1)[0]!;
      vectors.set(row, new Float32Array(content, at + 4, width).slice());
    }
  },
};

function dot(a: Float32Array, b: Float32Array): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i += 4) {
    s0 += a[i]! * b[i]!;
    s1 += a[i + 1]! * b[i + 1]!;
    s2 += a[i + 2]! * b[i + 2]!;
    s3 += a[i + 3]! * b[i + 3]!;
  }
  return s0 + s1 + s2 + s3;
}

export default peer;
