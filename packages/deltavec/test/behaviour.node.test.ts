// The behaviour suite on this Node.
import { before, test } from "node:test";
import { DeltaVectorDB, init } from "deltavec";
import { behaviourSuite } from "./behaviour/suite.ts";

before(() => init());
behaviourSuite({ test }, (options) => new DeltaVectorDB(options), { runs: 200 });
