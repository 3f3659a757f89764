// A process of Node that opens the database it is told, obeys, and is killed: node node-victim.ts URL DIMENSIONS
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { DeltaVectorDB, init } from "deltavec";
import { Victim } from "./victim.ts";

const [url, dimensions] = process.argv.slice(2);
await init();
// Not by the stream: what was said must not be in this process any more when it is killed.
const victim = new Victim(
  await DeltaVectorDB.open(url, { dimensions: Number(dimensions), durability: "strict" }),
  (line) => void writeSync(1, `${line}\n`),
);
await victim.begin();
for await (const line of createInterface({ input: process.stdin })) {
  void victim.obey(line);
}
