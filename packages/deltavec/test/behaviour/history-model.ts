import fc from "fast-check";
import type { DeltaOperation, VectorDelta } from "../../src/types.ts";
import { check, fails, same } from "./check.ts";
import { timeOf } from "./deltas.ts";
import type { Bench, Face } from "./face.ts";
import { mergePatch } from "./model.ts";

const DIMENSIONS = 2;
const IDS = ["a", "b", "ц"];
const T = 1_700_000_000_000;

type Json = Record<string, unknown>;

/** A delta as the model keeps it: with its id, which has its place among all. */
interface Known {
  readonly deltaId: string;
  readonly vectorId: string;
  readonly operation: DeltaOperation;
  readonly metadata: Json;
  /** On a grid, what a sparse or dense adds to each code. */
  readonly steps: readonly number[];
}

interface State {
  values: number[];
  metadata: Json;
}

/** A replica, its clock, and what it should know. */
interface Replica {
  readonly db: Face;
  now: number;
  /** All deltas that it has seen, by id. */
  readonly known: Map<string, Known>;
  /** Of vectors that were compacted: the newest delta that went. */
  readonly horizons: Map<string, string>;
}

/** What is done, with numbers that are taken modulo what there is. */
interface Step {
  readonly kind: "apply" | "send" | "receive" | "cursor" | "compact" | "rollback" | "read";
  readonly replica: number;
  readonly pick: number;
  readonly other: number;
  readonly time: number;
  readonly values: readonly number[];
}

/** A stream that was given out, and what is in it. */
interface Stream {
  readonly bytes: Uint8Array;
  readonly deltas: readonly Known[];
}

interface Cursor {
  readonly bytes: Uint8Array;
  readonly seen: ReadonlySet<string>;
}

function round(x: number, grid: number): number {
  return Math.floor(x * grid + 0.5);
}

/** The state behind some deltas, the slow and plain way. */
function fold(deltas: Iterable<Known>, grid: number): State | undefined {
  let state: State | undefined;
  const sorted = [...deltas].sort((a, b) => (a.deltaId < b.deltaId ? -1 : 1));
  for (const { operation, metadata, steps } of sorted) {
    if (operation.type === "delete") {
      state = undefined;
      continue;
    }
    if (state === undefined) {
      if (operation.type !== "create") {
        continue;
      }
      state = { values: [], metadata: {} };
    }
    state = {
      values: values(state.values, operation, steps, grid),
      metadata: mergePatch(state.metadata, metadata) as Json,
    };
  }
  return state;
}

function values(
  before: readonly number[],
  operation: DeltaOperation,
  steps: readonly number[],
  grid: number,
): number[] {
  const limited = (x: number): number =>
    grid === 0 ? x : Math.fround(round(Math.fround(x), grid) / grid);
  switch (operation.type) {
    case "create":
      return [...operation.vector].map(limited);
    case "sparse":
    case "dense":
      if (grid !== 0) {
        return before.map((x, i) => Math.fround((round(x, grid) + steps[i]) / grid));
      }
      return operation.type === "dense"
        ? [...operation.vector]
        : before.map((x, i) => {
            const at = operation.indices.indexOf(i);
            return at < 0 ? x : operation.values[at];
          });
    case "scale":
      return before.map((x) => limited(Math.fround(x * Math.fround(operation.factor))));
    case "offset":
      return before.map((x) => limited(Math.fround(x + Math.fround(operation.amount))));
    default:
      return [];
  }
}

/** What a local sparse or dense adds to each code. */
function stepsOf(operation: DeltaOperation, before: State | undefined, grid: number): number[] {
  if (grid === 0 || before === undefined) {
    return [];
  }
  return before.values.map((x, i) => {
    const code = round(x, grid);
    if (operation.type === "dense") {
      return round(operation.vector[i], grid) - code;
    }
    const at = operation.type === "sparse" ? operation.indices.indexOf(i) : -1;
    return at < 0 ? 0 : round((operation as { values: Float32Array }).values[at], grid) - code;
  });
}

