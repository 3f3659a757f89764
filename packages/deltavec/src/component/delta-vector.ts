/**
 * The component of the world `ruvector:delta/delta-vector-world` for JavaScript, as jco transpiles it: the same core as
 * `deltavec`, behind the types of its WIT.
 *
 * @packageDocumentation
 */
import * as glue from "../../target/component/delta-vector.glue";
import type { InitSource } from "../types.ts";
import type { DeltaDb } from "./delta-vector-types.ts";
import { Instances } from "./instances.ts";

export type { InitSource } from "../types.ts";
export { ComponentError } from "./component-error.ts";
export type * from "./delta-vector-types.ts";

const instances = /* @__PURE__ */ new Instances<{ readonly deltaDb: DeltaDb }>(
  glue,
  () => new URL("./delta-vector.core.wasm", import.meta.url),
);

/**
 * Loads the component. To be awaited, as nothing is loaded when this module is imported (there is no top-level `await` in it);
 * calling it again gives the same promise and ignores the source, after a failure it tries again.
 *
 * All databases are in one memory, which never shrinks.
 *
 * @param source - where the core module comes from; by default `delta-vector.core.wasm` beside this file, which bundlers bring
 * along that know `new URL("…", import.meta.url)`
 * @throws an error (as a rejection) with a `code` as those of `deltavec` have: `UNSUPPORTED_PLATFORM` naming what the engine
 * lacks, `INVALID_ARGUMENT` if the source cannot be loaded, `CORRUPT_DATA` if it is not WebAssembly, `UNSUPPORTED_VERSION` if it
 * is another module
 *
 * @example
 * ```ts
 * import { init } from "deltavec/component/delta-vector";
 *
 * const { Database } = await init();
 * const db = new Database(3);
 * db.applyDelta({ vectorId: "a", operation: { tag: "create", val: Float32Array.of(1, 0, 0) } });
 * db.search(Float32Array.of(1, 0.1, 0), 1); // [{ id: "a", score: 0.995… }]
 * ```
 */
export async function init(source?: InitSource): Promise<DeltaDb> {
  return (await instances.shared(() => ({}), source)).deltaDb;
}

/**
 * Makes an instance of the component with a memory of its own, which goes when the instance and its databases are not reachable
 * any more. Also what to do when a call has ended in a `WebAssembly.RuntimeError`: that instance refuses all further calls.
 *
 * @param options - a `source`, as of {@link init}, which has the errors, too
 */
export async function instantiate(
  options: { readonly source?: InitSource } = {},
): Promise<DeltaDb> {
  return (await instances.make(() => ({}), options.source)).deltaDb;
}
