import { DeltaVectorDB, init, type VectorDelta } from "deltavec";
import { FrameWriter } from "../../../deltavec/src/frame.ts";
import { type Matrix, readMatrix, row, type Source } from "../data/source.ts";
import { Random } from "../random.ts";
import { fromJson, toJson } from "./json.ts";
import { FORM, PlainTarget } from "./plain-target.ts";
import {
  BATCH,
  BUILD_BATCH,
  type InitResult,
  K,
  type Memory,
  type OpenRequest,
  type RunRequest,
  type RunResult,
  SETTINGS,
  SPARSE_VALUES,
  vectorId,
} from "./protocol.ts";

/** How far an edit moves a value of a vector of unit length. */
const STEP = 0.02;

/** The measured operations in WebAssembly; the same code in Node and in a browser. */
export class AdrBench {
  readonly #base: Matrix;
  readonly #queries: Matrix;
  readonly #history: boolean;
  readonly #module: () => Promise<WebAssembly.Module>;
  #db: DeltaVectorDB | undefined;
  private constructor(
    base: Matrix,
    queries: Matrix,
    history: boolean,
    module: () => Promise<WebAssembly.Module>,
  ) {
    this.#base = base;
    this.#queries = queries;
    this.#history = history;
    this.#module = module;
  }

  /** The first `init` of a process or page, which loads and compiles the module. */
  static async init(): Promise<InitResult> {
    const start = performance.now();
    await init();
    return { us: 1000 * (performance.now() - start) };
  }

  /**
   * Reads the data.
   *
   * @param module - gives the WebAssembly module itself, to measure it without its face
   */
  static async open(
    source: Source,
    { n, history }: OpenRequest,
    module: () => Promise<WebAssembly.Module>,
  ): Promise<AdrBench> {
    await init();
    const base = await readMatrix(source, "wordnet-384-base.f32");
    const queries = await readMatrix(source, "wordnet-384-query.f32");
    if (n > base.rows) {
      throw new Error(`${n} vectors were asked for, the data set has ${base.rows}`);
    }
    const values = base.values.subarray(0, n * base.columns);
    return new AdrBench({ ...base, rows: n, values }, queries, history, module);
  }

  /** Measures one operation. */
  async run({ operation, calls, block, seed }: RunRequest): Promise<RunResult> {
    const random = new Random(seed);
    switch (operation) {
      case "build":
        return this.#build();
      case "search":
        return this.#search(calls, block);
      case "get_copy": {
        const db = this.#opened();
        return time(
          calls,
          block,
          () => this.#id(random),
          (id) => db.getVector(id)!.length,
        );
      }
      case "get_view": {
        const db = this.#opened();
        return time(
          calls,
          block,
          () => this.#id(random),
          (id) => db.getVectorView(id)!.length,
        );
      }
      case "apply_sparse": {
        const db = this.#opened();
        return time(
          calls,
          block,
          () => this.#sparse(random),
          (delta) => db.applyDelta(delta).length,
        );
      }
      case "apply_dense": {
        const db = this.#opened();
        return time(
          calls,
          block,
          () => this.#dense(random),
          (delta) => db.applyDelta(delta).length,
        );
      }
      case "batch_100": {
        const db = this.#opened();
        const batch = (): VectorDelta[] =>
          Array.from({ length: BATCH }, () => this.#sparse(random));
        return time(calls, block, batch, (deltas) => db.applyDeltas(deltas).length);
      }
      default:
        return await this.#codec(operation, calls, block, random);
    }
  }

  /** What a database of all vectors takes; with the history that it has as it stands, and without any. */
  memory(): Memory {
    const own = this.#opened().stats();
    if (!this.#history) {
      return { memoryBytes: own.memoryBytes, mapBytes: own.mapBytes, historyBytes: 0 };
    }
    using plain = this.#filled(this.#batches(), false);
    const { memoryBytes, mapBytes } = plain.stats();
    return { memoryBytes, mapBytes, historyBytes: own.memoryBytes - memoryBytes };
  }

  #build(): RunResult {
    this.#db?.close();
    const batches = this.#batches();
    const start = performance.now();
    const db = this.#filled(batches, this.#history);
    const us = 1000 * (performance.now() - start);
    this.#db = db;
    return { us: [us] };
  }

  #batches(): VectorDelta[][] {
    const n = this.#base.rows;
    const batches: VectorDelta[][] = [];
    for (let from = 0; from < n; from += BUILD_BATCH) {
      const size = Math.min(BUILD_BATCH, n - from);
      batches.push(
        Array.from({ length: size }, (_, i) => ({
          vectorId: vectorId(from + i),
          operation: { type: "create", vector: row(this.#base, from + i) },
        })),
      );
    }
    return batches;
  }

  #filled(batches: readonly VectorDelta[][], history: boolean): DeltaVectorDB {
    const { rows, columns } = this.#base;
    const db = new DeltaVectorDB({ dimensions: columns, maxVectors: rows, history, ...SETTINGS });
    for (const batch of batches) {
      db.applyDeltas(batch);
    }
    return db;
  }

