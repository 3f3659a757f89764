import { type DeltaDBOptions, DeltaVectorDB, type SearchOptions, type VectorDelta } from "deltavec";
import { Random } from "../../random.ts";
import { BUILD_BATCH, K, SETTINGS, vectorId } from "../protocol.ts";
import { summarize } from "../statistics.ts";
import { ExactRows, type Truth } from "./exact-rows.ts";
import type { ChangeTimes, ChurnCase, ChurnMemory, SearchTimes, Wrong } from "./protocol.ts";
import { beside, type ChurnData, noisy } from "./vectors.ts";

/** Vectors of the database on which an engine compiles and optimises before anything is timed. */
const WARM_UP_VECTORS = 2000;
/** Rounds through all queries before searches are timed. */
const WARM_UP_ROUNDS = 4;
/** Rounds through all queries that are timed in a round of the benchmark. */
const SEARCH_ROUNDS = 3;

/** Counts what must not be. */
export class Inspector {
  readonly #wrong = {
    ghosts: 0,
    repeated: 0,
    leaks: 0,
    unreachable: 0,
    broken: 0,
    report: null as string | null,
  };

  get wrong(): Wrong {
    return this.#wrong;
  }

  /** Looks at the ids of a result. */
  result(ids: readonly string[], rows: ExactRows, passes?: (id: string) => boolean): void {
    for (const id of ids) {
      if (!rows.has(id)) {
        this.#wrong.ghosts++;
      } else if (passes !== undefined && !passes(id)) {
        this.#wrong.leaks++;
      }
    }
    this.#wrong.repeated += ids.length - new Set(ids).size;
  }

  /** Looks at an index. */
  index(db: DeltaVectorDB): void {
    const report = db.checkIndex();
    this.#wrong.unreachable += report.unreachable;
    if (!report.ok) {
      this.#wrong.broken++;
      this.#wrong.report ??= JSON.stringify(report);
    }
  }
}

/** Times of the calls of `live`, in microseconds. */
export interface Lived {
  /** Of each `applyDelta`. */
  readonly apply: readonly number[];
  /** Of the `repair` behind them. */
  readonly repair: number;
}

/** A database, and exact search over the same vectors. */
export class Living implements Disposable {
  readonly db: DeltaVectorDB;
  readonly rows = new ExactRows();
  readonly #options: DeltaDBOptions;
  readonly #inspector: Inspector;

  constructor(options: DeltaDBOptions, inspector: Inspector) {
    this.#options = options;
    this.#inspector = inspector;
    this.db = new DeltaVectorDB({ history: false, ...SETTINGS, ...options });
  }

  /** A database of the first `n` vectors of the data. */
  static of(
    data: ChurnData,
    n: number,
    inspector: Inspector,
    options: DeltaDBOptions = {},
  ): Living {
    const living = new Living({ dimensions: data.dimensions, ...options }, inspector);
    living.create(data.vectors(n).map((vector, i) => creation(vectorId(i), vector)));
    return living;
  }

  /** Applies creates, many in a call, and links what waits; returns the microseconds that this took. */
  create(deltas: readonly VectorDelta[]): number {
    const batches: VectorDelta[][] = [];
    for (let from = 0; from < deltas.length; from += BUILD_BATCH) {
      batches.push(deltas.slice(from, from + BUILD_BATCH));
    }
    const start = performance.now();
    for (const batch of batches) {
      this.db.applyDeltas(batch);
    }
    this.db.repair();
    const us = 1000 * (performance.now() - start);
    for (const delta of deltas) {
      this.#mirror(delta);
    }
    return us;
  }

  /** Applies deltas one by one, without a repair but what they do themselves; returns the microseconds of each. */
  apply(deltas: readonly VectorDelta[]): number[] {
    const us: number[] = [];
    let before = performance.now();
    for (const delta of deltas) {
      this.db.applyDelta(delta);
      const now = performance.now();
      us.push(1000 * (now - before));
      before = now;
    }
    for (const delta of deltas) {
      this.#mirror(delta);
    }
    return us;
  }

  /** Applies deltas one by one, then repairs to the end. */
  live(deltas: readonly VectorDelta[]): Lived {
    const apply = this.apply(deltas);
    return { apply, repair: this.repair() };
  }

  /** Repairs to the end; returns the microseconds that this took. */
  repair(): number {
    const start = performance.now();
    this.db.repair();
    return 1000 * (performance.now() - start);
  }

