import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";
import type { Peer } from "../peer.ts";
import { GRAPH } from "../protocol.ts";

let db: PGlite | undefined;
let dimensions = 0;
/** The lines that COPY reads, by row: made outside of the clock. */
const lines: string[] = [];
/** What ef_search is set to. */
let set = 0;

const peer: Peer<string, string, { rows: { id: number }[] }, Blob> = {
  settings: `pgvector HNSW, inner product, m=${GRAPH.m}, ef_construction=${GRAPH.efConstruction}, in memory, filled by COPY and then indexed`,
  effort: { name: "hnsw.ef_search", least: 10, most: 400 },
  async load(width) {
    dimensions = width;
    db = await PGlite.create({ extensions: { vector } });
    await db.exec("CREATE EXTENSION vector; SET maintenance_work_mem = '256MB';");
  },
  value(values, row) {
    const text = `[${values.join(",")}]`;
    lines[row] = `${row}\t${text}\n`;
    return text;
  },
  query: (values) => `[${values.join(",")}]`,
  async clear() {
    await db!.exec(
      `DROP TABLE IF EXISTS items; CREATE TABLE items (id integer PRIMARY KEY, v vector(${dimensions}));`,
    );
  },
  async build(values) {
    const blob = new Blob(lines.slice(0, values.length));
    await db!.query("COPY items FROM '/dev/blob'", [], { blob });
    await db!.exec(
      `CREATE INDEX ON items USING hnsw (v vector_ip_ops) WITH (m = ${GRAPH.m}, ef_construction = ${GRAPH.efConstruction});`,
    );
  },
  async search(query, k, effort) {
    if (set !== effort) {
      set = effort;
      await db!.exec(`SET hnsw.ef_search = ${effort}`);
    }
    return await db!.query<{ id: number }>(`SELECT id FROM items ORDER BY v <#> $1 LIMIT ${k}`, [
      query,
    ]);
  },
  rows: ({ rows }) => rows.map(({ id }) => id),
  async update(text, row) {
    await db!.query("UPDATE items SET v = $1 WHERE id = $2", [text, row]);
  },
  async remove(row) {
    await db!.query("DELETE FROM items WHERE id = $1", [row]);
  },
  async export() {
    const content = await db!.dumpDataDir("none");
    return { bytes: content.size, content };
  },
  async import(content) {
    await db!.close();
    set = 0;
    db = await PGlite.create({ loadDataDir: content, extensions: { vector } });
  },
};

export default peer;
