// Processes that write to durable databases are killed. DELTAVEC_KILLS says how often, of each kind; test/crash/main.ts does so
// without a test. The last line says what came of all of them, as JSON.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { init } from "deltavec";
import { killOften, type Outcome, summary } from "./crash/kills.ts";
import { PLACES } from "./crash/places.ts";

const { DELTAVEC_KILLS, DELTAVEC_SEED } = process.env;
const seed = Number(DELTAVEC_SEED ?? randomBytes(4).readUInt32LE());
const outcomes: Outcome[] = [];

before(() => init());

after(() => console.log(summary(outcomes)));

for (const [name, kills] of [
  ["node", 6],
  ["jvm", 5],
  ["node-and-jvm", 3],
  ["chromium-opfs", 3],
  ["chromium-idb", 3],
] as const) {
  test(`what was acknowledged outlives kills, and no batch is half there: ${name}`, async () => {
    const folder = await mkdtemp(join(tmpdir(), "deltavec-kills-"));
    try {
      await using place = await PLACES[name](folder);
      const outcome = await killOften(place, Number(DELTAVEC_KILLS ?? kills), seed);
      outcomes.push(outcome);
      assert.deepEqual(outcome.lost, [], `seed ${seed}`);
    } finally {
      await rm(folder, { recursive: true, maxRetries: 5 });
    }
  });
}
