import { DeltaVectorDB, init, type VectorDelta } from "deltavec";
import { type Edit, readRevisions } from "../data/carried.ts";
import { type Matrix, readMatrix, row, type Source } from "../data/source.ts";
import { editDeltas } from "../demo/deltas.ts";
import { Random } from "../random.ts";
import {
  type FrameCount,
  type HistoryBytes,
  type HistoryRequest,
  type HistoryResult,
  PRESENT,
  type Present,
  type PresentRequest,
  type PresentResult,
  type StreamBytes,
} from "./history-protocol.ts";
import { BATCH, BUILD_BATCH, K, SETTINGS, SPARSE_VALUES, vectorId } from "./protocol.ts";
import { joined, SealedFrameWriter } from "./sealed-frame.ts";

/** How far an edit moves a value of a vector of unit length. */
const STEP = 0.02;
const CHECKPOINT_INTERVAL = 100;
/** Time of the first delta, Unix milliseconds: 2020. */
const EPOCH = 1_577_836_800_000;
/** The other replica, whose deltas are merged. */
const OTHER = 0x0123_4567_89ab;
/** Deltas that a merge has for each vector, and that each vector has before. */
const DELTAS_PER_VECTOR = 10;
/** The part of the frames that comes late. */
const LATE = 0.1;
/** The most vectors of the databases with and without history. */
const PRESENT_VECTORS = 10_000;
/** For databases that are never searched. */
const NO_SEARCH = { hnswM: 2, hnswEfConstruction: 1 } as const;

/** A delta of the other replica, ready to be sent. */
interface Sent {
  readonly time: number;
  readonly frame: Uint8Array;
}

/** The measured operations on history; the same code in Node and in a browser. */
export class HistoryBench {
  readonly #base: Matrix;
  readonly #queries: Matrix;
  readonly #edits: readonly Edit[];
  readonly #edited: Matrix;
  #chain: { db: DeltaVectorDB; deltas: number; dense: boolean } | undefined;
  #present: { on: DeltaVectorDB; off: DeltaVectorDB } | undefined;

  private constructor(base: Matrix, queries: Matrix, edits: readonly Edit[], edited: Matrix) {
    this.#base = base;
    this.#queries = queries;
    this.#edits = edits;
    this.#edited = edited;
  }

  /** Reads the data. */
  static async open(source: Source): Promise<HistoryBench> {
    await init();
    const base = await readMatrix(source, "wordnet-384-base.f32");
    const queries = await readMatrix(source, "wordnet-384-query.f32");
    const [edits, edited] = await readRevisions(source);
    return new HistoryBench(base, queries, edits, edited);
  }

  /** Measures one operation. */
  run({ operation, deltas, seed }: HistoryRequest): HistoryResult {
    const random = new Random(seed);
    switch (operation) {
      case "get_at":
        return this.#getAt(deltas, false, random);
      case "get_at_dense":
        return this.#getAt(deltas, true, random);
      case "recompose_100":
        return this.#recompose(random);
      case "merge":
        return this.#merge(deltas, 0, deltas, random);
      case "merge_late":
        return this.#merge(deltas, LATE, deltas, random);
      case "merge_100":
        return this.#merge(deltas, 0, BATCH, random);
      default:
        throw new Error(`unknown operation ${operation}`);
    }
  }

