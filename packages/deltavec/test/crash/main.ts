// Kills what writes to durable databases, many times, and prints what came of it as a line of JSON.
// Run by hand or by the benchmarks: node test/crash/main.ts [kills of each place, default 100] [seed] [places, default all]
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { init } from "deltavec";
import { killOften, summary } from "./kills.ts";
import { PLACES } from "./places.ts";

const [kills = "100", seed = `${randomBytes(4).readUInt32LE()}`, ...names] = process.argv.slice(2);
await init();
const outcomes = [];
for (const name of names.length > 0 ? names : Object.keys(PLACES)) {
  const folder = await mkdtemp(join(tmpdir(), "deltavec-kills-"));
  await using place = await PLACES[name](folder);
  const outcome = await killOften(place, Number(kills), Number(seed));
  outcomes.push(outcome);
  console.error(JSON.stringify(outcome));
  if (outcome.lost.length === 0) {
    await rm(folder, { recursive: true, maxRetries: 5 });
  }
}
console.log(summary(outcomes));
process.exitCode = outcomes.every(({ lost }) => lost.length === 0) ? 0 : 1;
