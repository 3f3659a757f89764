// The second world as jco transpiles it.
import { type Database, instantiate } from "deltavec/component";
import type { WitComponent } from "./face.ts";

/** Makes an instance. */
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
