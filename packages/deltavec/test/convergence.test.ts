// The same deltas, in any order and repetition, end in the same state here and on the JVM: the core's ConvergenceTest writes
// what they were and the digest they led to there.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { DeltaVectorDB, init } from "deltavec";
import { PACKAGE } from "./support/process.ts";
import { Random } from "./support/random.ts";

before(() => init());

const FILE = join(PACKAGE, "../../core/target/convergence/deltas.bin");
const ORDERS = 3;
const NOW = 2_000_000;

/** The seed of this run: DELTAVEC_SEED, or another one each time. */
const { DELTAVEC_SEED = Date.now() % 2 ** 32 } = process.env;
const SEED = Number(DELTAVEC_SEED);

/** Deltas that led to a state. */
interface DeltaSet {
  readonly dimensions: number;
  readonly grid: number;
  readonly checkpointInterval: number;
  readonly frames: readonly Uint8Array[];
  readonly digest: string;
}

function read(bytes: Uint8Array): DeltaSet[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const word = (): number => {
    at += 4;
    return view.getUint32(at - 4, true);
  };
  const sets: DeltaSet[] = [];
  for (let left = word(); left > 0; left--) {
    const [dimensions, grid, checkpointInterval, count] = [word(), word(), word(), word()];
    const frames: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const length = word();
      frames.push(bytes.subarray(at, at + length));
      at += length;
    }
    const digest = view.getBigUint64(at, true).toString(16).padStart(16, "0");
    at += 8;
    sets.push({ dimensions, grid, checkpointInterval, frames, digest });
  }
  assert.equal(at, bytes.length, "bytes are left over");
  return sets;
}

function concat(frames: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(frames));
}

test("any order and repetition ends in the state of the JVM", (t) => {
  if (!existsSync(FILE)) {
    t.skip("the core's tests have not run: ./mvnw -pl core verify");
    return;
  }
  t.diagnostic(`seed ${SEED}`);
  const random = new Random(SEED);
  const sets = read(readFileSync(FILE));
  assert.ok(sets.length > 0);
  for (const [i, { dimensions, grid, checkpointInterval, frames, digest }] of sets.entries()) {
    for (let order = 0; order < ORDERS; order++) {
      const list = [...frames, ...frames.filter(() => random.below(4) === 0)];
      for (let last = list.length - 1; last > 0; last--) {
        const other = random.below(last + 1);
        [list[last], list[other]] = [list[other], list[last]];
      }
      using db = new DeltaVectorDB({
        dimensions,
        checkpointInterval: order === 0 ? checkpointInterval : 1 + random.below(9),
        precision: grid === 0 ? null : { grid },
        hnswM: 4,
        hnswEfConstruction: 8,
        now: () => NOW,
      });
      let merged = 0;
      while (list.length > 0) {
        merged += db.merge(concat(list.splice(0, 1 + random.below(list.length)))).merged;
      }
      assert.equal(merged, frames.length, `seed ${SEED}, set ${i}: deltas merged`);
      assert.equal(db.stateDigest(), digest, `seed ${SEED}, set ${i}, order ${order}: digest`);
    }
  }
});
