import {
  create,
  insertMultiple,
  load,
  type Orama,
  type RawData,
  type Results,
  remove,
  save,
  searchVector,
  update,
} from "@orama/orama";
import type { Peer } from "../peer.ts";

interface Item {
  readonly id: string;
  readonly v: number[];
}

let db: Orama;
let dimensions = 0;

function empty(): Orama {
  return create({ schema: { v: `vector[${dimensions}]` } });
}

const peer: Peer<Item, number[], Results, string> = {
  settings: "cosine; no index",
  async load(width) {
    dimensions = width;
  },
  value: (vector, row) => ({ id: String(row), v: Array.from(vector) }),
  query: (vector) => Array.from(vector),
  clear() {
    db = empty();
  },
  async build(items) {
    await insertMultiple(db, items, items.length);
  },
  search: (query, k) =>
    searchVector(db, { vector: { value: query, property: "v" }, limit: k, similarity: -1 }),
  rows: ({ hits }) => hits.map(({ id }) => Number(id)),
  async update(item) {
    await update(db, item.id, item);
  },
  async remove(row) {
    await remove(db, String(row));
  },
  export() {
    const content = JSON.stringify(save(db));
    return { bytes: content.length, content };
  },
  import(content) {
    db = empty();
    load(db, JSON.parse(content) as RawData);
  },
};

export default peer;