  /** One vector with a long chain, read at random times. */
  #getAt(deltas: number, dense: boolean, random: Random): HistoryResult {
    if (this.#chain?.deltas !== deltas || this.#chain.dense !== dense) {
      this.#chain?.db.close();
      const db = this.#historyOf1(CHECKPOINT_INTERVAL);
      for (let i = 1; i < deltas; ) {
        const batch: VectorDelta[] = [];
        for (; batch.length < BATCH && i < deltas; i++) {
          const change = dense ? this.#dense(0, random) : this.#sparse(0, random);
          batch.push({ ...change, timestamp: new Date(EPOCH + 1000 * i) });
        }
        db.applyDeltas(batch);
      }
      this.#chain = { db, deltas, dense };
    }
    const { db } = this.#chain;
    const id = vectorId(0);
    return blocks(40, 64, () => {
      const at = new Date(EPOCH + 1000 * deltas * random.next());
      return () => db.getVectorAt(id, at)!.length;
    });
  }

  /** A vector as it was a moment ago, 100 sparse deltas behind its last checkpoint. */
  #recompose(random: Random): HistoryResult {
    const interval = 200;
    using db = this.#historyOf1(interval);
    for (let i = 1; i <= interval + 100; i++) {
      db.applyDelta({ ...this.#sparse(0, random), timestamp: new Date(EPOCH + 1000 * i) });
    }
    const id = vectorId(0);
    // Of these the create and 199 deltas are in the checkpoint, 101 are not; the last is not asked for.
    const at = new Date(EPOCH + 1000 * (interval + 99));
    return blocks(40, 64, () => () => db.getVectorAt(id, at)!.length);
  }

  #historyOf1(checkpointInterval: number): DeltaVectorDB {
    const db = new DeltaVectorDB({ dimensions: this.#base.columns, checkpointInterval });
    db.applyDelta({ ...this.#create(0), timestamp: new Date(EPOCH) });
    return db;
  }

  /**
   * Deltas of another replica, sparse, in random order, into a database that has their vectors, each with a few deltas.
   *
   * @param late - the part of them that sorts before what is there
   * @param perCall - frames in a call
   */
  #merge(deltas: number, late: number, perCall: number, random: Random): HistoryResult {
    const vectors = Math.min(Math.ceil(deltas / DELTAS_PER_VECTOR), this.#base.rows);
    const writer = new SealedFrameWriter();
    let sequence = 0;
    const send = (delta: VectorDelta, time: number): Sent => ({
      time,
      frame: writer.write(delta, { time, sequence: ++sequence, replica: OTHER }),
    });
    // Creates in the first second, then a day of what is there already, then what is to come.
    const day = 86_400_000;
    const there = Array.from({ length: vectors }, (_, i) => send(this.#create(i), EPOCH + i));
    for (let i = 0; i < vectors * DELTAS_PER_VECTOR; i++) {
      there.push(send(this.#sparse(i % vectors, random), EPOCH + 1000 + random.below(day)));
    }
    const news: Sent[] = [];
    for (let i = 0; i < deltas; i++) {
      const from = EPOCH + 1000 + (i < late * deltas ? 0 : day);
      news.push(send(this.#sparse(random.below(vectors), random), from + random.below(day)));
    }
    shuffle(news, random);
    const calls: Uint8Array[] = [];
    for (let i = 0; i < news.length; i += perCall) {
      calls.push(joined(news.slice(i, i + perCall).map(({ frame }) => frame)));
    }
    using db = new DeltaVectorDB({
      dimensions: this.#base.columns,
      checkpointInterval: CHECKPOINT_INTERVAL,
      ...SETTINGS,
    });
    db.merge(joined(there.map(({ frame }) => frame)));

    let merged = 0;
    const start = performance.now();
    for (const call of calls) {
      merged += db.merge(call).merged;
    }
    const us = (1000 * (performance.now() - start)) / deltas;
    if (merged !== deltas) {
      throw new Error(`merged ${merged} of ${deltas} deltas`);
    }
    return { us: [us] };
  }

  /** The same calls on a database with history and on one without, by turns. */
  present({ blocks: count, seed }: PresentRequest): PresentResult {
    const random = new Random(seed);
    const n = Math.min(this.#base.rows, PRESENT_VECTORS);
    this.#present ??= this.#build(n);
    const { on, off } = this.#present;
    const result = Object.fromEntries(
      PRESENT.map((what) => [what, { on: [], off: [] }]),
    ) as unknown as Record<Present, { on: number[]; off: number[] }>;
    let next = random.below(this.#queries.rows);
    const measure = <T>(
      what: Present,
      calls: number,
      make: () => T,
      call: (db: DeltaVectorDB, given: T) => number,
      block: number,
    ): void => {
      const given = Array.from({ length: calls }, make);
      const run = (db: DeltaVectorDB): number => {
        const start = performance.now();
        for (const one of given) {
          sink += call(db, one);
        }
        return (1000 * (performance.now() - start)) / calls;
      };
      // Who comes second finds the deltas in the caches.
      if (block % 2 === 0) {
        result[what].on.push(run(on));
        result[what].off.push(run(off));
      } else {
        result[what].off.push(run(off));
        result[what].on.push(run(on));
      }
    };
    const anywhere = (): number => random.below(n);
    for (let b = 0; b < count; b++) {
      measure(
        "apply_sparse",
        256,
        () => this.#sparse(anywhere(), random),
        (db, delta) => db.applyDelta(delta).length,
        b,
      );
      measure(
        "apply_dense",
        128,
        () => this.#dense(anywhere(), random),
        (db, delta) => db.applyDelta(delta).length,
        b,
      );
      measure(
        "batch_100",
        4,
        () => Array.from({ length: BATCH }, () => this.#sparse(anywhere(), random)),
        (db, deltas) => db.applyDeltas(deltas).length,
        b,
      );
      measure(
        "search",
        16,
        () => row(this.#queries, next++ % this.#queries.rows),
        (db, query) => db.search(query, K).length,
        b,
      );
    }
    return result;
  }

  #build(n: number): { on: DeltaVectorDB; off: DeltaVectorDB } {
    const make = (history: boolean): DeltaVectorDB =>
      new DeltaVectorDB({
        dimensions: this.#base.columns,
        maxVectors: n,
        replicaId: "000000000001",
        history,
        ...SETTINGS,
      });
    const both = { on: make(true), off: make(false) };
    for (let from = 0; from < n; from += BUILD_BATCH) {
      const size = Math.min(BUILD_BATCH, n - from);
      const batch = Array.from({ length: size }, (_, i) => this.#create(from + i));
      both.on.applyDeltas(batch);
      both.off.applyDeltas(batch);
    }
    return both;
  }

  /** What history takes on the wire. */
  bytes(): HistoryBytes {
    return {
      lossless: this.#stream(null),
      grid256: this.#stream(256),
      grid474: this.#stream(474),
      sparse: this.#changes((i, random) => this.#sparse(i, random)),
      metadata: this.#changes((i, _, n) => ({
        vectorId: vectorId(i),
        operation: { type: "sparse", indices: new Uint32Array(0), values: new Float32Array(0) },
        metadata: { status: "reviewed", revision: 1000 + n },
      })),
    };
  }

  /** The whole stream of real edits, sent to another database, which must end in the same state. */
  #stream(grid: number | null): StreamBytes {
    const options = {
      dimensions: this.#edited.columns,
      precision: grid === null ? null : { grid },
      ...NO_SEARCH,
    };
    using db = new DeltaVectorDB(options);
    let minCosine = 1;
    for (const delta of editDeltas(this.#edits, this.#edited)) {
      db.applyDelta(delta);
      const { vectorId: id, operation } = delta;
      if (operation.type === "create" || operation.type === "dense") {
        minCosine = Math.min(minCosine, cosine(db.getVectorView(id)!, operation.vector));
      }
    }
    const stream = db.deltasSince();
    using other = new DeltaVectorDB(options);
    other.merge(stream);
    if (other.stateDigest() !== db.stateDigest()) {
      throw new Error("the other database ends in another state");
    }
    return { ...countFrames(stream), minCosine };
  }

  /** Mean bytes of a delta among many, of many vectors, that another database lacks. */
  #changes(make: (index: number, random: Random, n: number) => VectorDelta): number {
    const vectors = Math.min(1000, this.#base.rows);
    const deltas = 10 * vectors;
    const random = new Random(5);
    using db = new DeltaVectorDB({ dimensions: this.#base.columns, ...NO_SEARCH });
    for (let i = 0; i < vectors; i++) {
      db.applyDelta({ ...this.#create(i), timestamp: new Date(EPOCH) });
    }
    const cursor = db.cursor();
    let time = EPOCH;
    for (let i = 0; i < deltas; i++) {
      time += random.below(60_000);
      db.applyDelta({ ...make(random.below(vectors), random, i), timestamp: new Date(time) });
    }
    return db.deltasSince(cursor).length / deltas;
  }

  #create(index: number): VectorDelta {
    return {
      vectorId: vectorId(index),
      operation: { type: "create", vector: row(this.#base, index) },
    };
  }

  #sparse(index: number, random: Random): VectorDelta {
    const vector = row(this.#base, index);
    const indices = random.distinct(SPARSE_VALUES, vector.length);
    const values = Float32Array.from(indices, (i) => vector[i]! + STEP * random.gaussian());
    return { vectorId: vectorId(index), operation: { type: "sparse", indices, values } };
  }

  #dense(index: number, random: Random): VectorDelta {
    const vector = row(this.#base, index).map((value) => value + STEP * (2 * random.next() - 1));
    return { vectorId: vectorId(index), operation: { type: "dense", vector } };
  }
}

/** What the calls gave: keeps the engine from leaving them out. */
export let sink = 0;

/** Times blocks of calls, each made ready just before its block. */
function blocks(count: number, size: number, make: () => () => number): HistoryResult {
  const us: number[] = [];
  for (let i = 0; i < count; i++) {
    const calls = Array.from({ length: size }, make);
    let sum = 0;
    const start = performance.now();
    for (const call of calls) {
      sum += call();
    }
    us.push((1000 * (performance.now() - start)) / size);
    sink += sum;
  }
  return { us };
}

/** Puts a list into random order (Fisher and Yates). */
function shuffle(list: unknown[], random: Random): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [list[i], list[j]] = [list[j], list[i]];
  }
}

function cosine(a: Float32Array, b: Float32Array): number {
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! * a[i]!;
    bb += b[i]! * b[i]!;
  }
  return ab / Math.sqrt(aa * bb);
}

/** Kinds of frames by operation, as `docs/format.md` numbers them. */
const KINDS = [
  undefined,
  "create",
  "metadata",
  "dense",
  undefined,
  undefined,
  "delete",
  "metadata",
] as const;

function countFrames(stream: Uint8Array): Omit<StreamBytes, "minCosine"> {
  const none = (): { -readonly [K in keyof FrameCount]: number } => ({ count: 0, bytes: 0 });
  const counts = { create: none(), dense: none(), metadata: none(), delete: none() };
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  for (let at = 0; at < stream.length; ) {
    const length = view.getUint32(at, true) & 0xff_ffff;
    const kind = KINDS[stream[at + 8]! & 7];
    if (kind !== undefined) {
      counts[kind].count++;
      counts[kind].bytes += length;
    }
    at += length;
  }
  return { total: stream.length, ...counts };
}
