/**
 * The component of the world `deltavec:db/deltavec-world` for JavaScript, as jco transpiles it: the same core as `deltavec`,
 * behind the types of its WIT.
 *
 * @packageDocumentation
 */
import * as glue from "../../target/component/deltavec.glue";
import type { InitSource } from "../types.ts";
import { wallClock } from "./clock.ts";
import type { Databases } from "./deltavec-types.ts";
import { Instances } from "./instances.ts";

export type { InitSource } from "../types.ts";
export { ComponentError } from "./component-error.ts";
export type * from "./deltavec-types.ts";

const instances = /* @__PURE__ */ new Instances<{ readonly databases: Databases }>(
  glue,
  () => new URL("./deltavec.core.wasm", import.meta.url),
);

const imports = (now: () => number) => (): Record<string, object> => ({
  "wasi:clocks/wall-clock": wallClock(now),
});

/**
 * Loads the component. To be awaited, as nothing is loaded when this module is imported (there is no top-level `await` in it);
 * calling it again gives the same promise and ignores the source, after a failure it tries again.
 *
 * All databases are in one memory, which never shrinks.
 *
 * @param source - where the core module comes from; by default `deltavec.core.wasm` beside this file, which bundlers bring along
 * that know `new URL("…", import.meta.url)`
 * @throws an error (as a rejection) with a `code` as those of `deltavec` have: `UNSUPPORTED_PLATFORM` naming what the engine
 * lacks, `INVALID_ARGUMENT` if the source cannot be loaded, `CORRUPT_DATA` if it is not WebAssembly, `UNSUPPORTED_VERSION` if it
 * is another module
 *
 * @example
 * ```ts
 * import { init } from "deltavec/component";
 *
 * const { Database } = await init();
 * const db = Database.open({ dimensions: 3 });
 * db.apply([{ vectorId: "a", operation: { tag: "create", val: Float32Array.of(1, 0, 0) } }]);
 * db.search(Float32Array.of(1, 0.1, 0), 1, {}); // [{ id: "a", score: 0.995… }]
 * ```
 */
export async function init(source?: InitSource): Promise<Databases> {
  return (await instances.shared(imports(Date.now), source)).databases;
}

/** What an instance is made with. All is optional. */
export interface InstanceOptions {
  /** Where the core module comes from, as for {@link init}. */
  readonly source?: InitSource;
  /** The clock, Unix milliseconds, 0 to 2^48-1. Default `Date.now`. */
  readonly now?: () => number;
}

/**
 * Makes an instance of the component with a memory of its own, which goes when the instance and its databases are not reachable
 * any more. Also what to do when a call has ended in a `WebAssembly.RuntimeError`: that instance refuses all further calls.
 *
 * @throws as {@link init}
 */
export async function instantiate(options: InstanceOptions = {}): Promise<Databases> {
  const { source, now = Date.now } = options;
  return (await instances.make(imports(now), source)).databases;
}
