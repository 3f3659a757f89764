// The behaviour suite through the bridges on this Node. DELTAVEC_BRIDGE_RUNS says how many random histories are tried.
import { before, describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { init } from "deltavec";
import { behaviourSuite } from "./behaviour/suite.ts";
import { poolDoor, sharedDoor, workerDoor } from "./doors.ts";

const { DELTAVEC_BRIDGE_RUNS = 5 } = process.env;

const script = new URL(import.meta.resolve("deltavec/worker"));
const start = (): Worker => {
  const worker = new Worker(script);
  worker.unref();
  return worker;
};
const doors = [poolDoor(), workerDoor(start), sharedDoor(start)];

before(() => init());

for (const { name, open, options } of doors) {
  describe(name, () => {
    behaviourSuite({ test }, open, { ...options, runs: Number(DELTAVEC_BRIDGE_RUNS) });
  });
}
