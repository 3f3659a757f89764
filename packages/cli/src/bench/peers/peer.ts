/** How hard a database looks: more finds better and takes longer. */
export interface Effort {
  /** What it is called there. */
  readonly name: string;
  readonly least: number;
  readonly most: number;
  /** Whether it is fixed when the database is built. */
  readonly fixed?: true;
}

/** Bytes of a database, and whatever it takes to have it back. */
export interface Exported<E> {
  readonly bytes: number;
  readonly content: E;
}

/**
 * One of the databases that are compared. Rows are counted from 0; a database that has ids of its own keeps the map. Only
 * `build`, `search`, `update`, `remove`, `settle`, `export` and `import` are timed: what these need is made before, by
 * `value`, `query`.
 *
 * @template V - a vector with its id, as it takes them
 * @template Q - a query, as it takes it
 * @template R - the result of a search
 * @template E - what it exports
 */
export interface Peer<V, Q, R, E> {
  /** Its settings, in words. */
  readonly settings: string;
  /** What can be set for searches; undefined where nothing can. */
  readonly effort?: Effort;
  /** Loads its code. */
  load(dimensions: number): Promise<void>;
  value(vector: Float32Array, row: number): V;
  query(vector: Float32Array): Q;
  /** Gives up the database that there is, if there is one, and makes an empty one. */
  clear(capacity: number, effort: number): Promise<void> | void;
  /** Stores all rows from 0 on; when it is done, all of them are searchable by the index. */
  build(values: readonly V[]): Promise<void> | void;
  search(query: Q, k: number, effort: number): Promise<R> | R;
  /** The rows of a result, closest first. */
  rows(result: R): number[];
  /** Replaces a vector: behind `settle`, if not before, a search finds the new one, and the old one no more. */
  update(value: V, row: number): Promise<void> | void;
  remove?(row: number): Promise<void> | void;
  /** Does what changes have put off. */
  settle?(): Promise<void> | void;
  export?(): Promise<Exported<E>> | Exported<E>;
  /** Replaces the database by what was exported. */
  import?(content: E): Promise<void> | void;
}

/** A database of whatever types. */
export type AnyPeer = Peer<unknown, unknown, unknown, unknown>;