  #search(calls: number, block: number): RunResult {
    const db = this.#opened();
    const queries = Array.from({ length: this.#queries.rows }, (_, i) => row(this.#queries, i));
    let next = 0;
    const turn = (): Float32Array => queries[next++ % queries.length]!;
    const result = time(calls, block, turn, (query) => db.search(query, K).length);
    const hits = queries.map((query) => db.search(query, K).map(({ id }) => Number(id.slice(1))));
    return { ...result, hits };
  }

  async #codec(
    operation: string,
    calls: number,
    block: number,
    random: Random,
  ): Promise<RunResult> {
    const make = operation.endsWith("_dense")
      ? () => this.#dense(random)
      : () => this.#sparse(random);
    switch (operation.slice(0, operation.lastIndexOf("_"))) {
      case "encode_json":
        return time(calls, block, make, (delta) => toJson(delta).length);
      case "decode_json":
        return time(
          calls,
          block,
          () => toJson(make()),
          (text) => fromJson(text).vectorId.length,
        );
      case "clone":
        return time(calls, block, make, (delta) => structuredClone(delta).vectorId.length);
      case "encode_frame": {
        const writer = new FrameWriter(new PlainTarget(), FORM);
        return time(calls, block, make, (delta) => {
          writer.begin();
          writer.append(delta, -1, undefined);
          return writer.length;
        });
      }
      case "decode_frame":
        return await this.#decodeFrames(calls, block, make);
      default:
        throw new Error(`unknown operation ${operation}`);
    }
  }

  /** Frames that lie in linear memory already: check, decode, apply, without the face's work. */
  async #decodeFrames(calls: number, block: number, make: () => VectorDelta): Promise<RunResult> {
    const { Instance } = await import("../../../deltavec/src/instance.ts");
    const instance = new Instance(await this.#module(), {
      dimensions: this.#base.columns,
      maxVectors: calls,
      ...SETTINGS,
      checkpointInterval: 100,
      metric: 0,
      quantization: 1,
      keepFloats: true,
      recallSampleRate: 0,
      reservedBytes: 0,
      compression: true,
      history: this.#history,
      replicaId: "000000000001",
      precision: null,
      autoCompact: null,
      maxClockAheadMs: 0,
    });
    const writer = new FrameWriter(instance, FORM);
    const us: number[] = [];
    const known = new Set<string>();
    for (let done = 0; done < calls; done += block) {
      const some = Array.from({ length: block }, make);
      for (const { vectorId: id } of some) {
        if (!known.has(id)) {
          known.add(id);
          const vector = row(this.#base, Number(id.slice(1)));
          writer.begin();
          writer.append({ vectorId: id, operation: { type: "create", vector } }, -1, undefined);
          instance.apply(writer.start, writer.length, 1, Date.now(), false);
        }
      }
      writer.begin();
      const ends = some.map((delta) => {
        writer.append(delta, -1, undefined);
        return writer.length;
      });
      const now = Date.now();
      const start = performance.now();
      let at = 0;
      for (const end of ends) {
        instance.apply(writer.start + at, end - at, 1, now, false);
        at = end;
      }
      us.push((1000 * (performance.now() - start)) / some.length);
    }
    instance.close();
    return { us };
  }

  #id(random: Random): string {
    return vectorId(random.below(this.#base.rows));
  }

  #sparse(random: Random): VectorDelta {
    const index = random.below(this.#base.rows);
    const vector = row(this.#base, index);
    const indices = random.distinct(SPARSE_VALUES, vector.length);
    const values = Float32Array.from(indices, (i) => vector[i]! + STEP * random.gaussian());
    return { vectorId: vectorId(index), operation: { type: "sparse", indices, values } };
  }

  #dense(random: Random): VectorDelta {
    const index = random.below(this.#base.rows);
    const vector = row(this.#base, index).map((value) => value + STEP * (2 * random.next() - 1));
    return { vectorId: vectorId(index), operation: { type: "dense", vector } };
  }

  #opened(): DeltaVectorDB {
    if (this.#db === undefined) {
      throw new Error("build comes first");
    }
    return this.#db;
  }
}

/** What the calls gave: keeps the engine from leaving them out. */
export let sink = 0;

/**
 * Times calls by the block. What a block needs is made just before it, as in use: it is still in the caches.
 *
 * @param make - makes what one call needs
 * @param call - the measured call; returns a number that depends on its work
 */
function time<T>(
  calls: number,
  block: number,
  make: () => T,
  call: (what: T) => number,
): RunResult {
  const us: number[] = [];
  for (let done = 0; done < calls; done += block) {
    const needed = Array.from({ length: block }, make);
    let sum = 0;
    const start = performance.now();
    for (let i = 0; i < block; i++) {
      sum += call(needed[i]!);
    }
    us.push((1000 * (performance.now() - start)) / block);
    sink += sum;
  }
  return { us };
}
