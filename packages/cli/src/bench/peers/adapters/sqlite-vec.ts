import sqlite3InitModule, { type Database, type Sqlite3, type Statement } from "sqlite-vec-wasm";
import type { Peer } from "../peer.ts";

let sqlite: Sqlite3;
let db: Database;
let dimensions = 0;
let statements: Record<"insert" | "search" | "update" | "remove", Statement>;

function prepare(): void {
  statements = {
    insert: db.prepare("INSERT INTO items(rowid, v) VALUES (?, ?)"),
    search: db.prepare("SELECT rowid FROM items WHERE v MATCH ? AND k = ?"),
    update: db.prepare("UPDATE items SET v = ? WHERE rowid = ?"),
    remove: db.prepare("DELETE FROM items WHERE rowid = ?"),
  };
}

function finish(): void {
  for (const statement of Object.values(statements ?? {})) {
    statement.finalize();
  }
}

/** A view of the values' bytes. */
function bytes({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

const peer: Peer<Uint8Array, Uint8Array, number[], Uint8Array> = {
  settings: "vec0, cosine, in memory, prepared statements; no index",
  async load(width) {
    dimensions = width;
    sqlite = await sqlite3InitModule();
    db = new sqlite.oo1.DB(":memory:");
  },
  value: (vector) => bytes(vector),
  query: (vector) => bytes(vector),
  clear() {
    finish();
    db.exec(
      `DROP TABLE IF EXISTS items; CREATE VIRTUAL TABLE items USING vec0(v float[${dimensions}] distance_metric=cosine)`,
    );
    prepare();
  },
  build(values) {
    db.exec("BEGIN");
    values.forEach((value, row) => {
      // Row ids begin with 1: 0 would be given anew.
      statements.insert
        .bind(1, row + 1)
        .bind(2, value)
        .stepReset();
    });
    db.exec("COMMIT");
  },
  search(query, k) {
    const { search } = statements;
    search.bind(1, query).bind(2, k);
    const rows: number[] = [];
    while (search.step()) {
      rows.push(search.getInt(0)! - 1);
    }
    search.reset();
    return rows;
  },
  rows: (rows) => rows,
  update(value, row) {
    statements.update
      .bind(1, value)
      .bind(2, row + 1)
      .stepReset();
  },
  remove(row) {
    statements.remove.bind(1, row + 1).stepReset();
  },
  export() {
    const content = sqlite.capi.sqlite3_js_db_export(db.pointer);
    return { bytes: content.length, content };
  },
  import(content) {
    finish();
    db.close();
    db = new sqlite.oo1.DB(":memory:");
    const { capi, wasm } = sqlite;
    const at = wasm.allocFromTypedArray(content);
    const status = capi.sqlite3_deserialize(
      db.pointer,
      "main",
      at,
      content.length,
      content.length,
      capi.SQLITE_DESERIALIZE_FREEONCLOSE | capi.SQLITE_DESERIALIZE_RESIZEABLE,
    );
    db.checkRc(status);
    prepare();
  },
};

export default peer;
