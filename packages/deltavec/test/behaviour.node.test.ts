// The behaviour suite on this Node. DELTAVEC_RUNS says how many random histories are tried of each kind.
import { before, test } from "node:test";
import { DeltaVectorDB, init } from "deltavec";
import { behaviourSuite } from "./behaviour/suite.ts";

const { DELTAVEC_RUNS = 200 } = process.env;

before(() => init());
behaviourSuite({ test }, (options) => new DeltaVectorDB(options), { runs: Number(DELTAVEC_RUNS) });
