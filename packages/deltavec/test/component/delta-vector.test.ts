// The first world as jco transpiles it, in Node.
import { before, test } from "node:test";
import type { SmallComponent } from "./delta-vector.ts";
import { smallSuite } from "./delta-vector.ts";
import { smallJcoComponent } from "./jco.ts";

let component: SmallComponent;

before(async () => {
  component = await smallJcoComponent();
});
smallSuite({ test }, () => component);
