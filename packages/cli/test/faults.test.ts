import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runFaults } from "../src/bench/scale/faults.ts";
import { ROOT } from "../src/paths.ts";

const built = existsSync(join(ROOT, "server", "target", "classpath"));

test("five faults lose no acknowledged delta, double none, and leave all copies equal", {
  skip: built ? false : "the server is not built: ./deltavec server --help does that",
}, async (t) => {
  const seed = Number(process.env.DELTAVEC_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const folder = await mkdtemp(join(tmpdir(), "deltavec-faults-"));
  try {
    const told: string[] = [];
    const found = await runFaults(5, seed, folder, (doing) => told.push(doing)).catch((cause) => {
      throw new Error(`seed ${seed}: ${told.join("; ")}`, { cause });
    });
    t.diagnostic(JSON.stringify(found));
    assert.ok(found.acknowledged > 0);
    assert.deepEqual(
      { lost: found.lost, twice: found.twice, differing: found.differing },
      { lost: 0, twice: 0, differing: 0 },
      JSON.stringify(found),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
