// What a fuzzer has left of importing on the JVM: each file gives here what was written down there, and never a trap.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import {
  type DeltaDBOptions,
  DeltaError,
  type DeltaMetric,
  type DeltaQuantization,
  DeltaVectorDB,
  init,
} from "deltavec";
import { PACKAGE } from "./support/process.ts";

before(() => init());

const CORPUS = join(PACKAGE, "../../core/src/test/resources/fuzz/import");
const LINES = readFileSync(join(CORPUS, "results.tsv"), "utf8").trimEnd().split("\n");

/** A file, the options to import it with, and what comes of it: a digest, or an error's code. */
interface Entry {
  readonly file: string;
  readonly options: DeltaDBOptions;
  readonly result: string;
}

const ENTRIES: readonly Entry[] = LINES.map((line) => {
  const [file, dimensions, metric, m, quantization, keepFloats, grid, history, most, result] =
    line.split("\t");
  const options: DeltaDBOptions = {
    dimensions: Number(dimensions),
    metric: metric.toLowerCase() as DeltaMetric,
    hnswM: Number(m),
    quantization: quantization.toLowerCase() as DeltaQuantization,
    keepFloats: keepFloats === "true",
    precision: grid === "0" ? null : { grid: Number(grid) },
    history: history === "true",
    maxVectors: Number(most),
    checkpointInterval: 3,
  };
  return { file, options, result };
});

/** Imports a file; returns the digest, or the error's code. */
function imported(db: DeltaVectorDB, file: string): string {
  // The first byte says how the fuzzer came to the rest.
  const stream = readFileSync(join(CORPUS, file)).subarray(1);
  try {
    db.import(stream);
  } catch (error) {
    assert.ok(error instanceof DeltaError, `${file}: ${error}`);
    return error.code;
  }
  return db.stateDigest();
}

for (const { file, options, result } of ENTRIES) {
  test(`${file} gives ${result}`, () => {
    const db = new DeltaVectorDB(options);
    try {
      assert.equal(imported(db, file), result);
      assert.ok(db.checkIndex().ok);
      const query = Float32Array.from({ length: db.options.dimensions }, (_, i) => 1 - i / 3);
      assert.equal(db.search(query, 3).length, Math.min(3, db.size));
    } finally {
      db.close();
    }
  });
}

test("files that are accepted, and files that are refused, are among them", () => {
  const accepted = ENTRIES.filter(({ result }) => /^[0-9a-f]{16}$/.test(result));
  assert.ok(accepted.length > 20 && accepted.length < ENTRIES.length - 5, `${accepted.length}`);
});
