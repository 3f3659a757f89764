// The behaviour suite through the bridges on this Node. DELTAVEC_BRIDGE_RUNS says how many random histories are tried.
import { describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { behaviourSuite } from "./behaviour/suite.ts";
import { workerDoor } from "./doors.ts";

const { DELTAVEC_BRIDGE_RUNS = 10 } = process.env;

const script = new URL(import.meta.resolve("deltavec/worker"));
const doors = [
  workerDoor(() => {
    const worker = new Worker(script);
    worker.unref();
    return worker;
  }),
];

for (const { name, open, options } of doors) {
  describe(name, () => {
    behaviourSuite({ test }, open, { ...options, runs: Number(DELTAVEC_BRIDGE_RUNS) });
  });
}
