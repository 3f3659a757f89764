import { DeltaVectorDB, init, type VectorDelta } from "deltavec";
import { FrameWriter } from "../../../deltavec/src/frame.ts";
import { Instance } from "../../../deltavec/src/instance.ts";
import { type Matrix, readMatrix, row, type Source } from "../data/source.ts";
import { Random } from "../random.ts";
import { fromJson, toJson } from "./json.ts";
import { PlainTarget } from "./plain-target.ts";
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
  readonly #module: () => Promise<WebAssembly.Module>;
  #db: DeltaVectorDB | undefined;
  /** What the calls gave: keeps the engine from leaving them out. */
  sink = 0;

  private constructor(base: Matrix, queries: Matrix, module: () => Promise<WebAssembly.Module>) {
    this.#base = base;
    this.#queries = queries;
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
    { n }: OpenRequest,
    module: () => Promise<WebAssembly.Module>,
  ): Promise<AdrBench> {
    await init();
    const base = await readMatrix(source, "wordnet-384-base.f32");
    const queries = await readMatrix(source, "wordnet-384-query.f32");
    if (n > base.rows) {
      throw new Error(`${n} vectors were asked for, the data set has ${base.rows}`);
    }
    const values = base.values.subarray(0, n * base.columns);
    return new AdrBench({ ...base, rows: n, values }, queries, module);
  }

  /** Measures one operation. What it needs is made before the clock starts. */
  async run({ operation, calls, block, seed }: RunRequest): Promise<RunResult> {
    const random = new Random(seed);
    switch (operation) {
      case "build":
        return this.#build();
      case "search":
        return this.#search(calls, block);
      case "get_copy": {
        const ids = this.#ids(calls, random);
        const db = this.#opened();
        return this.#time(calls, block, (i) => db.getVector(ids[i]!)![i % 384]!);
      }
      case "get_view": {
        const ids = this.#ids(calls, random);
        const db = this.#opened();
        return this.#time(calls, block, (i) => db.getVectorView(ids[i]!)![i % 384]!);
      }
      case "apply_sparse":
        return this.#apply(
          Array.from({ length: calls }, () => this.#sparse(random)),
          block,
        );
      case "apply_dense":
        return this.#apply(
          Array.from({ length: calls }, () => this.#dense(random)),
          block,
        );
      case "batch_100": {
        const batches = Array.from({ length: calls }, () =>
          Array.from({ length: BATCH }, () => this.#sparse(random)),
        );
        const db = this.#opened();
        return this.#time(calls, block, (i) => db.applyDeltas(batches[i]!).length);
      }
      default:
        return await this.#codec(operation, calls, block, random);
    }
  }

  /** What the database takes as it stands. */
  memory(): Memory {
    const { memoryBytes, mapBytes } = this.#opened().stats();
    return { memoryBytes, mapBytes };
  }

  #build(): RunResult {
    this.#db?.close();
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
    const start = performance.now();
    const db = new DeltaVectorDB({ dimensions: this.#base.columns, maxVectors: n, ...SETTINGS });
    for (const batch of batches) {
      db.applyDeltas(batch);
    }
    const us = 1000 * (performance.now() - start);
    this.#db = db;
    return { us: [us] };
  }

  #search(calls: number, block: number): RunResult {
    const db = this.#opened();
    const queries = Array.from({ length: this.#queries.rows }, (_, i) => row(this.#queries, i));
    const result = this.#time(
      calls,
      block,
      (i) => db.search(queries[i % queries.length]!, K).length,
    );
    const hits = queries.map((query) => db.search(query, K).map(({ id }) => Number(id.slice(1))));
    return { ...result, hits };
  }

  #apply(deltas: readonly VectorDelta[], block: number): RunResult {
    const db = this.#opened();
    return this.#time(deltas.length, block, (i) => db.applyDelta(deltas[i]!).length);
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
    const deltas = Array.from({ length: calls }, make);
    switch (operation.slice(0, operation.lastIndexOf("_"))) {
      case "encode_json":
        return this.#time(calls, block, (i) => toJson(deltas[i]!).length);
      case "decode_json": {
        const texts = deltas.map(toJson);
        return this.#time(calls, block, (i) => fromJson(texts[i]!).vectorId.length);
      }
      case "clone":
        return this.#time(calls, block, (i) => structuredClone(deltas[i]!).vectorId.length);
      case "encode_frame": {
        const writer = new FrameWriter(new PlainTarget());
        return this.#time(calls, block, (i) => {
          writer.begin();
          writer.append(deltas[i]!, -1, undefined);
          return writer.length;
        });
      }
      case "decode_frame":
        return this.#decodeFrames(deltas, block);
      default:
        throw new Error(`unknown operation ${operation}`);
    }
  }

  /** Frames that lie in linear memory already: check, decode, apply, without the face's work. */
  async #decodeFrames(deltas: readonly VectorDelta[], block: number): Promise<RunResult> {
    const instance = new Instance(await this.#module(), {
      dimensions: this.#base.columns,
      maxVectors: deltas.length,
      ...SETTINGS,
      checkpointInterval: 100,
      metric: 0,
      compression: true,
      replicaId: "000000000001",
    });
    const writer = new FrameWriter(instance);
    const us: number[] = [];
    const known = new Set<string>();
    for (let from = 0; from < deltas.length; from += block) {
      const some = deltas.slice(from, from + block);
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

  #time(calls: number, block: number, call: (i: number) => number): RunResult {
    const us: number[] = [];
    let sum = 0;
    for (let i = 0; i < calls; ) {
      const start = performance.now();
      for (let j = 0; j < block; j++, i++) {
        sum += call(i);
      }
      us.push((1000 * (performance.now() - start)) / block);
    }
    this.sink += sum;
    return { us };
  }

  #ids(count: number, random: Random): string[] {
    return Array.from({ length: count }, () => vectorId(random.below(this.#base.rows)));
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
