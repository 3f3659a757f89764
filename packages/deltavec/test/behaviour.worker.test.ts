// The behaviour suite through the bridges on this Node. DELTAVEC_BRIDGE_RUNS says how many random histories are tried.
import { describe, test } from "node:test";
import { behaviourSuite } from "./behaviour/suite.ts";
import { BRIDGES } from "./doors.ts";

const { DELTAVEC_BRIDGE_RUNS = 10 } = process.env;

for (const { name, open, options } of BRIDGES) {
  describe(name, () => {
    behaviourSuite({ test }, open, { ...options, runs: Number(DELTAVEC_BRIDGE_RUNS) });
  });
}
