/** What the benchmark calls of the peers, which are installed only when it runs: their own types are not there before. */

declare module "hnswlib-wasm" {
  export interface HierarchicalNSW {
    initIndex(capacity: number, m: number, efConstruction: number, seed: number): void;
    addPoint(vector: Float32Array, label: number, replaceDeleted: boolean): void;
    addPoints(vectors: Float32Array[], labels: number[], replaceDeleted: boolean): void;
    markDelete(label: number): void;
    searchKnn(query: Float32Array, k: number, filter: undefined): { neighbors: number[] };
    setEfSearch(ef: number): void;
    writeIndex(file: string): Promise<boolean>;
    readIndex(file: string, capacity: number): Promise<boolean>;
  }
  export interface HnswlibModule {
    readonly HierarchicalNSW: new (
      space: "cosine",
      dimensions: number,
      file: string,
    ) => HierarchicalNSW;
  }
  export function loadHnswlib(): Promise<HnswlibModule>;
  export function syncFileSystem(action: "read" | "write"): Promise<void>;
}

declare module "edgevec" {
  export default function init(): Promise<unknown>;
  export class EdgeVecConfig {
    constructor(dimensions: number);
    metric: string;
    m: number;
    m0: number;
    ef_construction: number;
    ef_search: number;
  }
  export class EdgeVec {
    constructor(config: EdgeVecConfig);
    static load(name: string): Promise<EdgeVec>;
    save(name: string): Promise<void>;
    serializedSize(): number;
    insert(vector: Float32Array): number;
    enableBQ(): void;
    softDelete(id: number): boolean;
    search(query: Float32Array, k: number): { id: number }[];
    searchBQRescored(query: Float32Array, k: number, factor: number): { id: number }[];
    free(): void;
  }
}

declare module "mememo" {
  export type MememoIndexJSON = object;
  export class HNSW {
    constructor(options: {
      distanceFunction: "cosine-normalized";
      m: number;
      efConstruction: number;
      seed: number;
      useIndexedDB: boolean;
    });
    bulkInsert(keys: string[], values: number[][]): Promise<void>;
    bulkInsertSkipIndex(keys: string[], values: number[][]): Promise<void>;
    update(key: string, value: number[]): Promise<void>;
    markDeleted(key: string): Promise<void>;
    query(value: number[], k: number, ef: number): Promise<{ keys: string[] }>;
    exportIndex(): MememoIndexJSON;
    loadIndex(json: MememoIndexJSON): void;
  }
}

declare module "voy-search/voy_search_bg.js" {
  export interface EmbeddedResource {
    readonly id: string;
    readonly title: string;
    readonly url: string;
    readonly embeddings: number[];
  }
  export interface SearchResult {
    readonly neighbors: { readonly id: string }[];
  }
  export function __wbg_set_wasm(exports: WebAssembly.Exports): void;
  export class Voy {
    constructor(resource: { embeddings: EmbeddedResource[] });
    static deserialize(text: string): Voy;
    serialize(): string;
    add(resource: { embeddings: EmbeddedResource[] }): void;
    remove(resource: { embeddings: EmbeddedResource[] }): void;
    search(query: Float32Array, k: number): SearchResult;
    free(): void;
  }
}

declare module "@ruvector/rvf-wasm" {
  export interface RvfWasmExports {
    readonly memory: WebAssembly.Memory;
    rvf_alloc(bytes: number): number;
    rvf_free(at: number, bytes: number): void;
    rvf_store_create(dimensions: number, metric: number): number;
    rvf_store_open(at: number, bytes: number): number;
    rvf_store_ingest(store: number, vectors: number, ids: number, count: number): number;
    rvf_store_query(store: number, query: number, k: number, metric: number, out: number): number;
    rvf_store_delete(store: number, ids: number, count: number): number;
    rvf_store_export(store: number, out: number, bytes: number): number;
    rvf_store_close(store: number): number;
  }
  export default function init(): Promise<RvfWasmExports>;
}

declare module "@electric-sql/pglite" {
  export class PGlite {
    static create(options: {
      extensions: Record<string, unknown>;
      loadDataDir?: Blob;
    }): Promise<PGlite>;
    exec(sql: string): Promise<unknown>;
    query<T>(sql: string, values?: unknown[], options?: { blob: Blob }): Promise<{ rows: T[] }>;
    dumpDataDir(compression: "none"): Promise<Blob>;
    close(): Promise<void>;
  }
}

declare module "@electric-sql/pglite-pgvector" {
  export const vector: unknown;
}

declare module "@orama/orama" {
  export type Orama = object;
  export type RawData = object;
  export interface Results {
    readonly hits: { readonly id: string }[];
  }
  interface Item {
    readonly id: string;
    readonly v: number[];
  }
  export function create(options: { schema: Record<string, string> }): Orama;
  export function insertMultiple(db: Orama, items: readonly Item[], batch: number): unknown;
  export function update(db: Orama, id: string, item: Item): unknown;
  export function remove(db: Orama, id: string): unknown;
  export function searchVector(
    db: Orama,
    options: { vector: { value: number[]; property: string }; limit: number; similarity: number },
  ): Results | Promise<Results>;
  export function save(db: Orama): RawData;
  export function load(db: Orama, raw: RawData): void;
}

declare module "sqlite-vec-wasm" {
  export interface Statement {
    bind(index: number, value: number | Uint8Array): Statement;
    step(): boolean;
    stepReset(): Statement;
    reset(): Statement;
    getInt(column: number): number | null;
    finalize(): unknown;
  }
  export interface Database {
    readonly pointer: number;
    exec(sql: string): unknown;
    prepare(sql: string): Statement;
    checkRc(status: number): unknown;
    close(): void;
  }
  export interface Sqlite3 {
    readonly oo1: { readonly DB: new (file: string) => Database };
    readonly capi: {
      readonly SQLITE_DESERIALIZE_FREEONCLOSE: number;
      readonly SQLITE_DESERIALIZE_RESIZEABLE: number;
      sqlite3_js_db_export(db: number): Uint8Array;
      sqlite3_deserialize(
        db: number,
        schema: string,
        at: number,
        bytes: number,
        capacity: number,
        flags: number,
      ): number;
    };
    readonly wasm: { allocFromTypedArray(bytes: Uint8Array): number };
  }
  export default function sqlite3InitModule(): Promise<Sqlite3>;
}

declare module "hnswlib-node" {
  export interface HierarchicalNSW {
    initIndex(options: { maxElements: number; m: number; efConstruction: number }): void;
    addPoint(vector: number[], label: number): void;
    markDelete(label: number): void;
    setEf(ef: number): void;
    searchKnn(query: number[], k: number): { neighbors: number[] };
    writeIndexSync(file: string): void;
    readIndexSync(file: string): void;
  }
  const hnswlib: {
    readonly HierarchicalNSW: new (space: "ip", dimensions: number) => HierarchicalNSW;
  };
  export default hnswlib;
}

declare module "usearch" {
  export const MetricKind: { readonly IP: "ip" };
  export const ScalarKind: { readonly F32: "f32"; readonly I8: "i8" };
  export interface Matches {
    readonly keys: BigUint64Array;
  }
  export class Index {
    constructor(options: {
      dimensions: number;
      metric: string;
      quantization: string;
      connectivity: number;
      expansion_add: number;
      expansion_search: number;
      multi: boolean;
    });
    add(key: bigint, vector: Float32Array, threads: number): void;
    remove(key: bigint): number;
    search(query: Float32Array, k: number, threads: number): Matches;
    save(file: string): void;
    load(file: string): void;
  }
}
