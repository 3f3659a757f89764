import type { Group } from "./protocol.ts";

/** What a database can do, in a word or a few. */
export interface Features {
  readonly index: string;
  /** How a vector is replaced. */
  readonly update: string;
  /** Change of a few values without sending the others. */
  readonly partial: string;
  readonly delete: string;
  readonly filter: string;
  /** Reading and searching the past. */
  readonly history: string;
  /** Two copies that change and come together. */
  readonly merge: string;
  /** Being told of changes. */
  readonly feed: string;
  readonly persistence: string;
  /** Searching in parallel, over one copy of the vectors. */
  readonly parallel: string;
}

/** The features with their titles. */
export const FEATURES: readonly (readonly [keyof Features, string])[] = [
  ["index", "index"],
  ["update", "update"],
  ["partial", "partial update"],
  ["delete", "delete"],
  ["filter", "filter"],
  ["history", "history"],
  ["merge", "merge"],
  ["feed", "change feed"],
  ["persistence", "persistence"],
  ["parallel", "parallel search"],
];

/** A database of a group. */
export interface Contestant {
  /** Unique within its group: its adapter's name. */
  readonly name: string;
  readonly group: Group;
  readonly title: string;
  /** npm package or Maven artifact; undefined for what the repository has itself. */
  readonly package?: string;
  /** Files that its script asks for, by name, and where they are in `node_modules`. */
  readonly assets?: Readonly<Record<string, string>>;
  readonly features: Features;
  /** Whether what is changed is not found before `settle`: no change of one vector, then, but of many. */
  readonly late?: true;
  /** What one should know. */
  readonly note?: string;
}

/** The name of deltavec, which runs beside every other. */
export const OWN = "deltavec";

/** The name of the base line, which is no peer. */
export const SCAN = "scan";

const DELTAVEC: Features = {
  index: "HNSW on int8 codes, kept as vectors change",
  update: "in place",
  partial: "yes",
  delete: "removed from the graph",
  filter: "metadata, function",
  history: "yes",
  merge: "yes",
  feed: "yes",
  persistence: "bytes; OPFS, IndexedDB",
  parallel: "workers",
};

const NOTHING: Features = {
  index: "none",
  update: "in place",
  partial: "no",
  delete: "removed",
  filter: "no",
  history: "no",
  merge: "no",
  feed: "no",
  persistence: "no",
  parallel: "no",
};

const HNSWLIB: Features = {
  ...NOTHING,
  index: "HNSW",
  delete: "mark",
  filter: "function",
};

const LUCENE: Features = {
  ...NOTHING,
  index: "HNSW by segment",
  update: "a new document",
  delete: "mark until merged",
  filter: "queries",
  persistence: "files",
  parallel: "threads",
};

/** What is true of deltavec in all groups. */
const HISTORY = "Keeps the history of every vector: memory and exports hold it, and the index";

