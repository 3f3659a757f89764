// Both components on a page. The page's fragment names the world.
import { behaviourSuite } from "../behaviour/suite.ts";
import type { SmallComponent } from "../component/delta-vector.ts";
import { smallSuite } from "../component/delta-vector.ts";
import { COMPONENT, faceOf, type WitComponent } from "../component/face.ts";
import { jcoComponent, smallJcoComponent } from "../component/jco.ts";
import { collected, type TestPage } from "../support/listed.ts";

declare global {
  var componentPage: Omit<TestPage, "opened">;
}

let component: WitComponent;
let small: SmallComponent;

globalThis.componentPage =
  location.hash === "#delta-vector"
    ? collected(
        (harness) => smallSuite(harness, () => small),
        async () => {
          small = await smallJcoComponent();
        },
      )
    : collected(
        (harness) =>
          behaviourSuite(harness, (options) => faceOf(component)(options), {
            ...COMPONENT,
            runs: 20,
          }),
        async () => {
          component = await jcoComponent();
        },
      );