  /** A database of the same vectors, built at once. */
  rebuilt(): Living {
    const fresh = new Living(this.#options, this.#inspector);
    fresh.create(Array.from(this.rows.entries(), ([id, vector]) => creation(id, vector)));
    return fresh;
  }

  /** Recall@{@link K} over all queries. */
  recall(
    queries: readonly Float32Array[],
    truth: Truth,
    options?: SearchOptions,
    passes?: (id: string) => boolean,
  ): number {
    let sum = 0;
    queries.forEach((query, i) => {
      const ids = this.#search(query, options);
      this.#inspector.result(ids, this.rows, passes);
      sum += this.rows.recall(truth, i, query, ids);
    });
    return sum / queries.length;
  }

  /** Looks for what must not be in the results of queries. */
  inspect(queries: readonly Float32Array[]): void {
    for (const query of queries) {
      this.#inspector.result(this.#search(query), this.rows);
    }
  }

  /** Looks at the index. */
  check(): void {
    this.#inspector.index(this.db);
  }

  /** Times whole calls of `search`: the queries in turn, some rounds before the clock starts. */
  time(queries: readonly Float32Array[], rounds: number, options?: SearchOptions): SearchSamples {
    for (let r = 0; r < WARM_UP_ROUNDS; r++) {
      for (const query of queries) {
        sink += this.db.search(query, K, options).length;
      }
    }
    const us: number[] = [];
    const means: number[] = [];
    for (let r = 0; r < SEARCH_ROUNDS * rounds; r++) {
      const start = performance.now();
      let before = start;
      for (const query of queries) {
        sink += this.db.search(query, K, options).length;
        const now = performance.now();
        us.push(1000 * (now - before));
        before = now;
      }
      means.push((1000 * (before - start)) / queries.length);
    }
    const { mean_us, p50_us } = summarize(us);
    return { mean_us, p50_us, min_us: Math.min(...means) };
  }

  /** What the database takes. */
  memory(): ChurnMemory {
    const { memoryBytes, mapBytes, usedBytes, index } = this.db.stats();
    const raw = this.rows.size * this.db.options.dimensions * Float32Array.BYTES_PER_ELEMENT;
    const granted = memoryBytes + mapBytes;
    return { granted, used: usedBytes, index: index.bytes, ratio: granted / raw };
  }

  [Symbol.dispose](): void {
    this.db.close();
  }

  #search(query: Float32Array, options?: SearchOptions): string[] {
    return this.db.search(query, K, options).map(({ id }) => id);
  }

  #mirror({ vectorId: id, operation }: VectorDelta): void {
    if (operation.type === "create" || operation.type === "dense") {
      this.rows.set(id, operation.vector);
    } else if (operation.type === "delete") {
      this.rows.delete(id);
    }
  }
}

/** Times of searches. */
export type SearchSamples = Pick<SearchTimes, "mean_us" | "p50_us" | "min_us">;

/** What the calls gave: keeps the engine from leaving them out. */
export let sink = 0;

/** The delta that makes a vector. */
export function creation(id: string, vector: Float32Array): VectorDelta {
  return { vectorId: id, operation: { type: "create", vector } };
}

/** The delta that replaces all values of a vector. */
export function replacement(id: string, vector: Float32Array): VectorDelta {
  return { vectorId: id, operation: { type: "dense", vector } };
}

/** The delta that ends a vector. */
export function deletion(id: string): VectorDelta {
  return { vectorId: id, operation: { type: "delete" } };
}

/** Edits of vectors as they are now, with noise of so many times their length. */
export function edits(
  { rows }: Living,
  ids: readonly string[],
  noise: number,
  random: Random,
): VectorDelta[] {
  return ids.map((id) => replacement(id, noisy(rows.get(id), noise, random)));
}

/**
 * Holds a database against one that is built anew of the same vectors, and looks at its index.
 *
 * @param moved - ids of the vectors that some of the queries stand beside
 */
export function compare(
  name: string,
  living: Living,
  moved: readonly string[],
  data: ChurnData,
  random: Random,
): ChurnCase {
  living.check();
  using fresh = living.rebuilt();
  const drop = (queries: readonly Float32Array[]): { fresh: number; lived: number } => {
    const truth = living.rows.truth(queries, K);
    return { fresh: fresh.recall(queries, truth), lived: living.recall(queries, truth) };
  };
  const around = moved.map((id) => living.rows.get(id));
  return {
    name,
    vectors: living.rows.size,
    queries: drop(data.queries),
    moved: drop(beside(around, random)),
  };
}

/** Times of changes, with the repair that they caused. */
export function changeTimes(lived: readonly Lived[]): ChangeTimes {
  const apply = lived.flatMap((each) => each.apply);
  const repair = lived.reduce((sum, each) => sum + each.repair, 0);
  const { mean_us, p50_us, p99_us } = summarize(apply);
  const count = apply.length;
  return { mean_us: mean_us + repair / count, apply_us: mean_us, p50_us, p99_us, count };
}

/** The round whose mean is the median of all (the lower one of two). */
export function medianRound(rounds: readonly ChangeTimes[]): ChangeTimes {
  const sorted = rounds.toSorted((a, b) => a.mean_us - b.mean_us);
  return sorted[(sorted.length - 1) >> 1]!;
}

/** Does some of everything on a small database, so that the engine has compiled and optimised it. */
export function warmUp(data: ChurnData, n: number): void {
  using living = Living.of(data, Math.min(n, WARM_UP_VECTORS), new Inspector());
  const random = new Random(1);
  const ids = living.rows.ids();
  living.live(edits(living, ids, 0.1, random));
  living.live(edits(living, ids, 0.5, random));
  living.time(data.queries, 1);
  living.check();
  living.live(ids.slice(ids.length >> 1).map(deletion));
}