/** All databases, deltavec first in each group. */
export const CONTESTANTS: readonly Contestant[] = [
  { name: OWN, group: "browser", title: "deltavec", features: DELTAVEC, note: HISTORY },
  {
    name: "hnswlib-wasm",
    group: "browser",
    title: "hnswlib-wasm",
    package: "hnswlib-wasm",
    features: { ...HNSWLIB, persistence: "IndexedDB" },
  },
  {
    name: "edgevec",
    group: "browser",
    title: "edgevec",
    package: "edgevec",
    assets: { "edgevec_bg.wasm": "edgevec/edgevec_bg.wasm" },
    features: {
      ...NOTHING,
      index: "HNSW",
      update: "mark and insert: a new id",
      delete: "mark",
      filter: "metadata",
      persistence: "IndexedDB",
    },
    note: "By L2, as its cosine returns the farthest; its ef_search is fixed when the index is made.",
  },
  {
    name: "edgevec-bits",
    group: "browser",
    title: "edgevec, binary codes",
    package: "edgevec",
    assets: { "edgevec_bg.wasm": "edgevec/edgevec_bg.wasm" },
    features: {
      ...NOTHING,
      index: "HNSW, binary codes",
      update: "mark and insert: a new id",
      delete: "mark",
      filter: "metadata",
      persistence: "IndexedDB",
    },
    note: "searchBQRescored; effort is its rescore factor.",
  },
  {
    name: "mememo",
    group: "browser",
    title: "mememo",
    package: "mememo",
    features: {
      ...NOTHING,
      index: "HNSW",
      delete: "mark",
      persistence: "IndexedDB; graph as JSON",
    },
    note: "In memory. Its export is the graph without vectors and marks; the vectors are kept outside and given back with it.",
  },
  {
    name: "pglite",
    group: "browser",
    title: "PGlite, pgvector",
    package: "@electric-sql/pglite",
    assets: {
      "pglite.wasm": "@electric-sql/pglite/dist/pglite.wasm",
      "pglite.data": "@electric-sql/pglite/dist/pglite.data",
      "initdb.wasm": "@electric-sql/pglite/dist/initdb.wasm",
      "vector.tar.gz": "@electric-sql/pglite-pgvector/dist/vector.tar.gz",
    },
    features: {
      index: "HNSW",
      update: "a new version of the row",
      partial: "no",
      delete: "mark until VACUUM",
      filter: "SQL",
      history: "no",
      merge: "no",
      feed: "live queries, LISTEN",
      persistence: "IndexedDB, OPFS",
      parallel: "no",
    },
    note: "In memory, without VACUUM.",
  },
  {
    name: "voy-search",
    group: "browser",
    title: "voy-search",
    package: "voy-search",
    assets: { "voy_search_bg.wasm": "voy-search/voy_search_bg.wasm" },
    features: {
      ...NOTHING,
      index: "k-d tree",
      update: "remove and add",
      persistence: "text",
    },
  },
  {
    name: "rvf-wasm",
    group: "browser",
    title: "@ruvector/rvf-wasm",
    package: "@ruvector/rvf-wasm",
    assets: { "rvf_wasm_bg.wasm": "@ruvector/rvf-wasm/pkg/rvf_wasm_bg.wasm" },
    features: { ...NOTHING, update: "remove and add", persistence: "bytes" },
    note: "By its C interface, as its package @ruvector/rvf calls it.",
  },
  {
    name: "orama",
    group: "browser",
    title: "@orama/orama",
    package: "@orama/orama",
    features: {
      ...NOTHING,
      update: "remove and insert",
      filter: "metadata, full text",
      persistence: "JSON",
    },
  },
  {
    name: "sqlite-vec",
    group: "browser",
    title: "sqlite-vec",
    package: "sqlite-vec-wasm",
    assets: { "sqlite3.wasm": "sqlite-vec-wasm/dist/sqlite3.wasm" },
    features: { ...NOTHING, filter: "SQL", feed: "hooks", persistence: "bytes, OPFS" },
    note: "sqlite-vec 0.1.6. The project's own build for browsers, sqlite-vec-wasm-demo 0.1.9, does not start.",
  },
  { name: SCAN, group: "browser", title: "plain JavaScript scan", features: NOTHING },
  {
    name: OWN,
    group: "node",
    title: "deltavec",
    features: { ...DELTAVEC, persistence: "bytes; files" },
    note: HISTORY,
  },
  {
    name: "hnswlib-node",
    group: "node",
    title: "hnswlib-node",
    package: "hnswlib-node",
    features: { ...HNSWLIB, persistence: "files" },
  },
  {
    name: "usearch",
    group: "node",
    title: "usearch",
    package: "usearch",
    features: {
      ...NOTHING,
      index: "HNSW",
      update: "remove and add",
      delete: "mark",
      persistence: "files",
      parallel: "threads",
    },
    note: "expansion_search is fixed when the index is made.",
  },
  {
    name: "usearch-int8",
    group: "node",
    title: "usearch, int8",
    package: "usearch",
    features: {
      ...NOTHING,
      index: "HNSW, int8 only",
      update: "remove and add",
      delete: "mark",
      persistence: "files",
      parallel: "threads",
    },
    note: "Keeps no floats to measure the best with.",
  },
  { name: SCAN, group: "node", title: "plain JavaScript scan", features: NOTHING },
  {
    name: OWN,
    group: "jvm",
    title: "deltavec",
    features: { ...DELTAVEC, persistence: "bytes; files", parallel: "threads" },
    note: HISTORY,
  },
  {
    name: "jvector",
    group: "jvm",
    title: "jvector",
    package: "io.github.jbellis:jvector",
    features: {
      ...NOTHING,
      index: "Vamana",
      update: "mark and add: a new id",
      delete: "mark until clean-up",
      filter: "bits",
      persistence: "files",
      parallel: "threads",
    },
    note: "Its clean-up is not counted with updates: a search does without, an export does not.",
  },
  {
    name: "lucene",
    group: "jvm",
    title: "Lucene",
    package: "org.apache.lucene:lucene-core",
    features: LUCENE,
    note: "One segment as built. Changes are seen with the next refresh: there is one behind each. Export is a commit and a copy of the files",
  },
  {
    name: "lucene-late",
    group: "jvm",
    title: "Lucene, refreshed once",
    package: "org.apache.lucene:lucene-core",
    late: true,
    features: LUCENE,
    note: "The same with one refresh behind all changes: until then none of them is found",
  },
  {
    name: "lucene-int8",
    group: "jvm",
    title: "Lucene, int8",
    package: "org.apache.lucene:lucene-core",
    features: { ...LUCENE, index: "HNSW by segment, int8 codes" },
  },
  {
    name: "hnswlib-core",
    group: "jvm",
    title: "hnswlib-core",
    package: "com.github.jelmerk:hnswlib-core-jdk17",
    features: {
      ...NOTHING,
      index: "HNSW",
      update: "remove and add",
      delete: "mark",
      filter: "function",
      persistence: "serialised objects",
      parallel: "threads",
    },
    note: "The last version that has distances by the Vector API.",
  },
];

/** Names that `--only` takes: of groups and of databases, without deltavec, which always runs. */
export const NAMES: readonly string[] = [
  ...new Set([
    ...CONTESTANTS.map(({ group }) => group),
    ...CONTESTANTS.map(({ name }) => name).filter((name) => name !== OWN),
  ]),
];