/** A delta that a vector takes in its state. */
function operationFor(step: Step, alive: boolean): DeltaOperation {
  const [x, y] = step.values;
  if (!alive) {
    return { type: "create", vector: Float32Array.of(x, y) };
  }
  switch (step.pick % 7) {
    case 0:
      return { type: "dense", vector: Float32Array.of(x, y) };
    case 1:
      return { type: "sparse", indices: Uint32Array.of(0, 1), values: Float32Array.of(x, y) };
    case 2:
    case 3:
      return { type: "sparse", indices: Uint32Array.of(step.time % 2), values: Float32Array.of(x) };
    case 4:
      return { type: "scale", factor: [-1, 0.5, 0.75, 1.25][step.time % 4] };
    case 5:
      return { type: "offset", amount: x };
    default:
      return { type: "delete" };
  }
}

/** Several replicas, and all that was ever given out. */
class World {
  readonly #replicas: readonly Replica[];
  readonly #grid: number;
  readonly #streams: Stream[] = [];
  readonly #cursors: Cursor[] = [];

  constructor(replicas: readonly Replica[], grid: number) {
    this.#replicas = replicas;
    this.#grid = grid;
  }

  async run(step: Step): Promise<void> {
    const replica = this.#replicas[step.replica % this.#replicas.length];
    const vectorId = IDS[step.other % IDS.length];
    replica.now += step.time % 4;
    switch (step.kind) {
      case "apply":
        return this.#apply(replica, vectorId, step);
      case "cursor":
        this.#cursors.push({
          bytes: await replica.db.cursor(),
          seen: new Set(replica.known.keys()),
        });
        return;
      case "send":
        return this.#send(replica, step);
      case "receive":
        return this.#receive(replica, step);
      case "compact":
        return this.#compact(replica, vectorId, step);
      case "rollback":
        return this.#rollBack(replica, vectorId, step);
      default:
        return this.#read(replica, vectorId, T + (step.time % 100) - 5);
    }
  }

  /** Checks all that a replica can be asked for. */
  async check(replica: Replica): Promise<void> {
    const { db } = replica;
    same(await db.position, replica.known.size, "position");
    for (const id of IDS) {
      const state = this.#state(replica, id);
      same(
        await db.getVector(id),
        state === undefined ? null : Float32Array.from(state.values),
        id,
      );
      same(await db.getMetadata(id), state?.metadata ?? null, `metadata of ${id}`);
      const chain = await db.getDeltaChain(id);
      const horizon = replica.horizons.get(id) ?? "";
      same(
        chain.deltas.map(({ deltaId }) => deltaId),
        this.#deltas(replica, id)
          .map(({ deltaId }) => deltaId)
          .filter((deltaId) => deltaId > horizon)
          .sort(),
        `chain of ${id}`,
      );
      same(chain.alive, state !== undefined, `${id} lives`);
      same(chain.horizon, horizon === "" ? null : new Date(timeOf(horizon)), `horizon of ${id}`);
    }
  }

  /** Checks that those who know the same are in the same state. */
  async agree(): Promise<void> {
    const digests = new Map<string, string>();
    for (const { db, known } of this.#replicas) {
      const key = [...known.keys()].sort().join();
      const digest = await db.stateDigest();
      same(digest, digests.get(key) ?? digest, "digest of the same deltas");
      digests.set(key, digest);
    }
  }

  #deltas(replica: Replica, id: string): Known[] {
    return [...replica.known.values()].filter(({ vectorId }) => vectorId === id);
  }

  #state(replica: Replica, id: string, until = "~"): State | undefined {
    const deltas = this.#deltas(replica, id).filter(({ deltaId }) => deltaId <= until);
    return fold(deltas, this.#grid);
  }

  async #apply(replica: Replica, vectorId: string, step: Step): Promise<void> {
    const before = this.#state(replica, vectorId);
    const operation = operationFor(step, before !== undefined);
    const metadata: Json =
      operation.type !== "delete" && step.time % 3 === 0
        ? { [`k${step.pick % 2}`]: step.time % 2 === 0 ? null : { n: step.pick } }
        : {};
    const delta: VectorDelta = {
      vectorId,
      operation,
      ...(step.time % 3 === 0 ? { metadata } : {}),
    };
    if (operation.type === "delete") {
      delete delta.metadata;
    }
    const deltaId = await replica.db.applyDelta(delta);
    const steps = stepsOf(operation, before, this.#grid);
    replica.known.set(deltaId, { deltaId, vectorId, operation, metadata, steps });
  }

  async #send(replica: Replica, step: Step): Promise<void> {
    const cursor = this.#cursors[step.pick % (this.#cursors.length + 1)];
    const deltas = [...replica.known.values()].filter(
      ({ deltaId }) => cursor === undefined || !cursor.seen.has(deltaId),
    );
    const gone = deltas.filter(
      ({ vectorId, deltaId }) => deltaId <= (replica.horizons.get(vectorId) ?? ""),
    );
    if (gone.length > 0) {
      const pattern = new RegExp(`\\b${gone.length}\\b`);
      await fails(() => replica.db.deltasSince(cursor?.bytes), "HISTORY_COMPACTED", pattern);
      return;
    }
    this.#streams.push({ bytes: await replica.db.deltasSince(cursor?.bytes), deltas });
  }

  async #receive(replica: Replica, step: Step): Promise<void> {
    if (this.#streams.length === 0) {
      return;
    }
    // One stream, or two, the newer first.
    const first = this.#streams[step.pick % this.#streams.length];
    const second = this.#streams[step.other % this.#streams.length];
    const streams = step.time % 2 === 0 ? [first] : [second, first];
    const expected = { merged: 0, duplicates: 0, rejected: 0 };
    for (const delta of streams.flatMap(({ deltas }) => deltas)) {
      if (replica.known.has(delta.deltaId)) {
        expected.duplicates++;
      } else if (delta.deltaId <= (replica.horizons.get(delta.vectorId) ?? "")) {
        expected.rejected++;
      } else {
        replica.known.set(delta.deltaId, delta);
        expected.merged++;
      }
    }
    const bytes = Uint8Array.from(streams.flatMap((stream) => [...stream.bytes]));
    const { merged, duplicates, rejected } = await replica.db.merge(bytes);
    same({ merged, duplicates, rejected: rejected.count }, expected, "result of the merge");
    same(rejected.bytes.length > 0, rejected.count > 0, "bytes that come back");
  }

  async #compact(replica: Replica, vectorId: string, step: Step): Promise<void> {
    const only = step.time % 2 === 0;
    if (only && this.#deltas(replica, vectorId).length === 0) {
      await fails(() => replica.db.compact({ ids: [vectorId] }), "VECTOR_NOT_FOUND", /there is no/);
      return;
    }
    const keepLast = step.pick % 4;
    const before = T + (step.time % 60);
    const ids = only ? [vectorId] : IDS;
    const { deltas } = await replica.db.compact({
      keepLast,
      before: new Date(before),
      ...(only ? { ids } : {}),
    });
    let gone = 0;
    for (const id of ids) {
      const horizon = replica.horizons.get(id) ?? "";
      const chain = this.#deltas(replica, id)
        .map(({ deltaId }) => deltaId)
        .filter((deltaId) => deltaId > horizon)
        .sort();
      const cut = chain
        .slice(0, Math.max(0, chain.length - keepLast))
        .filter((deltaId) => timeOf(deltaId) < before);
      if (cut.length > 0) {
        replica.horizons.set(id, cut[cut.length - 1]);
      }
      gone += cut.length;
    }
    same(deltas, gone, "deltas compacted");
  }

  async #rollBack(replica: Replica, vectorId: string, step: Step): Promise<void> {
    const chain = this.#deltas(replica, vectorId).sort((a, b) => (a.deltaId < b.deltaId ? -1 : 1));
    if (chain.length === 0) {
      return;
    }
    const { deltaId } = chain[step.pick % chain.length];
    if (deltaId <= (replica.horizons.get(vectorId) ?? "")) {
      await fails(
        () => replica.db.rollbackTo(vectorId, deltaId),
        "HISTORY_COMPACTED",
        /compacted away/,
      );
      return;
    }
    const before = this.#state(replica, vectorId);
    const wanted = this.#state(replica, vectorId, deltaId);
    const ids = await replica.db.rollbackTo(vectorId, deltaId);
    check(ids.length <= 1, `${ids.length} deltas for one rollback`);
    const { deltas } = await replica.db.getDeltaChain(vectorId);
    for (const { deltaId: id, operation, metadata = {} } of deltas) {
      if (ids.includes(id)) {
        const steps = stepsOf(operation, before, this.#grid);
        replica.known.set(id, { deltaId: id, vectorId, operation, metadata, steps });
      }
    }
    same(this.#state(replica, vectorId), wanted, "state that the new deltas lead to");
  }

  async #read(replica: Replica, vectorId: string, time: number): Promise<void> {
    const { db, horizons } = replica;
    const horizon = horizons.get(vectorId) ?? "";
    const when = new Date(time);
    if (horizon !== "" && timeOf(horizon) > time) {
      await fails(() => db.getVectorAt(vectorId, when), "HISTORY_COMPACTED", /compacted/);
      await fails(() => db.getMetadataAt(vectorId, when), "HISTORY_COMPACTED", /compacted/);
      return;
    }
    const deltas = this.#deltas(replica, vectorId).filter((each) => timeOf(each.deltaId) <= time);
    const state = fold(deltas, this.#grid);
    same(
      await db.getVectorAt(vectorId, when),
      state === undefined ? null : Float32Array.from(state.values),
      `${vectorId} at ${time - T}`,
    );
    same(await db.getMetadataAt(vectorId, when), state?.metadata ?? null, "metadata then");
    if ([...horizons.values()].every((id) => timeOf(id) <= time)) {
      const alive = IDS.filter((id) => {
        const then = this.#deltas(replica, id).filter((each) => timeOf(each.deltaId) <= time);
        return fold(then, this.#grid) !== undefined;
      });
      const hits = await db.searchAt(Float32Array.of(1, 2), IDS.length, when);
      same(hits.map(({ id }) => id).sort(), alive.sort(), "found then");
    }
  }
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    ...(["apply", "apply", "apply", "apply", "send", "send", "receive", "receive"] as const),
    ...(["cursor", "compact", "rollback", "read", "read"] as const),
  ),
  replica: fc.nat(3),
  pick: fc.nat(1000),
  other: fc.nat(1000),
  time: fc.nat(1000),
  values: fc.array(
    fc.integer({ min: -20, max: 20 }).map((n) => n / 7),
    {
      minLength: 2,
      maxLength: 2,
    },
  ),
});

/**
 * Random lives of several replicas, their messages late, doubled and out of order, against a naive list of deltas; seed and
 * smallest case are in the error.
 */
export function historyModel({ test, open }: Bench, runs: number): void {
  for (const grid of [0, 8]) {
    test(`replicas do what lists of deltas do, ${grid === 0 ? "with floats" : "on a grid"}`, async () => {
      const property = fc.asyncProperty(
        fc.integer({ min: 2, max: 4 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(step, { minLength: 1, maxLength: 60, size: "max" }),
        async (count, checkpointInterval, steps) => {
          const replicas: Replica[] = [];
          for (let i = 0; i < count; i++) {
            const db = await open({
              dimensions: DIMENSIONS,
              checkpointInterval,
              precision: grid === 0 ? null : { grid },
              replicaId: `00000000000${i}`,
              now: () => replicas[i].now,
            });
            replicas.push({ db, now: T, known: new Map(), horizons: new Map() });
          }
          const world = new World(replicas, grid);
          for (const each of steps) {
            await world.run(each);
            await world.check(replicas[each.replica % count]);
          }
          await world.agree();
          for (const { db } of replicas) {
            await db.close();
          }
        },
      );
      await fc.assert(property, { numRuns: runs });
    });
  }
}
