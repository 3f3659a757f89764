// The behaviour suite on the component as jco transpiles it, in Node. DELTAVEC_RUNS says how many random histories are tried of
// each kind.
import { before, test } from "node:test";
import type { Open } from "../behaviour/face.ts";
import { behaviourSuite } from "../behaviour/suite.ts";
import { COMPONENT, faceOf } from "./face.ts";
import { jcoComponent } from "./jco.ts";

const { DELTAVEC_RUNS = 60 } = process.env;

let open: Open;

before(async () => {
  open = faceOf(await jcoComponent());
});
behaviourSuite({ test }, (options) => open(options), {
  ...COMPONENT,
  runs: Number(DELTAVEC_RUNS),
});
