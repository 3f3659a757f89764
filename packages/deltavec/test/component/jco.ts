// The components as jco transpiles them.
import { type Database, instantiate } from "deltavec/component";
import {
  instantiate as instantiateSmall,
  type Database as SmallDatabase,
} from "deltavec/component/delta-vector";
import type { SmallComponent } from "./delta-vector.ts";
import type { WitComponent } from "./face.ts";

/** Makes an instance of the second world. */
export async function jcoComponent(): Promise<WitComponent> {
  let time: number | undefined;
  const { Database } = await instantiate({ now: () => time ?? Date.now() });
  return {
    open: (options) => Database.open(options),
    drop: (database) => (database as Database)[Symbol.dispose](),
    setClock(given) {
      time = given;
    },
  };
}

/** Makes an instance of the first world. */
export async function smallJcoComponent(): Promise<SmallComponent> {
  const { Database } = await instantiateSmall();
  return {
    create: (dimensions) => new Database(dimensions),
    drop: (database) => (database as SmallDatabase)[Symbol.dispose](),
  };
}
